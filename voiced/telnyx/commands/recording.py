"""Telnyx's own recording of a call; the file comes by `RecordingSaved`, after stop or hangup."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from voiced.telnyx.commands.base import LegCommand, given_fields
from voiced.telnyx.commands.limits import FileName, Within, check_fields

RecordingFormat: TypeAlias = Literal["wav", "mp3"]
RecordingChannels: TypeAlias = Literal["single", "dual"]
"""`dual` is stereo: the first leg left, the others right."""
RecordingTrack: TypeAlias = Literal["both", "inbound", "outbound"]
"""One of the two directions alone is always mono."""
TranscriptionEngine: TypeAlias = Literal["A", "B", "deepgram/nova-3"]
"""What transcribes a finished recording: A is Google, B is Telnyx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """A recording that a command begins by the way, from the answer (or the bridging) on."""

    format: RecordingFormat = "wav"
    channels: RecordingChannels = "dual"
    track: RecordingTrack = "both"
    max_length: Annotated[int, Within(0, 43200)] | None = None
    """Seconds; 0 is without limit."""
    timeout_secs: Annotated[int, Within(0)] | None = None
    """Stop after this much silence; it needs Telnyx's transcription, which is billed."""
    trim: Literal["trim-silence"] | None = None
    custom_file_name: FileName | None = None

    def __post_init__(self) -> None:
        check_fields(self, lambda name: f"record_{name}")

    def render(self, action: str) -> dict[str, Any]:
        """Return the keys, the same for every `action`."""
        del action
        given = {f"record_{name}": value for name, value in given_fields(self).items()}
        return {"record": "record-from-answer", **given}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStart(LegCommand):
    """Start a recording of a leg that has audio; sooner, Telnyx refuses it (90020).

    `max_length` is in seconds, 0 is without limit. `timeout_secs` stops after silence, by way of
    Telnyx's transcription, which is billed.
    """

    action: ClassVar[str] = "record_start"

    format: RecordingFormat = "wav"
    channels: RecordingChannels = "dual"
    recording_track: RecordingTrack | None = None
    play_beep: bool | None = None
    max_length: Annotated[int, Within(0, 14400)] | None = None
    timeout_secs: Annotated[int, Within(0)] | None = None
    trim: Literal["trim-silence"] | None = None
    custom_file_name: FileName | None = None
    transcription: bool | None = None
    transcription_engine: TranscriptionEngine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStop(LegCommand):
    """Stop one recording, or all of the leg; `RecordingSaved` follows."""

    action: ClassVar[str] = "record_stop"

    recording_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPause(LegCommand):
    """Pause a recording, as while a card number is told; each pause needs its own `purpose`."""

    action: ClassVar[str] = "record_pause"

    recording_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordResume(LegCommand):
    """Go on with a paused recording; each time needs its own `purpose`."""

    action: ClassVar[str] = "record_resume"

    recording_id: str | None = None
