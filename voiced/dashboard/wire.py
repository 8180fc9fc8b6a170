"""One page of a call's flight recording: what each event says, in a line and in full. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from voiced.flight.entries import Entry

PAGE = 100

MOST_CHARS = 20_000
"""Of one event in full."""

_GIST_CHARS = 140
_SOUND = frozenset({"pcm", "payload"})
_TOLD = ("action", "method", "path", "status", "what", "event", "text", "name", "heard", "reason")
"""Keys whose values tell an event, in this order."""

_WORDS = {"open": "the media socket opens", "end": "the call is over: its record"}
"""What is told of events that say nothing of themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireEvent:
    """One event; `text` is all of it, as JSON."""

    at_s: float
    kind: str
    gist: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WirePage:
    """Events from number `first` (0, 1 ...) on; `has_more` follow."""

    first: int
    events: tuple[WireEvent, ...]
    has_more: bool


def wire_page(entries: Iterable[Entry], *, first: int, with_media: bool) -> WirePage:
    """Return a page; `with_media` counts messages that carry audio as well."""
    shown = (entry for entry in entries if with_media or not _is_media(entry))
    found = list(islice(shown, first, first + PAGE + 1))
    events = tuple(_event(entry) for entry in found[:PAGE])
    return WirePage(first=first, events=events, has_more=len(found) > PAGE)


def _is_media(entry: Entry) -> bool:
    # Told without reading the JSON of thousands of them.
    return entry.kind in {"rx", "tx"} and '"media"' in entry.data["m"][:200]


def _event(entry: Entry) -> WireEvent:
    data = _readable(entry.data)
    text = json.dumps(data, indent=2, ensure_ascii=False)
    if len(text) > MOST_CHARS:
        text = f"{text[:MOST_CHARS]}\n… {len(text) - MOST_CHARS} characters more"
    return WireEvent(
        at_s=round(entry.at_s, 3), kind=entry.kind, gist=_gist(entry.kind, data), text=text
    )


def _readable(value: Any, key: str = "") -> Any:
    """Return a value with messages and bodies taken apart, and audio left out."""
    if isinstance(value, dict):
        return {name: _readable(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, str) and key in _SOUND:
        return f"({len(value)} characters of audio)"
    if isinstance(value, str) and key in {"m", "body"}:
        try:
            return _readable(json.loads(value))
        except (ValueError, RecursionError):
            return value
    return value


def _gist(kind: str, data: Mapping[str, Any]) -> str:
    """Return what an event says, in a line."""
    message, body = data.get("m"), data.get("body")
    if isinstance(message, dict):
        inside = message.get(str(message.get("event")))
        more = _pairs(inside) if isinstance(inside, dict) else ""
        told = f"{message.get('event', '?')} {more}"
    elif isinstance(body, dict) and isinstance(body.get("data"), dict) and "n" not in data:
        told = str(body["data"].get("event_type", "webhook"))
    else:
        told = " ".join(str(data[key]) for key in _TOLD if data.get(key) not in (None, ""))
        told = told or _pairs(data)
    told = " ".join(told.split()) or _WORDS.get(kind) or kind.replace("_", " ")
    return told if len(told) <= _GIST_CHARS else f"{told[: _GIST_CHARS - 1]}…"


def _pairs(data: Mapping[str, Any]) -> str:
    plain = (str, int, float, bool)
    return " ".join(f"{key}={value}" for key, value in data.items() if isinstance(value, plain))
