"""Fewer wake-ups: events that come within a few milliseconds of each other are served together.

Waking from idle is the dearest thing about a frame: the kernel, the interpreter and a pass of
Trio's scheduler for each. With twenty calls a frame comes every millisecond. So after each poll
that waited, the next one that would wait comes no sooner than `WINDOW_S` later; what has arrived
meanwhile is taken in one go. An event after a quiet moment is still served at once.

The cost is a delay of at most the window, and it is only paid when events are that dense.
"""

from __future__ import annotations

import time

import trio

WINDOW_S = 0.008


class BatchedWakeups(trio.abc.Instrument):
    """An instrument for `trio.run`. Not for the virtual clock: it waits in real time."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._polled_at = 0.0
        self._idle_from = 0.0
        self.idle_s = 0.0
        """How long the loop has had nothing to do, since it began."""

    def before_io_wait(self, timeout: float) -> None:
        """Let the window pass before a poll that would wait; `timeout` is how long it would."""
        if timeout > 0:
            self._idle_from = time.perf_counter()
            early_s = self._polled_at + self._window_s - self._idle_from
            if early_s > 0:
                time.sleep(min(early_s, timeout))  # noqa: TID251  # there is nothing else to do

    def after_io_wait(self, timeout: float) -> None:
        """Note when a poll that waited has ended."""
        if timeout > 0:
            self._polled_at = time.perf_counter()
            self.idle_s += self._polled_at - self._idle_from
