"""What the environment and systemd credentials put over the file.

For each key: environment variable first, then the credential file, then config.toml. Empty
variables count as unset, because service managers and containers like to pass them on empty.
Values are stripped: a credential file commonly ends in a newline, which no header may carry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from voiced.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

CREDENTIAL_MAX_BYTES = 64 * 1024  # far above any key; keeps a wrong file from filling memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A key that may come from elsewhere: `variables` in order of preference, one `credential`."""

    table: str
    key: str
    variables: tuple[str, ...]
    credential: str


OVERRIDES = (
    Override(
        table="telnyx",
        key="api_key",
        variables=("TELNYX_API_KEY",),
        credential="telnyx_api_key",
    ),
    Override(
        table="telnyx",
        key="connection_id",
        variables=("TELNYX_APP_ID", "TELNYX_CONNECTION_ID"),
        credential="telnyx_connection_id",
    ),
    Override(
        table="telnyx",
        key="public_key",
        variables=("TELNYX_PUBLIC_KEY",),
        credential="telnyx_public_key",
    ),
    Override(
        table="telnyx",
        key="api_base",
        variables=("TELNYX_API_BASE",),
        credential="telnyx_api_base",
    ),
    Override(
        table="server",
        key="instance",
        variables=("VOICED_INSTANCE",),
        credential="instance",
    ),
    Override(
        table="records",
        key="index",
        variables=("VOICED_INDEX",),
        credential="records_index",
    ),
    Override(
        table="admin",
        key="token",
        variables=("VOICED_ADMIN_TOKEN",),
        credential="admin_token",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found outside the file.

    `values` holds table -> key -> text, `origins` the dotted key -> where it came from, in words.
    """

    values: dict[str, dict[str, str]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_overrides(environ: Mapping[str, str]) -> Found:
    """Look every override up in `environ` and in its CREDENTIALS_DIRECTORY."""
    found = Found()
    for override in OVERRIDES:
        dotted = f"{override.table}.{override.key}"
        try:
            hit = _from_variables(override, environ) or _from_credential(override, environ)
        except ValueError as error:
            found.problems.append(Problem(key=dotted, value="", reason=str(error)))
            continue
        if hit is not None:
            text, origin = hit
            found.values.setdefault(override.table, {})[override.key] = text
            found.origins[dotted] = origin
    return found


def _from_variables(override: Override, environ: Mapping[str, str]) -> tuple[str, str] | None:
    given = {name: environ.get(name, "").strip() for name in override.variables}
    given = {name: text for name, text in given.items() if text}
    if len(set(given.values())) > 1:
        raise ValueError(f"{' and '.join(given)} name different values: unset one of them")
    for name, text in given.items():
        return text, f"the environment variable {name}"
    return None


def _from_credential(override: Override, environ: Mapping[str, str]) -> tuple[str, str] | None:
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    if not directory:
        return None
    try:
        with (Path(directory) / override.credential).open("rb") as file:
            raw = file.read(CREDENTIAL_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"cannot read the credential {override.credential}: {reason}") from None
    if len(raw) > CREDENTIAL_MAX_BYTES:
        raise ValueError(f"the credential {override.credential} is larger than any key")
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"the credential {override.credential} is not UTF-8 text") from None
    return (text, f"the credential {override.credential}") if text else None
