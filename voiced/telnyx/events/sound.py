"""What Telnyx itself plays and hears: speech, files, keys, transcripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from voiced.telnyx import _fields
from voiced.telnyx.events import readers
from voiced.telnyx.events.base import CallEvent
from voiced.telnyx.events.readers import PAYLOAD, loose_flag, loose_text, optional, text

if TYPE_CHECKING:
    from voiced.telnyx.events.readers import Payload, Read, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakStarted(CallEvent):
    """Telnyx begins to speak what `speak` asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakEnded(CallEvent):
    """Telnyx has stopped speaking: `completed`, `call_hangup`, `cancelled_amd` ..."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStarted(CallEvent):
    """A file begins to play; both names are "" where its content was sent with the command."""

    media_url: str = field(repr=False)
    media_name: str
    overlay: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackEnded(CallEvent):
    """A played file has ended: `completed`, `file_not_found`, `failed` ..."""

    status: str
    status_detail: str
    media_url: str = field(repr=False)
    media_name: str
    overlay: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfReceived(CallEvent):
    """The caller pressed a key; the media socket tells the same once more."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherEnded(CallEvent):
    """Keys that the caller was asked for.

    `status` is `valid`, `invalid`, `timeout`, `cancelled`, `cancelled_amd`, `call_hangup` ...
    """

    digits: str = field(repr=False)
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionReceived(CallEvent):
    """Words that Telnyx's own recognizer heard on `track` (inbound, outbound or "")."""

    transcript: str = field(repr=False)
    is_final: bool
    confidence: float | None
    track: str


def _heard(read: Read) -> Read:
    return lambda payload: read(_fields.object_in(payload, "transcription_data", PAYLOAD))


def _is_final(heard: Payload) -> bool:
    return heard.get("is_final") is True


_STATUS = {"status": optional("status", "unknown")}
_MEDIA = {
    "media_url": loose_text("media_url"),
    "media_name": loose_text("media_name"),
    "overlay": loose_flag("overlay"),
}

EVENTS: Table = MappingProxyType(
    {
        "call.speak.started": (SpeakStarted, {}),
        "call.speak.ended": (SpeakEnded, _STATUS),
        "call.playback.started": (PlaybackStarted, _MEDIA),
        "call.playback.ended": (
            PlaybackEnded,
            {**_STATUS, "status_detail": loose_text("status_detail"), **_MEDIA},
        ),
        "call.dtmf.received": (DtmfReceived, {"digit": text("digit")}),
        "call.gather.ended": (GatherEnded, {"digits": optional("digits"), **_STATUS}),
        "call.transcription": (
            TranscriptionReceived,
            {
                "transcript": _heard(loose_text("transcript")),
                "is_final": _heard(_is_final),
                "confidence": _heard(readers.loose_number("confidence")),
                "track": _heard(loose_text("transcription_track")),
            },
        ),
    }
)
