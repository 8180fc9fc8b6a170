"""Telnyx's playback buffer: what the daemon sends goes in, 20 ms at a time goes to the caller.

Pure: the owner calls `tick` once for every 20 ms of the line and passes the time in. The rules are
those of Telnyx's media streaming page: audio is queued in order; a mark comes back when the audio
before it has been played, or at once when nothing is queued; `clear` stops playback, empties the
queue and returns every queued mark.

An *underrun* is a hole that the caller hears inside one burst of audio: the buffer ran dry although
more audio of the same burst followed. A burst ends with a mark behind its last byte, with `clear`,
or with a silence longer than `BURST_GAP_S`.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voiced.audio.frame import PTIME_S

BURST_GAP_S = 0.5
"""A longer hole than this is a pause between two bursts, not an underrun."""

SHORTEST_MESSAGE_S = PTIME_S
LONGEST_MESSAGE_S = 30.0
"""Telnyx's page allows 20 ms to 30 s of audio in one message."""

LONGEST_QUEUE_S = 600.0
"""Our own bound, so that a sender that does not pace cannot fill the memory."""

_GAPS_KEPT = 1000

WhyReturned: TypeAlias = Literal["played", "cleared", "idle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedMark:
    """A mark on its way back. `why`: its audio was played, dropped by `clear`, or none queued."""

    name: str
    set_at: float
    returned_at: float
    why: WhyReturned


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A hole inside a burst: silence of `length_s` from `at` on."""

    at: float
    length_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What one 20 ms step gave: codec bytes (shorter than a frame when dry) and marks to return."""

    payload: bytes
    marks: tuple[ReturnedMark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStatistics:
    """A snapshot of the buffer's accounts. `gaps` holds the first 1000 underruns in order."""

    messages: int = 0
    short_messages: int = 0
    refused_messages: int = 0
    ignored_messages: int = 0
    played_s: float = 0.0
    cleared_s: float = 0.0
    max_queue_s: float = 0.0
    underruns: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def longest_gap_s(self) -> float:
        """Return the length of the longest hole inside a burst."""
        return max((gap.length_s for gap in self.gaps), default=0.0)

    @property
    def gap_counts(self) -> dict[int, int]:
        """Return how often each gap length, in whole milliseconds, occurred."""
        counts: dict[int, int] = {}
        for gap in self.gaps:
            length_ms = round(gap.length_s * 1000)
            counts[length_ms] = counts.get(length_ms, 0) + 1
        return dict(sorted(counts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    name: str
    position: int
    set_at: float


class Playback:
    """The queue of one media stream.

    Args:
        frame_bytes: codec bytes in 20 ms (160 for G.711).
        ignore_media: the stream was not started with `stream_bidirectional_mode: "rtp"`, so that
            raw audio is dropped without a word, as Telnyx does.
    """

    def __init__(self, *, frame_bytes: int = 160, ignore_media: bool = False) -> None:
        self._frame_bytes = frame_bytes
        self._seconds_per_byte = PTIME_S / frame_bytes
        self._ignore_media = ignore_media
        self._queue = bytearray()
        self._marks: deque[_Mark] = deque()
        # Positions count bytes since the stream began. The frame that is playing right now has been
        # taken but not yet played: a mark behind it must wait for the next tick.
        self._received = 0
        self._taken = 0
        self._played = 0
        self._burst_open = False
        self._dry_since: float | None = None
        self._dry_bytes = 0
        self._gaps: list[Gap] = []
        self._n: Counter[str] = Counter()
        self._cleared = 0
        self._audible = 0
        self._max_queue = 0

    @property
    def queued_s(self) -> float:
        """Return how much audio waits."""
        return len(self._queue) * self._seconds_per_byte

    def play(self, payload: bytes, now: float) -> str:
        """Queue one message's audio.

        Returns:
            "" when it was taken (or ignored as in mp3 mode), else why it was refused.
        """
        self._n["messages"] += 1
        if self._ignore_media:
            self._n["ignored"] += 1
            return ""
        length_s = len(payload) * self._seconds_per_byte
        refusal = self._refusal(length_s)
        if refusal:
            self._n["refused"] += 1
            return refusal
        if length_s < SHORTEST_MESSAGE_S:
            self._n["short"] += 1
        self._settle_gap(now)
        self._burst_open = True
        self._queue += payload
        self._received += len(payload)
        self._max_queue = max(self._max_queue, len(self._queue))
        return ""

    def mark(self, name: str, now: float) -> tuple[ReturnedMark, ...]:
        """Queue a mark; returns it at once when nothing before it is still to be played."""
        self._close_burst_if_dry()
        if self._received <= self._played:
            mark = ReturnedMark(name=name, set_at=now, returned_at=now, why="idle")
            return (mark,)
        self._marks.append(_Mark(name=name, position=self._received, set_at=now))
        return ()

    def clear(self, now: float) -> tuple[ReturnedMark, ...]:
        """Stop playback, drop all audio, give back every queued mark."""
        self._cleared += len(self._queue)
        self._queue.clear()
        self._taken = self._played = self._received
        self._burst_open = False
        self._forget_dryness()
        returned = tuple(_returned(mark, now, "cleared") for mark in self._marks)
        self._marks.clear()
        return returned

    def tick(self, now: float) -> Tick:
        """Take the next 20 ms; the frame taken by the tick before has now been played."""
        self._played = self._taken
        returned = []
        while self._marks and self._marks[0].position <= self._played:
            returned.append(_returned(self._marks.popleft(), now, "played"))
            self._close_burst_if_dry()
        payload = bytes(self._queue[: self._frame_bytes])
        del self._queue[: self._frame_bytes]
        self._taken += len(payload)
        self._audible += len(payload)
        self._account_dryness(self._frame_bytes - len(payload), now, len(payload))
        return Tick(payload=payload, marks=tuple(returned))

    def statistics(self) -> PlaybackStatistics:
        """Return the accounts so far."""
        return PlaybackStatistics(
            messages=self._n["messages"],
            short_messages=self._n["short"],
            refused_messages=self._n["refused"],
            ignored_messages=self._n["ignored"],
            played_s=self._audible * self._seconds_per_byte,
            cleared_s=self._cleared * self._seconds_per_byte,
            max_queue_s=self._max_queue * self._seconds_per_byte,
            underruns=self._n["underruns"],
            gaps=tuple(self._gaps),
        )

    def _refusal(self, length_s: float) -> str:
        if length_s == 0:
            return "the payload is empty"
        if length_s > LONGEST_MESSAGE_S:
            return f"{length_s:.1f} s of audio in one message, at most {LONGEST_MESSAGE_S:.0f} s"
        if self.queued_s + length_s > LONGEST_QUEUE_S:
            return f"more than {LONGEST_QUEUE_S:.0f} s of audio queued"
        return ""

    def _account_dryness(self, missing: int, now: float, taken: int) -> None:
        """Note that `missing` bytes of this tick are silence, if that is inside a burst."""
        closed = bool(self._marks) and self._marks[-1].position == self._received
        if missing == 0 or not self._burst_open or closed:
            return
        if self._dry_since is None:
            self._dry_since = now + taken * self._seconds_per_byte
        self._dry_bytes += missing

    def _settle_gap(self, now: float) -> None:
        """More audio comes: was the silence before it a hole inside the burst?"""
        length_s = self._dry_bytes * self._seconds_per_byte
        since = self._dry_since
        if self._burst_open and since is not None and length_s <= BURST_GAP_S:
            self._n["underruns"] += 1
            if len(self._gaps) < _GAPS_KEPT:
                self._gaps.append(Gap(at=since, length_s=length_s))
        self._forget_dryness()

    def _close_burst_if_dry(self) -> None:
        """A mark behind the last byte says that the burst was meant to end here."""
        if not self._queue:
            self._burst_open = False
            self._forget_dryness()

    def _forget_dryness(self) -> None:
        self._dry_since = None
        self._dry_bytes = 0


def _returned(mark: _Mark, now: float, why: WhyReturned) -> ReturnedMark:
    return ReturnedMark(name=mark.name, set_at=mark.set_at, returned_at=now, why=why)
