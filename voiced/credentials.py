"""Where values come from that do not belong into a file: the environment, systemd credentials.

Environment variable first, then the credential file. Empty variables count as unset, because
service managers and containers like to pass them on empty. Values are stripped: a credential file
commonly ends in a newline, which no header may carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CREDENTIAL_MAX_BYTES = 64 * 1024  # far above any key; keeps a wrong file from filling memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a value may come from: `variables` in order of preference, one `credential`."""

    variables: tuple[str, ...]
    credential: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A value and where it was found, in words that may be shown; the value may not."""

    text: str
    origin: str


def look_up(source: Source, environ: Mapping[str, str]) -> Hit | None:
    """Look `source` up in `environ` and in its CREDENTIALS_DIRECTORY; None where it has nothing.

    Raises:
        ValueError: variables that contradict each other, or a credential that cannot be read.
    """
    return _from_variables(source, environ) or _from_credential(source, environ)


def _from_variables(source: Source, environ: Mapping[str, str]) -> Hit | None:
    given = {name: environ.get(name, "").strip() for name in source.variables}
    given = {name: text for name, text in given.items() if text}
    if len(set(given.values())) > 1:
        raise ValueError(f"{' and '.join(given)} name different values: unset one of them")
    for name, text in given.items():
        return Hit(text, f"the environment variable {name}")
    return None


def _from_credential(source: Source, environ: Mapping[str, str]) -> Hit | None:
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    if not directory:
        return None
    name = source.credential
    try:
        with (Path(directory) / name).open("rb") as file:
            raw = file.read(CREDENTIAL_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"cannot read the credential {name}: {reason}") from None
    if len(raw) > CREDENTIAL_MAX_BYTES:
        raise ValueError(f"the credential {name} is larger than any key")
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"the credential {name} is not UTF-8 text") from None
    return Hit(text, f"the credential {name}") if text else None
