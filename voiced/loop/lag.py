"""How late the event loop is: a task that sleeps, and notes by how much it is woken too late.

A loop with time to spare wakes it within a few milliseconds (`voiced.loop.wakeups` holds wake-ups
back by up to 8 ms). One that has more work than time is late by as much as one pass of it takes,
and so is every frame of every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.loop.overload import Lag

INTERVAL_S = 0.05
"""20 wake-ups a second: 0.1 % of a core."""


class Idle(Protocol):
    """Knows how long the loop has had nothing to do (`voiced.loop.wakeups`)."""

    idle_s: float


async def measure(lag: Lag, idle: Idle | None = None, count_calls: Callable[[], int] = int) -> None:
    """Measure until cancelled. Not for the virtual clock, on which nothing is ever late.

    Args:
        lag: is told.
        idle: knows how long the loop has had nothing to do; None = nobody does.
        count_calls: returns of how many calls audio flows.
    """
    woken, idle_s = trio.current_time(), idle.idle_s if idle else 0.0
    while True:
        due = woken + INTERVAL_S
        await trio.sleep_until(due)
        before, woken = woken, trio.current_time()
        if idle is None:
            lag.note(woken - due, woken - before)
        else:
            idle_before, idle_s = idle_s, idle.idle_s
            lag.note(woken - due, woken - before, idle_s - idle_before, count_calls())
