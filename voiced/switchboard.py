"""The live calls: joins webhook and media socket of one call leg, admits and refuses, drains.

The nursery of live calls is the daemon's; it is kept here for as long as the switchboard lives,
the one nursery in the program that outlives the function that starts tasks in it.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import trio

from voiced.admission import Refuse, admit
from voiced.call import Call
from voiced.leg import EndReason
from voiced.log import get_logger
from voiced.record import RecordBuilder
from voiced.telnyx.events import CallInitiated

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.ledger import Settler
    from voiced.services import Services
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.ids import CallControlId

log = get_logger(__name__)

REMEMBERED = 10_000
"""Ended calls whose late webhooks are recognized, so that none of them rings a second time."""

MOURNING = 200
"""Refusals under way at most; beyond them Telnyx's own ring timeout ends a call."""


class Switchboard:
    """All calls of the daemon."""

    def __init__(
        self,
        services: Services,
        live_calls: trio.Nursery,
        wall_clock: Callable[[], float],
        settler: Settler,
    ) -> None:
        """Start calls in `live_calls`; `wall_clock` gives unix seconds for records.

        Webhooks of legs that an earlier daemon has left go to `settler`.
        """
        self._settler = settler
        self._services = services
        self._live_calls = live_calls
        self._wall_clock = wall_clock
        self._calls: dict[CallControlId, Call] = {}
        self._by_token: dict[str, Call] = {}
        self._ended: OrderedDict[CallControlId, None] = OrderedDict()
        self._refusals = 0
        self._draining = False
        self._empty = trio.Event()
        self._empty.set()

    def webhook(self, event: WebhookEvent) -> None:
        """Take a verified, first-time webhook to its call. Never waits."""
        call = self._calls.get(event.call_control_id)
        if call is not None:
            call.webhook(event)
        elif self._settler.take(event):
            pass  # before it could ring a second time
        elif isinstance(event, CallInitiated) and event.direction == "incoming":
            self._ring(event)
        else:
            log.debug("webhook for no live call", type=type(event).__name__)

    def claim(self, token: str) -> Call | None:
        """Return the call whose media socket `token` authorises, if it wants one now."""
        call = self._by_token.get(token)
        return call if call is not None and call.wants_media else None

    def find(self, call_id: str) -> Call | None:
        """Return a live call by its call_control_id."""
        return next((call for call in self._calls.values() if call.id == call_id), None)

    def snapshot(self) -> list[dict[str, Any]]:
        """Return all live calls as the admin API shows them."""
        return [call.snapshot() for call in self._calls.values()]

    @property
    def is_draining(self) -> bool:
        """Whether new calls are refused."""
        return self._draining

    async def drain(self) -> None:
        """Refuse new calls and wait until the live ones have ended."""
        self._draining = True
        await self._empty.wait()

    async def close(self) -> None:
        """End all live calls and wait for their goodbyes, each of which has its own deadline."""
        self._draining = True
        for call in self._calls.values():
            call.end(EndReason.SHUTDOWN, "the daemon stopped")
        await self._empty.wait()

    def _ring(self, event: CallInitiated) -> None:
        call_id = event.call_control_id
        if call_id in self._ended:
            log.debug("late call.initiated of an ended call")
            return
        admission = admit(
            self._services.config,
            caller=event.from_,
            called=event.to,
            live_calls=len(self._by_token),
            draining=self._draining,
        )
        refusal = admission if isinstance(admission, Refuse) else None
        if refusal and self._refusals >= MOURNING:
            log.warning("call neither answered nor refused", reason=refusal.evidence)
            return
        call = self._make(event, "" if isinstance(admission, Refuse) else admission.line)
        self._calls[call_id] = call
        if refusal:
            self._refusals += 1
        else:
            self._by_token[call.token] = call
        if self._empty.is_set():  # not otherwise: a drain may be waiting on it
            self._empty = trio.Event()
        self._live_calls.start_soon(self._live, call, refusal, name=f"call {call_id}")

    def _make(self, event: CallInitiated, line: str) -> Call:
        record = RecordBuilder(
            call_id=event.call_control_id,
            ids={
                "call_leg_id": event.call_leg_id,
                "call_session_id": event.call_session_id,
                "connection_id": event.connection_id,
            },
            line=line,
            started=datetime.fromtimestamp(self._wall_clock(), UTC),
        )
        token = secrets.token_urlsafe(24)
        staff = self._services.staff[line]
        return Call(event, token=token, services=self._services, staff=staff, record=record)

    async def _live(self, call: Call, refusal: Refuse | None) -> None:
        try:
            if refusal:
                await call.refuse(refusal)
            else:
                await call.run()
        except Exception:  # the last net: no call's fault may reach another
            log.exception("call broke outside its own supervisor", call=call.id)
        finally:
            if refusal:
                self._refusals -= 1
            self._by_token.pop(call.token, None)
            self._forget(call)

    def _forget(self, call: Call) -> None:
        del self._calls[call.id]
        self._ended[call.id] = None
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        if not self._calls:
            self._empty.set()
