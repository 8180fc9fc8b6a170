"""What a leg does later, on its own clock: pure."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Timers:
    """Runs callbacks when their time has come; the owner calls `run_due` at every step."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, when: float, callback: Callable[[], None]) -> None:
        """Run `callback` at the first step from `when` on."""
        heapq.heappush(self._due, (when, next(self._order), callback))

    def run_due(self, now: float) -> None:
        """Run what is due, in order."""
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
