"""Ends the legs that nobody looks after any more: a task of the daemon, beside the live calls.

These are the legs that a crash has left open in the ledger, and those whose hangup Telnyx did not
confirm when their call ended. Each is asked for and hung up, until Telnyx has answered or the leg
can no longer be up. The record of its call is closed at once, and told what became of the leg.

A leg that we have dialled just before a crash may have no id. It must not be dialled again, which
would ring: it is looked for among the legs that are up, by its client state, and known by its
webhooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
import trio

from voiced.errors import CommandFailed
from voiced.log import get_logger
from voiced.record.record import RecordBuilder, close_left_record
from voiced.telnyx import commands
from voiced.telnyx.events import CallHangup
from voiced.telnyx.queries import ListActiveCalls, RetrieveCall

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from voiced.ledger.legs import Ledger, LegEntry
    from voiced.outbox import Outbox
    from voiced.record.store import RecordStore
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.ids import CallControlId
    from voiced.telnyx.rest import TelnyxClient

log = get_logger(__name__)

LONGEST_LEG_S = 14_400 + 600
"""Telnyx ends every leg after 4 h; before that it rings for 10 min at most."""

AT_A_TIME = 8
"""Legs that are asked for at once: live calls need the API, too."""

FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 300.0
"""Waits between attempts, doubled from the one to the other."""

RECORD_LIMIT_S = 5.0

_NO_SUCH_LEG = frozenset({"90015", "90018"})
"""Invalid call control id (Telnyx forgets a leg some time after its end); call has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of a leg; `duration_s` is the call's length, if Telnyx has told it."""

    leg: str
    is_over: bool = True
    duration_s: float | None = None


_UNKNOWN = _Outcome(leg="is being looked for", is_over=False)
_TOO_OLD = _Outcome(leg="was not found, and can no longer be up", is_over=False)


class _Orphan:
    """One leg that is to be ended."""

    def __init__(self, entry: LegEntry, *, has_died: bool) -> None:
        self.entry = entry
        self.has_died = has_died
        self.call_control_id = entry.call_control_id
        self.identified = trio.Event()
        self.has_gone = False
        self.looking = trio.CancelScope()

    def told(self, event: WebhookEvent) -> None:
        if isinstance(event, CallHangup):
            self.has_gone = True
            self.looking.cancel()
        self.identify(event.call_control_id)

    def identify(self, call_control_id: CallControlId) -> None:
        if self.call_control_id is None and call_control_id:
            self.call_control_id = call_control_id
            self.identified.set()


class Settler:
    """Ends orphaned legs. `take` is for the switchboard, `run` for the daemon's nursery."""

    def __init__(
        self,
        ledger: Ledger,
        telnyx: TelnyxClient,
        records: RecordStore,
        wall_clock: Callable[[], float],
        connection_id: str = "",
        *,
        outbox: Outbox | None = None,
    ) -> None:
        """Adopt what a crash has left in `ledger`; nothing is done before `run`.

        Args:
            ledger: which legs there are.
            telnyx: where they are.
            records: where the records of their calls are.
            wall_clock: unix seconds.
            connection_id: of the application; "" = a leg without id is not looked for.
            outbox: tells others that a call has ended, if anybody is to be told.
        """
        self._ledger = ledger
        self._telnyx = telnyx
        self._records = records
        self._wall_clock = wall_clock
        self._connection_id = connection_id
        self._outbox = outbox
        self._at_a_time = trio.CapacityLimiter(AT_A_TIME)
        self._orphans = {e.key: _Orphan(e, has_died=True) for e in ledger.unsettled}

    def take(self, event: WebhookEvent) -> bool:
        """Take a webhook of an orphaned leg; False if it is not for one. Never waits."""
        orphan = self._find(event)
        if orphan is None:
            return False
        log.info("webhook of a leg that was left behind", leg=orphan.entry.key)
        orphan.told(event)
        return True

    def knows(self, event: WebhookEvent) -> bool:
        """Return whether a webhook is for an orphaned leg."""
        return self._find(event) is not None

    def _find(self, event: WebhookEvent) -> _Orphan | None:
        for orphan in self._orphans.values():
            if orphan.call_control_id is not None:
                if orphan.call_control_id == event.call_control_id:
                    return orphan
            elif event.client_state and orphan.entry.client_state == event.client_state:
                return orphan
        return None

    async def run(self) -> None:
        """Settle until cancelled: first what a crash has left, then what calls leave."""
        async with trio.open_nursery() as nursery:
            if self._orphans:
                log.warning("legs were left open", legs=len(self._orphans))
            for orphan in [*self._orphans.values()]:
                nursery.start_soon(self._settle, orphan)
            async for left in self._ledger.left:
                orphan = _Orphan(left.entry, has_died=left.has_died)
                self._orphans[left.entry.key] = orphan
                nursery.start_soon(self._settle, orphan)

    async def _settle(self, orphan: _Orphan) -> None:
        structlog.contextvars.bind_contextvars(call=orphan.entry.key)
        try:
            await self._end(orphan)
        except Exception:  # the last net: one leg's fault must not reach another, nor the daemon
            log.exception("leg not settled by a fault of ours")

    async def _end(self, orphan: _Orphan) -> None:
        entry = orphan.entry
        if orphan.has_died:
            await self._close_record(orphan, _UNKNOWN)
        age_s = max(0.0, self._wall_clock() - entry.at)
        orphan.looking.deadline = trio.current_time() + LONGEST_LEG_S - age_s
        outcome = _TOO_OLD
        with orphan.looking:
            outcome = await self._end_leg(orphan)
        if orphan.has_gone:
            outcome = _Outcome(leg="has ended")
        await self._close_record(orphan, outcome)
        await self._ledger.closed(entry.key)
        del self._orphans[entry.key]
        log.info("leg settled", leg=outcome.leg)

    async def _end_leg(self, orphan: _Orphan) -> _Outcome:
        """Try until the leg is gone."""
        wait_s = FIRST_WAIT_S
        while True:
            known = orphan.call_control_id is not None
            try:
                async with self._at_a_time:
                    outcome = await self._try(orphan)
                if outcome is not None:
                    return outcome
            except CommandFailed as failed:
                log.warning("leg not settled yet", reason=str(failed), wait_s=wait_s)
            if known:
                await trio.sleep(wait_s)
            else:
                with trio.move_on_after(wait_s):
                    await orphan.identified.wait()
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _try(self, orphan: _Orphan) -> _Outcome | None:
        """Ask for the leg and hang it up; None if it is not known how it is called."""
        call_control_id = orphan.call_control_id or await self._look_for(orphan)
        if call_control_id is None:
            return None
        try:
            status = await self._telnyx.ask(RetrieveCall(call_control_id=call_control_id))
        except CommandFailed as failed:
            if _means_gone(failed):
                return _Outcome(leg="had ended")
            raise
        if status.has_ended:
            return _Outcome(leg="had ended", duration_s=status.duration_s)
        if orphan.entry.is_bridged:
            return _Outcome(leg="was left to those who talk", duration_s=status.duration_s)
        await self._telnyx.send(commands.Hangup(call_control_id=call_control_id))
        return _Outcome(leg="was hung up", duration_s=status.duration_s)

    async def _look_for(self, orphan: _Orphan) -> CallControlId | None:
        """Look for a leg that we have dialled among those that are up."""
        if not (self._connection_id and orphan.entry.client_state):
            log.warning("a dialled leg without id may be up until its time limit")
            return None
        listed = ListActiveCalls(connection_id=self._connection_id)
        for status in await self._telnyx.ask_all(listed):
            if status.client_state == orphan.entry.client_state:
                orphan.identify(status.call_control_id)
                return status.call_control_id
        log.warning("a dialled leg is not among those that are up; it may still ring")
        return None

    async def _close_record(self, orphan: _Orphan, outcome: _Outcome) -> None:
        def close(found: dict[str, Any]) -> dict[str, Any]:
            return close_left_record(
                found or _bare_record(orphan.entry),
                evidence=f"the daemon died during the call; the leg {outcome.leg}",
                confirmed=outcome.is_over,
                duration_s=outcome.duration_s,
            )

        with trio.move_on_after(RECORD_LIMIT_S):
            is_told = await self._announce(orphan.entry)
            await self._records.amend(orphan.entry.directory, close)
            if is_told and self._outbox is not None:
                self._outbox.call_ended(orphan.entry.key)

    async def _announce(self, entry: LegEntry) -> bool:
        """Write down that others are to be told of the end, unless they have been."""
        if self._outbox is None:
            return False
        record = await self._records.read(entry.directory)
        if record.get("state") == "ended":
            return False
        await self._outbox.call_ends(entry.key, entry.directory)
        return True


def _means_gone(failed: CommandFailed) -> bool:
    """Whether a refusal of Telnyx's own (it has a code) says that there is no such leg any more."""
    return failed.code in _NO_SUCH_LEG or (failed.status == 404 and failed.code != "")


def _bare_record(entry: LegEntry) -> dict[str, Any]:
    """Return the record of a call of which nothing but the ledger's entry is left."""
    started = datetime.fromtimestamp(entry.at, UTC)
    ids = {"call_leg_id": entry.call_leg_id}
    return RecordBuilder(
        call_id=entry.call_control_id or "",
        ref=entry.key,
        direction=entry.direction,
        ids=ids,
        line="",
        started=started,
    ).document()
