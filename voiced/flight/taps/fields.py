"""The fields of what providers tell, as a flight recording holds them. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voiced.recognizer.base import SpeechEvent
    from voiced.record.journal import JournalEvent

TIMES = ("at", "voice_at", "started_at", "last_voice_at")
"""Fields of events that are trio times."""


def fields_of(event: SpeechEvent | JournalEvent, origin: float) -> dict[str, Any]:
    """Return an event's fields, its times counted from `origin`."""
    fields = asdict(event)
    for name in TIMES:
        if fields.get(name) is not None:
            fields[name] = round(fields[name] - origin, 6)
    return fields
