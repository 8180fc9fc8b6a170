"""The first line of a recording: what ran, and how it was set up. No secrets.

`config` holds the tables that decide how a call goes, and of the account only whether it has a key.
Secrets of providers are masked by their type and, to be safe, by their name.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from voiced import __version__
from voiced.agent.base import AudioAgent
from voiced.flight.entries import FORMAT, VERSION

if TYPE_CHECKING:
    from voiced.config import Config
    from voiced.config.table import ProviderConfig
    from voiced.services.services import Staff

LIBRARIES = ("trio", "quart-trio", "hypercorn", "websockets", "httpx", "numpy", "scipy")

PROVIDERS = ("recognizer", "agent", "synthesizer")

_ELSEWHERE = {
    "server",
    "admin",
    "telnyx",
    "log",
    "records",
    "post_call",
    "lines",
    "tracing",
    *PROVIDERS,
}
_SECRET = re.compile(r"key|token|secret|password|credential|authorization", re.IGNORECASE)
_MASK = "**********"


def make_header(
    config: Config, staff: Staff, record: dict[str, Any], clock: float
) -> dict[str, Any]:
    """Return the header of the call that `record` begins to describe; `clock` is its origin."""
    document = config_document(config, record["line"])
    return {
        "format": FORMAT,
        "version": VERSION,
        "voiced": __version__,
        "python": platform.python_version(),
        "libraries": library_versions(),
        "call_id": record["call_id"],
        "ref": record["ref"],
        "direction": record["direction"],
        "started_at": record["started_at"],
        "clock": round(clock, 6),
        "config": document,
        "config_sha256": fingerprint(document),
        "rates_hz": {
            "recognizer": getattr(staff.recognizer, "rate_hz", None),
            "synthesizer": getattr(staff.synthesizer, "rate_hz", None),
            "agent": getattr(staff.agent, "rate_hz", None),
        },
        "audio_agent": isinstance(staff.agent, AudioAgent),
        "stand_in": staff.stand_in is not None,
        "repeatable_agent": is_repeatable(staff.agent),
    }


def is_repeatable(agent: object) -> bool:
    """Whether an audio agent does the same whenever it hears the same: nothing of it is noted."""
    return bool(getattr(agent, "repeatable", False)) and isinstance(agent, AudioAgent)


def config_document(config: Config, line: str) -> dict[str, Any]:
    """Return what of `config` decides how a call to `line` goes, as JSON values."""
    document: dict[str, Any] = {
        name: getattr(config, name).model_dump(mode="json")
        for name in type(config).model_fields
        if name not in _ELSEWHERE
    }
    staff = config.staff(line)
    return {
        **document,
        "line": line,
        "lines": {
            name: own.model_dump(mode="json", exclude=set(PROVIDERS))
            for name, own in config.lines.items()
        },
        "recognizer": _provider(staff.recognizer),
        "agent": _provider(staff.agent),
        "synthesizer": _provider(staff.synthesizer),
        "base_url": config.server.base_url,
        "call_url": config.server.call_url,
        "connection_id": config.telnyx.connection_id,
        "has_api_key": config.telnyx.api_key is not None,
    }


def _provider(choice: ProviderConfig) -> dict[str, Any]:
    settings = choice.settings.model_dump(mode="json")
    document = {"provider": choice.provider, "settings": _masked(settings)}
    if choice.fallback:
        document["fallback"] = [_provider(other) for other in choice.fallback]
    return document


def fingerprint(config: dict[str, Any]) -> str:
    """Return a short name for a configuration: the same for the same."""
    text = json.dumps(config, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _MASK if item and _SECRET.search(str(key)) else _masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of `LIBRARIES` that run here."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # a copy without its metadata
            versions[name] = "unknown"
    return versions
