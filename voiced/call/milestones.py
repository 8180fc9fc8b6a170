"""How far a call has come, for those who wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from voiced.leg.leg import Milestone


class Milestones:
    """The milestones of one call, in whatever order its facts come."""

    def __init__(self) -> None:
        self._reached: set[Milestone] = set()
        self._news = trio.Event()

    def reach(self, milestone: Milestone) -> None:
        """Note a milestone; a second time does nothing."""
        if milestone not in self._reached:
            self._reached.add(milestone)
            self._news.set()
            self._news = trio.Event()

    def has(self, milestone: Milestone) -> bool:
        """Return whether it was reached."""
        return milestone in self._reached

    async def wait(self, milestone: Milestone) -> None:
        """Return when it is reached, or can no longer be: a call that has ended comes no further.

        The deadline is the caller's.
        """
        while not self._reached & {milestone, "ended"}:
            await self._news.wait()
