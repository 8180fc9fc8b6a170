"""How much is too much: calls a second, and how late the event loop is. Pure; all in seconds.

`voiced.loop.lag` measures, `voiced.switchboard.admission` decides, the switchboard asks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SMOOTHING_S = 1.0
"""Time constant of the smoothed lag: a loop that is late all the time is known within a second."""

STALL_S = 0.1
"""Most that one stall counts, however long it was (a slow disk, a reload): it says nothing about
the next second, and adds 18 ms to the smoothed lag at most."""

MOST_BUSY = 0.85
"""Share of the time in which the loop may be at work. At all of it calls hear each other's work,
ever later; the rest is for calls that turn out to take more than those before them."""

RECOVERED_BUSY = 0.7

WINDOW_S = 60.0
"""Longer than anybody lets pass between two scrapes."""

RECOVERED = 0.5
"""Share of the limit below which the lag must fall before calls are taken again: at the limit
itself each call that is refused would let the next one in."""


LEARNT_CALL_S = 5.0
"""Seconds of calls after which it is known what a call takes: the first of them take more."""

LEARNING_S = 20.0
"""Time constant in which that is forgotten for what calls take now; while there are calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the daemon bears at the moment at which a call comes in."""

    live_calls: int
    draining: bool = False
    too_fast: bool = False
    """More calls a second have come than may."""
    lagging: bool = False
    """One more call would be at the cost of the live ones: the loop is late, or would be."""


class RateLimit:
    """A token bucket: so many calls a second on the average, a second's worth of them at once."""

    def __init__(self) -> None:
        self._used = 0.0
        self._at = -math.inf

    def has_room(self, now: float, per_s: float) -> bool:
        """Return whether a call may come in; `per_s` 0 is no limit."""
        return per_s <= 0 or self._used_at(now, per_s) + 1 <= _burst(per_s)

    def take(self, now: float, per_s: float) -> None:
        """Count a call that comes in."""
        if per_s > 0:
            self._used = self._used_at(now, per_s) + 1
            self._at = now

    def _used_at(self, now: float, per_s: float) -> float:
        if self._used == 0:
            return 0.0
        return max(0.0, self._used - (now - self._at) * per_s)


def _burst(per_s: float) -> float:
    return max(1.0, per_s)


class _Worst:
    """The largest value of the last minute or two: whoever asks, and however often, is told it."""

    def __init__(self) -> None:
        self._now = self._before = 0.0
        self._window_s = 0.0

    @property
    def value(self) -> float:
        return max(self._now, self._before)

    def note(self, value: float, elapsed_s: float) -> None:
        if self._window_s >= WINDOW_S:
            self._before, self._now, self._window_s = self._now, 0.0, 0.0
        self._window_s += elapsed_s
        self._now = max(self._now, value)


class LagGuard:
    """Says whether the loop is too late, or about to be, with hysteresis."""

    def __init__(self) -> None:
        self._is_lagging = False

    def judge(self, lag: Lag, limit_s: float, n_calls: int = 0) -> bool:
        """Return whether a call must be refused.

        Args:
            lag: as it was measured.
            limit_s: of the smoothed lag; 0 is no limit.
            n_calls: that would take time of the loop with this one, measured yet or not.
        """
        threshold_s = limit_s * RECOVERED if self._is_lagging else limit_s
        most_busy = RECOVERED_BUSY if self._is_lagging else MOST_BUSY
        is_late = lag.smoothed_s > threshold_s or lag.busy > most_busy
        self._is_lagging = limit_s > 0 and is_late
        # No hysteresis for this: who is refused by it has changed nothing by which it goes.
        return limit_s > 0 and (is_late or lag.busy_with(n_calls) > MOST_BUSY)


class Lag:
    """How late the event loop is. `note` is for whoever measures, the rest for whoever asks.

    Attributes:
        smoothed_s: over the last second or so; what admission goes by. 0 if nobody measures.
        busy: share of that time in which the loop was at work, 0 to 1.
    """

    def __init__(self) -> None:
        self.smoothed_s = 0.0
        self.busy = 0.0
        self._calls = 0.0  # smoothed in the same way: how many calls `busy` is of
        self._idle_busy = 0.0  # without calls
        self._work_s = 0.0
        self._call_s = 0.0
        self._worst = _Worst()

    @property
    def worst_s(self) -> float:
        """The worst lag of the last `WINDOW_S` at least, and of twice as long at most."""
        return self._worst.value

    def note(
        self, lag_s: float, elapsed_s: float, idle_s: float = math.inf, n_calls: int = 0
    ) -> None:
        """Take a sample that stands for the last `elapsed_s`.

        Args:
            lag_s: how late the loop was.
            elapsed_s: since the last sample.
            idle_s: of them without work.
            n_calls: of which audio flowed.
        """
        counted_s = min(elapsed_s, 2 * STALL_S)
        weight = -math.expm1(-counted_s / SMOOTHING_S)
        self.smoothed_s += (min(lag_s, STALL_S) - self.smoothed_s) * weight
        busy = max(0.0, 1.0 - idle_s / elapsed_s) if elapsed_s > 0 else 0.0
        self.busy += (busy - self.busy) * weight
        self._calls += (n_calls - self._calls) * weight
        self._worst.note(lag_s, elapsed_s)
        self._learn(busy, counted_s, n_calls)

    def _learn(self, busy: float, counted_s: float, n_calls: int) -> None:
        """Learn what a call takes; what is at work without calls is none of theirs."""
        kept = math.exp(-counted_s / LEARNING_S)
        if n_calls:
            self._work_s = self._work_s * kept + max(0.0, busy - self._idle_busy) * counted_s
            self._call_s = self._call_s * kept + n_calls * counted_s
        else:
            self._idle_busy = self._idle_busy * kept + busy * (1 - kept)

    def busy_with(self, n_calls: int) -> float:
        """Return the share of the time in which the loop will be at work, could it be over 1.

        A new call is known for what it takes a second after its audio began. Until then it counts
        for as much as a call takes on the average, as long as that has been learnt.
        """
        if self._call_s < LEARNT_CALL_S:
            return self.busy
        return self.busy + self._work_s / self._call_s * max(0.0, n_calls - self._calls)
