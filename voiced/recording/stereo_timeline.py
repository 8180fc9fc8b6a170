"""Both sides of a call on one time axis: what its stereo recording holds. Pure.

The axis begins when media starts and runs with the clock, so that a recording is as long as its
call, whatever was lost, late or never sent.

The agent (right) lies where the caller heard it: `voiced.media.pacing` knows when audio that goes
out now will be played, and what `clear` threw away is taken out again.

The caller (left) is placed by count, each frame right behind the one before: arrivals jitter, the
voice does not. The count is wrong where Telnyx left something out or where its clock runs
differently from ours; the arrivals tell. The rule: a frame that came more than `TOLERANCE_S` after
or before its place is put anew, by the lateness of the least late of the frames that arrive within
`HINDSIGHT_S` from it. So a network that stalls and then delivers everything in one burst makes no
gap (the end of the burst is on time), a stream that paused makes one of its true length, and no
error grows beyond `TOLERANCE_S`. Audio that would lie on top of other audio, or before the axis, is
left out.

What is said while the axis is muted is silence on it, on both sides.

Hindsight takes time: `take` gives only what nothing can change any more.

Times are seconds of any one clock; audio is int16. A side whose codec samples at the lower rate is
brought to the other's.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voiced.audio.frame import LINE_RATE_HZ
from voiced.audio.resample import Resampler

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

Stereo: TypeAlias = NDArray[np.int16]
"""Shape (n, 2), little-endian: the caller left, the agent right."""

TOLERANCE_S = 0.1
"""How far the caller's audio may lie from its arrival: more than jitter, less than is noticed."""

HINDSIGHT_S = 1.0
"""A network that has stalled delivers what it held within a moment; one that has not caught up
after this was not the cause of the gap."""

SETTLE_S = 4.0
"""How far `take` must stay behind the clock. Leaves room for a stall of 3 s: TCP sends again after
0.2, 0.6, 1.4 and 3 s."""

_MOST_WAITING_S = 30
"""Of the caller's audio. Reached only by one who sends far faster than real time."""


class StereoTimeline:
    """The audio of one call. `take` is called about once a second and bounds the memory."""

    def __init__(
        self, begins_at: float, *, caller_hz: int = LINE_RATE_HZ, agent_hz: int = LINE_RATE_HZ
    ) -> None:
        """Begin the axis at `begins_at`; the audio of either side will come at its own rate."""
        self.rate_hz = max(caller_hz, agent_hz)
        """Of the axis, and of the audio that is taken."""
        self._begins_at = begins_at
        self._from_caller = Resampler(caller_hz, self.rate_hz)
        self._from_agent = Resampler(agent_hz, self.rate_hz)
        self._left = _Track()
        self._right = _Track()
        self._waiting: deque[tuple[int, Pcm]] = deque()  # the caller's: sample of arrival, audio
        self._n_waiting = 0
        self._counted = 0  # the caller's next sample, by count
        self._tolerance = -1  # none: the first frame is put where the arrivals say
        self._taken = 0
        self._muted: deque[tuple[int, int | None]] = deque()  # from, to; None: still

    @property
    def taken(self) -> int:
        """How many samples of the axis have been taken."""
        return self._taken

    def caller(self, pcm: Pcm, at: float) -> None:
        """Add the caller's next audio, which arrived at `at`; it must not be changed any more."""
        pcm = self._from_caller.process(pcm)
        if self._n_waiting < _MOST_WAITING_S * self.rate_hz:
            self._waiting.append((self._sample(at), pcm))
            self._n_waiting += len(pcm)

    def agent(self, pcm: Pcm, starts_at: float) -> None:
        """Add audio that the caller hears from `starts_at` on; it must not be changed any more."""
        start = self._sample(starts_at)
        if abs(start - self._right.end) == 1:
            start = self._right.end  # the rounding of two times, not a gap
        if start > self._right.end:
            self._right.put(self._right.end, self._from_agent.flush())
        self._right.put(start, self._from_agent.process(pcm))

    def cleared(self, at: float) -> None:
        """Take out what the caller would have heard of the agent from `at` on."""
        self._from_agent.flush()
        self._right.cut(max(self._taken, self._sample(at)))

    def mute(self, at: float) -> None:
        """Keep nothing of what is heard from `at` on, until `unmute`."""
        self._muted.append((self._sample(at - TOLERANCE_S), None))

    def unmute(self, at: float) -> None:
        """Keep again what is heard from `at` on; what lay a little off its place is still muted."""
        start, _ = self._muted.pop()
        self._muted.append((start, self._sample(at + TOLERANCE_S)))

    def take(self, until: float) -> Stereo:
        """Remove and return the axis up to `until`, silence where nobody was heard.

        The result is final: except for the last time, at the end of the call, `until` must be
        `SETTLE_S` in the past. Audio that belongs before it and is added later is left out.
        """
        end = max(self._taken, self._sample(until))
        self._place_caller(end)
        audio = np.zeros((end - self._taken, 2), "<i2")
        self._left.move_to(audio[:, 0], self._taken)
        self._right.move_to(audio[:, 1], self._taken)
        self._silence_muted(audio)
        self._taken = end
        return audio

    def _silence_muted(self, audio: Stereo) -> None:
        """Silence what is muted of `audio`, which begins where was taken up to now."""
        for start, end in self._muted:
            last = None if end is None else max(0, end - self._taken)
            audio[max(0, start - self._taken) : last] = 0
        while self._muted and self._muted[0][1] is not None and self._muted[0][1] <= self._taken:
            self._muted.popleft()

    def _sample(self, at: float) -> int:
        return round((at - self._begins_at) * self.rate_hz)

    def _place_caller(self, end: int) -> None:
        """Put the waiting audio that begins before sample `end` in its place."""
        while self._waiting and (start := self._caller_start()) < end:
            _, pcm = self._waiting.popleft()
            self._n_waiting -= len(pcm)
            self._left.put(start, pcm)
            self._counted = start + len(pcm)
            self._tolerance = round(TOLERANCE_S * self.rate_hz)

    def _caller_start(self) -> int:
        """Return where the first waiting audio belongs."""
        late = self._waiting[0][0] - self._counted
        if abs(late) > self._tolerance:
            late = self._least_lateness()
        return self._counted + (late if abs(late) > self._tolerance else 0)

    def _least_lateness(self) -> int:
        """Return by how many samples the waiting audio comes after its count at the least."""
        position = self._counted
        arrived, _ = self._waiting[0]
        hindsight_ends = arrived + round(HINDSIGHT_S * self.rate_hz)
        least = arrived - position
        for arrived, pcm in self._waiting:
            if arrived > hindsight_ends:
                break
            least = min(least, arrived - position)
            position += len(pcm)
        return least


class _Track:
    """One side: audio in order and without overlap, silence elsewhere. Counts in samples."""

    __slots__ = ("_pieces", "end")

    def __init__(self) -> None:
        self._pieces: deque[tuple[int, Pcm]] = deque()
        self.end = 0

    def put(self, start: int, pcm: Pcm) -> None:
        """Append `pcm` at `start`, without what would lie before `end`."""
        pcm = pcm[max(0, self.end - start) :]
        start = max(start, self.end)
        if len(pcm):
            self._pieces.append((start, pcm))
            self.end = start + len(pcm)

    def cut(self, at: int) -> None:
        """Remove everything from `at` on."""
        while self._pieces and self._pieces[-1][0] + len(self._pieces[-1][1]) > at:
            start, pcm = self._pieces.pop()
            if start < at:
                self._pieces.append((start, pcm[: at - start]))
        self.end = min(self.end, at)

    def move_to(self, out: Pcm, begin: int) -> None:
        """Move what lies in `out`, which begins at sample `begin`, there: nothing lies before."""
        end = begin + len(out)
        while self._pieces and self._pieces[0][0] < end:
            start, pcm = self._pieces.popleft()
            inside = pcm[: end - start]
            out[start - begin : start - begin + len(inside)] = inside
            if len(inside) < len(pcm):
                self._pieces.appendleft((end, pcm[len(inside) :]))
        self.end = max(self.end, end)
