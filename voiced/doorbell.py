"""Waking one task: cheaper than a channel of one, and without a scheduler pass when it has rung."""

from __future__ import annotations

import trio


class Doorbell:
    """Rung by anybody, heard by one task. Rings while nobody waits are remembered as one."""

    def __init__(self) -> None:
        self._rung = False
        self._waiting: trio.lowlevel.Task | None = None

    def ring(self) -> None:
        """Wake the task that waits, or let its next wait return at once."""
        self._rung = True
        if self._waiting is not None:
            task, self._waiting = self._waiting, None
            trio.lowlevel.reschedule(task)

    async def wait(self, until: float) -> None:
        """Return once it has rung, or at `until` (trio time, inf for never).

        Not a checkpoint if it has rung already: whoever loops must come to an end of its work.
        """
        if not self._rung:
            if until == float("inf"):
                await self._park()
            else:
                with trio.move_on_at(until):
                    await self._park()
        self._rung = False

    async def _park(self) -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            self._waiting = None
            return trio.lowlevel.Abort.SUCCEEDED

        self._waiting = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)
