"""Keys of providers: from their table, the environment, or a systemd credential.

What stands in a provider's table goes first, other than with the keys of the daemon itself: two
lines of one daemon may use two accounts of one provider.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import SecretStr

from voiced.credentials import Source, look_up
from voiced.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def provider_key(
    given: SecretStr,
    *,
    variable: str,
    role: str,
    key: str = "api_key",
    environ: Mapping[str, str] | None = None,
) -> SecretStr:
    """Return a provider's key.

    Args:
        given: what stands in the provider's table; "" for nothing.
        variable: environment variable that may hold it; the credential is called the same in small
            letters.
        role: the table, `recognizer`, `agent` or `synthesizer`.
        key: its key there.
        environ: the environment; None for the process's own.

    Raises:
        ConfigError: there is none, or it cannot be sent in a header.
    """
    where = f"{role}.{key}"
    text, origin = given.get_secret_value().strip(), ""
    if not text:
        source = Source(variables=(variable,), credential=variable.lower())
        try:
            hit = look_up(source, os.environ if environ is None else environ)
        except ValueError as error:
            raise ConfigError([Problem(key=where, value="", reason=str(error))]) from None
        if hit is None:
            remedy = (
                f"set the environment variable {variable}, or give systemd the credential "
                f"{variable.lower()}"
            )
            raise ConfigError([Problem(key=where, value="", reason="is missing", remedy=remedy)])
        text, origin = hit.text, hit.origin
    if not (text.isascii() and text.isprintable() and " " not in text):
        reason = "must be one word of visible ASCII characters: it goes into a header"
        shown = f" (from {origin})" if origin else ""
        raise ConfigError([Problem(key=where, value="", reason=reason + shown)])
    return SecretStr(text)
