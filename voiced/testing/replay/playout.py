"""When marks come back in a replay: as recorded, while the daemon does as recorded. Pure.

Audio that is sent plays on behind what was sent before; a mark is due when the audio before it has
played. That is what Telnyx's playback comes to, and it decides where the daemon does something
else than it did. Where it sets the same mark at the same time, the mark comes back when it came
back then, or never, if it never did and the recording did not end before.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from voiced.flight.sound import Playing

if TYPE_CHECKING:
    from collections.abc import Mapping

SAME_S = 0.5
"""A mark that is set within this of its recorded time is the recorded one."""

RETURN_S = 0.02
"""From the end of audio, or from `clear`, to the mark's return, where no recording tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMark:
    """When a mark was set and when it came back (None: it did not), perhaps for a `clear`."""

    set_at: float
    returned_at: float | None
    cleared: bool


class Playout:
    """What the caller's end holds, and which marks it owes. Times are of the recording's clock."""

    def __init__(self, recorded: Mapping[str, RecordedMark], ends_at: float) -> None:
        """Know the `recorded` marks, and when the recording ends."""
        self._recorded = recorded
        self._recording_ends_at = ends_at
        self._playing = Playing()
        self._due: list[tuple[float, int, str]] = []
        self._n = 0

    def audio(self, length_s: float, now: float) -> float:
        """Take audio that is sent now; returns when the caller begins to hear it."""
        return self._playing.audio(length_s, now)

    def mark(self, name: str, now: float) -> None:
        """Take a mark that is set now."""
        played_at = max(self._playing.ends_at, now)
        recorded = self._recorded.get(name)
        if recorded is None or abs(recorded.set_at - now) > SAME_S:
            self._owe(name, played_at + RETURN_S)
        elif recorded.returned_at is None:
            if played_at + SAME_S > self._recording_ends_at:
                self._owe(name, played_at + RETURN_S)
        elif recorded.cleared:  # unless it is cleared again; some were late already
            self._owe(name, max(played_at + RETURN_S, recorded.returned_at))
        else:
            self._owe(name, max(now, recorded.returned_at))

    def cleared(self, now: float) -> None:
        """Take a `clear`: nothing plays any more, and all marks come back."""
        self._playing.cleared(now)
        owed, self._due = self._due, []
        for _, _, name in sorted(owed):
            recorded = self._recorded.get(name)
            at = recorded.returned_at if recorded and recorded.returned_at else now + RETURN_S
            self._owe(name, at if now <= at <= now + SAME_S else now + RETURN_S)

    def next_at(self) -> float:
        """Return when the next mark is due, infinity if none is."""
        return self._due[0][0] if self._due else float("inf")

    def take(self) -> str:
        """Remove and return the mark that is due next."""
        return heappop(self._due)[2]

    def _owe(self, name: str, at: float) -> None:
        self._n += 1
        heappush(self._due, (at, self._n, name))
