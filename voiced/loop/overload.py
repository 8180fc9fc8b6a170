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
ever later; the rest is for what comes within the second until the guard sees a new call's share."""

RECOVERED_BUSY = 0.7

RECOVERED = 0.5
"""Share of the limit below which the lag must fall before calls are taken again: at the limit
itself each call that is refused would let the next one in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the daemon bears at the moment at which a call comes in."""

    live_calls: int
    draining: bool = False
    too_fast: bool = False
    """More calls a second have come than may."""
    lagging: bool = False
    """The loop is so late that one more call would be at the cost of the live ones."""


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


class LagGuard:
    """Says whether the loop is too late, or about to be, with hysteresis."""

    def __init__(self) -> None:
        self._is_lagging = False

    def judge(self, lag: Lag, limit_s: float) -> bool:
        """Return whether calls must be refused; `limit_s` of the smoothed lag: 0 is no limit."""
        threshold_s = limit_s * RECOVERED if self._is_lagging else limit_s
        most_busy = RECOVERED_BUSY if self._is_lagging else MOST_BUSY
        is_late = lag.smoothed_s > threshold_s or lag.busy > most_busy
        self._is_lagging = limit_s > 0 and is_late
        return self._is_lagging


class Lag:
    """How late the event loop is. `note` is for whoever measures, the rest for whoever asks.

    Attributes:
        smoothed_s: over the last second or so; what admission goes by. 0 if nobody measures.
        busy: share of that time in which the loop was at work, 0 to 1.
    """

    def __init__(self) -> None:
        self.smoothed_s = 0.0
        self.busy = 0.0
        self._worst_s = 0.0

    def note(self, lag_s: float, elapsed_s: float, idle_s: float = math.inf) -> None:
        """Take a sample that stands for the last `elapsed_s`, `idle_s` of them without work."""
        weight = -math.expm1(-min(elapsed_s, 2 * STALL_S) / SMOOTHING_S)
        self.smoothed_s += (min(lag_s, STALL_S) - self.smoothed_s) * weight
        busy = max(0.0, 1.0 - idle_s / elapsed_s) if elapsed_s > 0 else 0.0
        self.busy += (busy - self.busy) * weight
        self._worst_s = max(self._worst_s, lag_s)

    def take_worst_s(self) -> float:
        """Return the worst lag since the last time that this was asked."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return worst_s
