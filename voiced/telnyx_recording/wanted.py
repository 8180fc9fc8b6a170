"""What recordings of a call are wanted, and which have been fetched. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from voiced.address import url_host_is_loopback
from voiced.telnyx.queries import StoredRecording

if TYPE_CHECKING:
    from voiced.telnyx.events import RecordingSaved

Entry: TypeAlias = dict[str, Any]
"""One recording in the call's record, JSON values; `file` is None where there is an `error`."""

FORMATS = ("wav", "mp3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The recordings of one call.

    Attributes:
        call_leg_id: names the call's recordings at Telnyx.
        call_control_id: the other name of the leg.
        directory: name of the call's directory below `[records] path`.
        at: wall time at which the call began, unix seconds.
        begun: how many recordings were begun.
        fetched: what became of those that are done with, in their order.
    """

    call_leg_id: str
    call_control_id: str
    directory: str
    at: float
    begun: int = 1
    fetched: tuple[Entry, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every recording that was begun is done with."""
        return len(self.fetched) >= self.begun

    def has(self, recording: StoredRecording) -> bool:
        """Whether a recording is done with; not every webhook names it by its id."""
        return any(
            (recording.recording_id and entry["recording_id"] == recording.recording_id)
            or (recording.started_at and entry["started_at"] == recording.started_at.isoformat())
            for entry in self.fetched
        )

    def file_name(self, form: str) -> str:
        """Return the name of the next file: `telnyx.wav`, `telnyx-2.wav` ..."""
        number = len(self.fetched) + 1
        return f"telnyx.{form}" if number == 1 else f"telnyx-{number}.{form}"

    def with_entry(self, entry: Entry) -> Wanted:
        """Return a copy with one more recording that is done with."""
        return replace(self, fetched=(*self.fetched, entry))


def entry_of(
    recording: StoredRecording,
    *,
    file: str | None = None,
    n_bytes: int | None = None,
    error: str | None = None,
) -> Entry:
    """Return what the call's record says of one recording: its file, or why there is none."""
    return {
        "recording_id": recording.recording_id,
        "file": file,
        "channels": recording.channels,
        "started_at": recording.started_at.isoformat() if recording.started_at else None,
        "duration_s": recording.duration_s,
        "bytes": n_bytes,
        "error": error,
    }


def lost_entry(reason: str) -> Entry:
    """Return what the call's record says of a recording of which only the lack is known."""
    nothing = StoredRecording(
        recording_id="", channels="", duration_s=None, started_at=None, urls={}
    )
    return entry_of(nothing, error=reason)


def recording_of(event: RecordingSaved) -> StoredRecording:
    """Return what a webhook tells of a recording."""
    began, ended = event.started_at, event.ended_at
    return StoredRecording(
        recording_id=event.recording_id,
        channels=event.channels,
        duration_s=(ended - began).total_seconds() if began and ended else None,
        started_at=began,
        urls=event.urls,
    )


def pick_url(recording: StoredRecording) -> tuple[str, str]:
    """Return format and address of the file; ("", "") where there is none."""
    for form in FORMATS:
        if url := recording.urls.get(form):
            return form, url
    return "", ""


def may_be_fetched(url: str, api_base: str) -> bool:
    """Whether the voices of people may come this way: https, or loopback to an emulated Telnyx."""
    if url.startswith("https://"):
        return True
    return (
        url.startswith("http://") and url_host_is_loopback(url) and url_host_is_loopback(api_base)
    )


def read_wanted(key: str, item: dict[str, Any]) -> Wanted | None:
    """Return what was written down by `item_of`; None if it is no such thing."""
    match item:
        case {
            "call_control_id": str(call_control_id),
            "directory": str(directory),
            "at": int(at) | float(at),
            "begun": int(begun),
            "fetched": list(fetched),
        } if directory not in ("", ".", "..") and "/" not in directory and "\0" not in directory:
            return Wanted(
                call_leg_id=key,
                call_control_id=call_control_id,
                directory=directory,
                at=at,
                begun=begun,
                fetched=tuple(e for e in fetched if isinstance(e, dict) and e.keys() >= _KEYS),
            )
        case _:
            return None


_KEYS = lost_entry("").keys()


def item_of(wanted: Wanted) -> dict[str, Any]:
    """Return what is written down, under the key `call_leg_id`."""
    return {
        "call_control_id": wanted.call_control_id,
        "directory": wanted.directory,
        "at": wanted.at,
        "begun": wanted.begun,
        "fetched": list(wanted.fetched),
    }
