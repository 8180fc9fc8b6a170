"""Recordings that Telnyx made; they come seconds to minutes after stop or hangup.

Any of them may come without `call_control_id`: find the call by `call_leg_id`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from voiced.telnyx.events.base import CallEvent
from voiced.telnyx.events.readers import loose_text, optional, time, urls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from voiced.telnyx.events.readers import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSaved(CallEvent):
    """A recording is ready, often long after the hangup.

    `urls` maps `mp3` or `wav` to a presigned address that dies after 10 minutes.
    """

    recording_id: str
    channels: str
    urls: Mapping[str, str] = field(repr=False)
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingError(CallEvent):
    """A recording could not be stored."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingTranscribed(CallEvent):
    """A finished recording has been written down (`call.recording.transcription.saved`)."""

    recording_id: str
    transcription_id: str
    text: str = field(repr=False)
    status: str


EVENTS: Table = MappingProxyType(
    {
        "call.recording.saved": (
            RecordingSaved,
            {
                "recording_id": optional("recording_id"),
                "channels": optional("channels"),
                "urls": urls("recording_urls"),
                "started_at": time("recording_started_at"),
                "ended_at": time("recording_ended_at"),
            },
        ),
        "call.recording.error": (RecordingError, {"reason": optional("reason", "unknown")}),
        "call.recording.transcription.saved": (
            RecordingTranscribed,
            {
                "recording_id": optional("recording_id"),
                "transcription_id": optional("recording_transcription_id"),
                "text": loose_text("transcription_text"),
                "status": optional("status", "unknown"),
            },
        ),
    }
)
