"""Commands to one leg while it talks, and the webhooks that tell their end. A task of the call.

What Telnyx plays or gathers ends by a webhook that does not say which command it belongs to. Telnyx
does such things one after the other, so the first who waits is the one who is told. A wait that was
given up stays in that queue for a moment: its end may still come, and is nobody else's.

Somebody whose wait is cancelled (barge-in, a transfer, a deadline) cannot send a command any more.
What is still to be done then (stop the playback, go on with the recording) is left to `run`, which
lives as long as the call: no shield holds up the end of the call. New commands wait for it, so that
a stop never meets what was begun after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import trio

from voiced.errors import CallGone, CommandFailed
from voiced.leg.leg import LegEvent
from voiced.log import get_logger
from voiced.telnyx.events import CallHangup, GatherEnded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from voiced.leg.leg import Leg
    from voiced.services.services import CallFace
    from voiced.telnyx.commands import Command, LegCommand
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.rest import TelnyxClient

log = get_logger(__name__)

_Event = TypeVar("_Event")

STALE_S = 3.0
"""For so long the end of something that nobody waits for any more is expected."""

_MOST_ERRANDS = 16


@dataclass(slots=True, eq=False)
class _Wait:
    kinds: tuple[type, ...]
    until: float = float("inf")
    event: object | None = None
    come: trio.Event = field(default_factory=trio.Event)


class LegActions:
    """One leg's. `run` is a task; `webhook` and `takes_key` neither wait nor raise."""

    def __init__(self, leg: Leg, telnyx: TelnyxClient, call: CallFace) -> None:
        self.leg = leg
        self._telnyx = telnyx
        self._call = call
        self._n_commands = 0
        self._waits: list[_Wait] = []
        self._n_gathering = 0
        self._gathered_until: datetime | None = None
        self._errands_in, self._errands = trio.open_memory_channel["Callable[[], Awaitable[None]]"](
            _MOST_ERRANDS
        )
        self._n_errands = 0
        self._errands_done = trio.lowlevel.ParkingLot()

    # -- from outside ----------------------------------------------------------------------------

    def webhook(self, event: WebhookEvent) -> None:
        """Take a fact about the leg to whoever waits for it."""
        if isinstance(event, GatherEnded):
            self._gathered_until = event.occurred_at
        now = trio.current_time()
        for wait in tuple(self._waits):
            if wait.event is not None or wait.until <= now:
                continue
            if isinstance(event, (*wait.kinds, CallHangup)):
                wait.event = event
                wait.come.set()
                if not isinstance(event, CallHangup):
                    break  # whoever waits behind it is told by the next one

    def takes_key(self, occurred_at: datetime | None) -> bool:
        """Say whether a key is one of those that Telnyx gathers: the dialogue does not get it.

        It may come after the end of the gathering that it belongs to.
        """
        if self._n_gathering:
            return True
        return (
            occurred_at is not None
            and self._gathered_until is not None
            and occurred_at <= self._gathered_until
        )

    async def run(self) -> None:
        """Do what is left over, until cancelled."""
        with self._errands_in, self._errands:
            async with trio.open_nursery() as nursery:
                async for errand in self._errands:
                    nursery.start_soon(self._do_errand, errand, name="errand")

    # -- commands --------------------------------------------------------------------------------

    async def do(self, kind: type[LegCommand], **arguments: Any) -> Mapping[str, Any]:
        """Send a command; return the answer's `data`. Each is a new one to Telnyx.

        Raises:
            LocalProtocolError: an argument that Telnyx would refuse.
            CallGone: the leg has ended; the call is ended by that, too.
            CommandFailed: Telnyx has refused it, or was not reached.
        """
        while self._n_errands:
            await self._errands_done.park()
        return await self.do_at_once(kind, **arguments)

    async def do_at_once(self, kind: type[LegCommand], **arguments: Any) -> Mapping[str, Any]:
        """Send a command as `do`, also as an errand."""
        assert self.leg.id is not None
        self._n_commands += 1
        arguments.setdefault("purpose", f"agent {self._n_commands}")
        command = kind(call_control_id=self.leg.id, **arguments)
        try:
            return await self._telnyx.send(cast("Command", command))
        except CallGone as gone:
            self.leg.apply(LegEvent.GONE)
            self._call.hung_up(str(gone))
            raise

    async def do_and_wait(
        self,
        kind: type[LegCommand],
        ends_by: tuple[type[_Event], ...],
        within_s: float,
        **arguments: Any,
    ) -> _Event | None:
        """Send a command and wait for the event that ends it; None if the leg or the time ends."""
        wait = _Wait(kinds=ends_by)
        self._waits.append(wait)  # before the command: the event may overtake the answer
        gathers = GatherEnded in ends_by
        self._n_gathering += gathers
        try:
            with trio.move_on_after(within_s):
                await self.do(kind, **arguments)
                await wait.come.wait()
        except CommandFailed:
            wait.until = 0.0  # nothing was begun that could end
            raise
        finally:
            self._n_gathering -= gathers
            self._put_off(wait)
        return wait.event if isinstance(wait.event, ends_by) else None

    def leave(self, errand: Callable[[], Awaitable[None]]) -> None:
        """Have something done by the call, soon, whatever becomes of whoever asks; never waits."""
        try:
            self._errands_in.send_nowait(errand)
            self._n_errands += 1
        except trio.WouldBlock:
            log.error("more left to be done than a call can leave")
        except trio.ClosedResourceError:
            log.debug("left undone: the call is over")

    async def _do_errand(self, errand: Callable[[], Awaitable[None]]) -> None:
        try:
            await errand()
        except CommandFailed as failed:
            log.warning("left undone", action=failed.action, code=failed.code)
        finally:
            self._n_errands -= 1
            self._errands_done.unpark_all()

    def _put_off(self, wait: _Wait) -> None:
        """Nobody waits any more; what was not told may yet be, for a moment."""
        now = trio.current_time()
        wait.until = min(wait.until, now + STALE_S)
        self._waits = [w for w in self._waits if w.event is None and w.until > now]
