"""What the environment and systemd credentials put over the file.

For each key: environment variable first, then the credential file, then config.toml.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voiced.credentials import Source, look_up
from voiced.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A key that may come from elsewhere."""

    table: str
    key: str
    source: Source


def _override(table: str, key: str, *variables: str, credential: str) -> Override:
    return Override(table=table, key=key, source=Source(variables=variables, credential=credential))


OVERRIDES = (
    _override("telnyx", "api_key", "TELNYX_API_KEY", credential="telnyx_api_key"),
    _override(
        "telnyx",
        "connection_id",
        "TELNYX_APP_ID",
        "TELNYX_CONNECTION_ID",
        credential="telnyx_connection_id",
    ),
    _override("telnyx", "public_key", "TELNYX_PUBLIC_KEY", credential="telnyx_public_key"),
    _override("telnyx", "api_base", "TELNYX_API_BASE", credential="telnyx_api_base"),
    _override("server", "call_url", "VOICED_CALL_URL", credential="call_url"),
    _override("server", "instance", "VOICED_INSTANCE", credential="instance"),
    _override("post_call", "url", "VOICED_POST_CALL_URL", credential="post_call_url"),
    _override("post_call", "secret", "VOICED_POST_CALL_SECRET", credential="post_call_secret"),
    _override("records", "index", "VOICED_INDEX", credential="records_index"),
    _override("admin", "token", "VOICED_ADMIN_TOKEN", credential="admin_token"),
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
            hit = look_up(override.source, environ)
        except ValueError as error:
            found.problems.append(Problem(key=dotted, value="", reason=str(error)))
            continue
        if hit is not None:
            found.values.setdefault(override.table, {})[override.key] = hit.text
            found.origins[dotted] = hit.origin
    return found
