"""What is noted of one call for its flight recording.

Noting is an append to a list: no wait, no disk, no error. `voiced.flight.recorder` takes the list
about once a second. If nobody takes it for so long that `MOST_BYTES` wait, the recording ends there
and the rest is counted: a recording with a hole would replay another call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from voiced.flight.entries import COMPRESSED_FILE
from voiced.log import get_logger

if TYPE_CHECKING:
    from voiced.flight.entries import Note

log = get_logger(__name__)

MOST_BYTES = 2_000_000
"""What may wait for the disk: half a minute of a call."""

_NOTE_BYTES = 200
"""What an entry takes beside its text."""


class Notes:
    """One call's notes."""

    def __init__(self, call: str, *, most_bytes: float = MOST_BYTES) -> None:
        """Begin the notes of `call`, as logs name it; it begins now."""
        self.origin = trio.current_time()
        self.has_ended = False
        self._call = call
        self._most_bytes = most_bytes
        self._notes: list[Note] = []
        self._n_bytes = 0
        self._is_open = True
        self._n_dropped = 0
        self._failure = ""
        self._number = 0

    # -- from the call and its taps --------------------------------------------------------------

    def number(self) -> int:
        """Return a number for what takes several entries to tell."""
        self._number += 1
        return self._number

    def message(self, kind: str, text: str) -> None:
        """Note a message of the media socket: `rx` or `tx`. Of the frame path."""
        if not self._is_open:
            self._n_dropped += 1
            return
        self._notes.append((trio.current_time(), kind, text))
        self._n_bytes += len(text)
        if self._n_bytes > self._most_bytes:
            self._close("the disk is too slow")

    def note(self, kind: str, n_bytes: int = 0, **data: Any) -> None:
        """Note anything else; `n_bytes` is what it weighs if that is much."""
        if not self._is_open:
            self._n_dropped += 1
            return
        self._notes.append((trio.current_time(), kind, data))
        self._n_bytes += n_bytes + _NOTE_BYTES
        if self._n_bytes > self._most_bytes:
            self._close("the disk is too slow")

    def break_off(self, reason: str) -> None:
        """Note no more, for good: what comes now must not be kept."""
        self._is_open = False
        self._failure = self._failure or reason

    def close(self, record: dict[str, Any]) -> dict[str, Any]:
        """End the notes with the call's record; returns what that record says of them."""
        self.note("end", record={**record})
        self._is_open, self.has_ended = False, True
        failure = {"error": self._failure} if self._failure else {}
        return {"file": COMPRESSED_FILE, "dropped": self._n_dropped, **failure}

    # -- from the recorder -----------------------------------------------------------------------

    def take(self) -> list[Note]:
        """Remove and return what has been noted."""
        notes, self._notes, self._n_bytes = self._notes, [], 0
        return notes

    def give_up(self, notes: list[Note], reason: str) -> None:
        """Drop `notes`, which could not be written, and all that comes after them."""
        self._n_dropped += len(notes) + len(self.take())
        self._close(reason)

    def _close(self, reason: str) -> None:
        self._is_open = False
        if not self._failure:
            self._failure = reason
            log.error("flight recording broken off", error=reason, call=self._call)
