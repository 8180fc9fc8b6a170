"""Places calls for the admin API: each order once, one after the other, at the account's pace.

An order waits in a bounded queue until `[outbound] calls_per_second` lets it go; from then on the
call is the switchboard's. Orders with the same idempotency key are one call: our name for the call
(`ref`) is made of the key, so that not only this process knows it again but also the records on the
disk, after a restart.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from voiced.call.dialing import DialOrder
from voiced.errors import CannotDial
from voiced.leg.leg import EndReason
from voiced.log import get_logger
from voiced.record.record import summary_of
from voiced.switchboard.call_request import ref_of_key
from voiced.telnyx.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.call.call import Call
    from voiced.config import Config
    from voiced.leg.leg import Milestone
    from voiced.services.services import Services
    from voiced.switchboard.call_request import CallRequest
    from voiced.switchboard.switchboard import Switchboard

log = get_logger(__name__)

LOOK_AGAIN_S = 0.25
"""Whether the loop has time for a call again; it is known within a second or so."""

MOST_WAITING = 100
"""Orders in the queue; more are refused, and may be sent again later."""

REMEMBERED = 10_000
"""Orders whose outcome is told from memory; that of older ones from their records."""

RECORDS_LIMIT_S = 5.0
"""For looking up whether an earlier daemon has placed a call."""

LAST_NEWS_S = 1.0
"""When the daemon stops: for what is still to be written into the outbox."""

_NOBODY_KNOWS = {
    "reason": EndReason.DAEMON_DIED.value,
    "evidence": "the daemon that had placed it died; what came of it is not known",
}


class Placement:
    """One order: waiting, then a call, then what came of it."""

    def __init__(self, request: CallRequest, caller_id: str) -> None:
        key = request.idempotency_key
        self.ref = ref_of_key(key) if key else secrets.token_hex(8)
        self.request = request
        self.caller_id = caller_id
        self._call: Call | None = None
        self._told: dict[str, Any] | None = None
        self._has_left_queue = trio.Event()

    @property
    def is_waiting(self) -> bool:
        """Whether it is in the queue."""
        return not self._has_left_queue.is_set()

    def begin(self, call: Call) -> None:
        """Become a call."""
        self._call = call
        self._has_left_queue.set()

    def settle(self, summary: dict[str, Any]) -> None:
        """Be over."""
        self._told, self._call = summary, None
        self._has_left_queue.set()

    def drop(self, reason: EndReason, evidence: str, outcome: Outcome) -> None:
        """Be over without ever having been a call."""
        end = {"reason": reason.value, "evidence": evidence}
        self.settle({**self.summary(), "state": "ended", "outcome": outcome.value, "end": end})

    @property
    def is_over(self) -> bool:
        """Whether its outcome is known."""
        return self._told is not None

    async def wait(self, milestone: Milestone) -> None:
        """Return when the call has come so far, or has ended; the deadline is the caller's."""
        await self._has_left_queue.wait()
        if self._call is not None:
            await self._call.milestones.wait(milestone)

    def summary(self) -> dict[str, Any]:
        """Return what is known of it, as `voiced.record.record.summary_of` has it."""
        if self._told is not None:
            return self._told
        if self._call is not None:
            return summary_of(self._call.record.document())
        request = self.request
        waiting = {"from": self.caller_id, "to": request.to, "line": request.line}
        return summary_of({"ref": self.ref, **waiting, "state": "waiting"})


class Dialer:
    """All orders of the daemon. Made by `open_dialer`."""

    def __init__(
        self,
        services: Services,
        switchboard: Switchboard,
        nursery: trio.Nursery,
    ) -> None:
        self._records = services.records
        self._switchboard = switchboard
        self._nursery = nursery
        self._outbox = services.outbox
        self._orders: OrderedDict[str, Placement] = OrderedDict()
        self._waiting: deque[Placement] = deque()
        self._news = trio.Event()
        self._none_waits = trio.Event()
        self._none_waits.set()
        self._placing = trio.CancelScope()

    @property
    def _config(self) -> Config:
        return self._switchboard.config

    # -- from outside ----------------------------------------------------------------------------

    def order(self, request: CallRequest) -> Placement:
        """Take an order, or find the one that had the same key. Never waits.

        Raises:
            CannotDial: it cannot be taken; see its `status`.
        """
        caller_id = request.from_ or self._config.outbound.caller_id
        placement = Placement(request, caller_id)
        known = self._orders.get(placement.ref)
        if known is not None:
            if not known.request.is_same_order(request):
                raise CannotDial(
                    "idempotency_key: another order had this key; give each call its own",
                    status=409,
                )
            return known
        self._check(request, caller_id)
        self._orders[placement.ref] = placement
        self._forget_the_oldest()
        self._waiting.append(placement)
        if self._none_waits.is_set():
            self._none_waits = trio.Event()
        self._news.set()
        return placement

    def find(self, ref: str) -> Placement | None:
        """Return the order whose call we call `ref`, if it is remembered."""
        return self._orders.get(ref)

    @property
    def lines(self) -> tuple[str, ...]:
        """The names of the lines that an order may be for."""
        return tuple(self._config.lines)

    def waiting(self) -> list[dict[str, Any]]:
        """Return the orders that wait, the first to go first."""
        return [placement.summary() for placement in self._waiting]

    def withdraw(self, placement: Placement) -> None:
        """Take an order that waits out of the queue."""
        self._waiting.remove(placement)
        self._drop(placement, EndReason.OPERATOR_HUNG_UP, "withdrawn before it was placed")

    async def run_dry(self) -> None:
        """Wait until no order waits any more."""
        await self._none_waits.wait()

    def stop(self) -> None:
        """Place no more; the orders that wait are over."""
        self._placing.cancel()
        while self._waiting:
            placement = self._waiting.popleft()
            self._drop(placement, EndReason.SHUTDOWN, "the daemon stopped before it was placed")

    def _check(self, request: CallRequest, caller_id: str) -> None:
        telnyx, lines = self._config.telnyx, self._config.lines
        if self._switchboard.is_draining:
            raise CannotDial("the daemon is draining and places no calls")
        if telnyx.api_key is None:
            raise CannotDial("no call can be placed without an API key: set TELNYX_API_KEY")
        if not telnyx.connection_id:
            raise CannotDial(
                "no call can be placed without the application's id: set TELNYX_APP_ID"
            )
        if not caller_id:
            raise CannotDial(
                "from: there is no caller id; give one, or set [outbound] caller_id", status=422
            )
        if request.line and request.line not in lines:
            known = ", ".join(lines) or "none"
            raise CannotDial(f"line: there is no such line (known: {known})", status=422)
        if self._switchboard.is_lagging:
            raise CannotDial(
                "the event loop is late, or would be ([inbound] max_lag_ms)", status=429
            )
        places = self._switchboard.free_places
        if len(self._waiting) >= places:
            limit = self._config.call.max_concurrent
            raise CannotDial(f"{limit} calls are up ([call] max_concurrent)", status=429)
        if len(self._waiting) >= MOST_WAITING:
            raise CannotDial(
                f"{MOST_WAITING} calls wait to be placed: [outbound] calls_per_second", status=429
            )

    def _forget_the_oldest(self) -> None:
        while len(self._orders) > REMEMBERED:
            oldest = next((ref for ref, order in self._orders.items() if order.is_over), None)
            if oldest is None:
                break  # as many are up, which [call] max_concurrent bounds
            del self._orders[oldest]

    # -- the tasks -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Place the calls that wait, until `stop`."""
        not_before = trio.current_time()
        with self._placing:
            while True:
                while not self._waiting:
                    self._none_waits.set()
                    self._news = trio.Event()
                    await self._news.wait()
                await trio.sleep_until(not_before)
                await self._wait_for_the_loop()
                if self._waiting and await self._place(self._waiting[0]):
                    interval_s = 1 / self._config.outbound.calls_per_second
                    not_before = trio.current_time() + interval_s

    async def _wait_for_the_loop(self) -> None:
        """Hold the orders back for as long as one more call would harm those that are live."""
        while self._switchboard.is_lagging and not self._switchboard.is_draining:  # noqa: ASYNC110
            await trio.sleep(LOOK_AGAIN_S)  # what is looked at is measured now and then: no event

    async def _place(self, placement: Placement) -> bool:
        """Place the first order that waits; False if it made no call."""
        earlier = await self._earlier(placement)
        if not placement.is_waiting:
            return False  # withdrawn meanwhile
        self._waiting.popleft()
        if isinstance(earlier, str):
            self._drop(placement, EndReason.DIAL_FAILED, earlier, Outcome.FAILED)
            return False
        if earlier is not None:
            self._settle(placement, earlier)
            return False
        try:
            call = self._switchboard.dial(self._dial_order(placement))
        except CannotDial as refused:
            draining = self._switchboard.is_draining
            outcome = Outcome.CANCELLED if draining else Outcome.FAILED
            self._drop(placement, EndReason.DIAL_FAILED, str(refused), outcome)
            return False
        placement.begin(call)
        self._nursery.start_soon(self._follow, placement, call, name=f"follow {placement.ref}")
        return True

    async def _earlier(self, placement: Placement) -> dict[str, Any] | str | None:
        """Return what an earlier order with the same key came to, None if there was none.

        A text says why that is not known: then nobody may be called.
        """
        if not placement.request.idempotency_key:
            return None
        try:
            with trio.fail_after(RECORDS_LIMIT_S):
                record = await self._records.find(placement.ref)
        except (OSError, trio.TooSlowError):
            return "the records cannot be read, and might tell that the call was placed before"
        if not record:
            return None
        if record.get("to") != placement.request.to:
            return "idempotency_key: another order had this key; give each call its own"
        summary = summary_of(record)
        return {**summary, "state": "ended", "end": summary["end"] or _NOBODY_KNOWS}

    def _dial_order(self, placement: Placement) -> DialOrder:
        request = placement.request
        return DialOrder(
            to=request.to,
            caller_id=placement.caller_id,
            key=request.idempotency_key or placement.ref,
            ref=placement.ref,
            line=request.line,
            variables=request.variables,
        )

    async def _follow(self, placement: Placement, call: Call) -> None:
        await call.milestones.wait("ended")
        self._settle(placement, summary_of(call.record.document()))

    def _drop(
        self,
        placement: Placement,
        reason: EndReason,
        evidence: str,
        outcome: Outcome = Outcome.CANCELLED,
    ) -> None:
        log.info("call not placed", ref=placement.ref, reason=evidence)
        placement.drop(reason, evidence, outcome)
        self._tell(placement)

    def _settle(self, placement: Placement, summary: dict[str, Any]) -> None:
        placement.settle(summary)
        self._tell(placement)

    def _tell(self, placement: Placement) -> None:
        url = placement.request.webhook
        if url and self._outbox is not None:
            news = placement.ref, url, placement.summary()
            self._nursery.start_soon(self._outbox.tell, *news, name=f"tell {placement.ref}")


@asynccontextmanager
async def open_dialer(services: Services, switchboard: Switchboard) -> AsyncIterator[Dialer]:
    """Yield a dialer at work. At the end, by which all calls must have ended, it tells the rest.

    Args:
        services: what all calls share.
        switchboard: whose calls they become.
    """
    async with trio.open_nursery() as nursery:
        dialer = Dialer(services, switchboard, nursery)
        nursery.start_soon(dialer.run, name="dialer")
        try:
            yield dialer
        finally:
            dialer.stop()
            nursery.cancel_scope.deadline = trio.current_time() + LAST_NEWS_S
            nursery.cancel_scope.shield = True
