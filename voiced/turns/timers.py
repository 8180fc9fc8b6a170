"""Named alarms of a state machine without a clock. Pure."""

from __future__ import annotations

from enum import Enum, auto


class Timer(Enum):
    """What the floor waits for; those due at the same time are served in this order."""

    ECHO = auto()
    """Look again whether it is only our echo."""
    HOLD = auto()
    """The caller has spoken over us long enough: fall silent."""
    SURE = auto()
    """... and so long that it is an interruption, whatever the words."""
    FALSE_ALARM = auto()
    """No words came of it: go on."""
    DIGITS = auto()
    """No further key: the number is whole."""
    STABLE = auto()
    """The transcript has not changed for a while: think about it."""
    END = auto()
    """The caller's turn is over."""
    FILL = auto()
    """The answer is late: bridge the wait."""
    WARN = auto()
    """Not much is left of the call."""
    IDLE = auto()
    """Nobody speaks."""
    WORDLESS = auto()
    """Somebody makes sounds, but no words."""


class Timers:
    """At most one alarm of each name."""

    def __init__(self) -> None:
        self._at: dict[Timer, float] = {}

    def set(self, timer: Timer, at: float) -> None:
        """Let `timer` go off at `at`, in place of when it would have."""
        self._at[timer] = at

    def stop(self, *timers: Timer) -> None:
        """Let these not go off."""
        for timer in timers:
            self._at.pop(timer, None)

    def clear(self) -> None:
        """Stop all."""
        self._at.clear()

    def at(self, timer: Timer) -> float:
        """Return when `timer` goes off; inf for never."""
        return self._at.get(timer, float("inf"))

    @property
    def next_at(self) -> float:
        """When the next one goes off; inf for never."""
        return min(self._at.values(), default=float("inf"))

    def take_due(self, now: float) -> Timer | None:
        """Stop and return the first one that is due."""
        for timer in Timer:
            if self.at(timer) <= now:
                self.stop(timer)
                return timer
        return None
