"""The calls on the admin listener: place one, look, hang up, transfer.

A call goes by our name for it (`ref`, the `id` of an order), or by its call_control_id as long as
it is live. Whoever waits for a milestone is answered after some seconds in any case, with what is
known by then, and may ask again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from quart import Response, jsonify

from voiced.admin.bodies import read_body, read_order, read_query, read_wait
from voiced.admin.elders import calls_elsewhere
from voiced.errors import IndexUnavailable
from voiced.leg.leg import EndReason
from voiced.log import get_logger
from voiced.record.record import summary_of
from voiced.switchboard.call_request import NothingMore, TransferRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quart_trio import QuartTrio

    from voiced.call.call import Call
    from voiced.handover import Elders
    from voiced.index import CallIndex, CallQuery, Page
    from voiced.leg.leg import Milestone
    from voiced.record.store import RecordStore
    from voiced.switchboard.dialer import Dialer, Placement
    from voiced.switchboard.switchboard import Switchboard

log = get_logger(__name__)

LONGEST_WAIT_S = 8.0
"""Below the time after which the listener closes a connection that is silent."""

RECORDS_LIMIT_S = 5.0

INDEX_LIMIT_S = 8.0
"""More than the databases allow a query, less than what keeps a connection open."""

Answer: TypeAlias = tuple[Response, int]


class CallDesk:
    """Finds calls wherever they are: waiting, live, ended."""

    def __init__(
        self,
        switchboard: Switchboard,
        dialer: Dialer,
        records: RecordStore,
        index: CallIndex | None,
    ) -> None:
        """Look in all of these; `index` is None where there is no disk."""
        self._switchboard = switchboard
        self._dialer = dialer
        self._records = records
        self._index = index

    def live(self, call_id: str) -> Call | None:
        """Return a live call."""
        return self._switchboard.find(call_id)

    def waiting(self, call_id: str) -> Placement | None:
        """Return an order that is still to be placed."""
        order = self._dialer.find(call_id)
        return order if order is not None and order.is_waiting else None

    async def wait(self, call_id: str, milestone: Milestone) -> None:
        """Return when the call has come so far, or after `LONGEST_WAIT_S`."""
        order, live = self._dialer.find(call_id), self.live(call_id)
        with trio.move_on_after(LONGEST_WAIT_S):
            if order is not None:
                await order.wait(milestone)
            elif live is not None:
                await live.milestones.wait(milestone)

    async def document(self, call_id: str) -> dict[str, Any] | None:
        """Return all that is known of a call, None if nothing is."""
        live = self.live(call_id)
        if live is not None:
            return _shown(live.snapshot())
        if not self.waiting(call_id):
            record = await self._record(call_id)
            if record:
                return _shown(record)
        order = self._dialer.find(call_id)  # its record could not be written, or it has none
        return None if order is None else order.summary()

    def documents(self) -> list[dict[str, Any]]:
        """Return the calls that wait or live."""
        live = [_shown(document) for document in self._switchboard.snapshot()]
        return [*self._dialer.waiting(), *live]

    async def search(self, query: CallQuery) -> Page:
        """Return the calls that the index knows; raises IndexUnavailable."""
        if self._index is None:
            await trio.lowlevel.checkpoint()
            raise IndexUnavailable("there is none")
        try:
            with trio.fail_after(INDEX_LIMIT_S):
                return await self._index.search(query)
        except trio.TooSlowError:
            raise IndexUnavailable(f"no answer within {INDEX_LIMIT_S:g} s") from None

    async def _record(self, call_id: str) -> dict[str, Any]:
        return await self._indexed(call_id) or await self._stored(call_id)

    async def _indexed(self, call_id: str) -> dict[str, Any]:
        if self._index is None:
            return {}
        try:
            with trio.fail_after(INDEX_LIMIT_S):
                return await self._index.find(call_id)
        except (IndexUnavailable, trio.TooSlowError) as error:
            log.warning("index of calls not asked", reason=str(error))
            return {}

    async def _stored(self, call_id: str) -> dict[str, Any]:
        """Look for a record that is not indexed: yet, or never."""
        try:
            with trio.fail_after(RECORDS_LIMIT_S):
                return await self._records.find(call_id)
        except (OSError, trio.TooSlowError):
            log.error("records not read")
            return {}


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as the API shows it: with the names that an order's answer has, too."""
    return {**summary_of(record), **record}


def add_call_routes(app: QuartTrio, desk: CallDesk, dialer: Dialer, elders: Elders) -> None:
    """Add what the admin listener does with calls."""
    _add_orders(app, desk, dialer, elders)
    _add_commands(app, desk, dialer)


def _add_orders(app: QuartTrio, desk: CallDesk, dialer: Dialer, elders: Elders) -> None:
    """Add how calls are placed, and what comes of them is asked."""

    @app.get("/calls")
    async def calls() -> Response:
        query = read_query()
        if query is None:
            return jsonify({"calls": [*desk.documents(), *await calls_elsewhere(elders)]})
        page = await desk.search(query)
        return jsonify({"calls": page.calls, "next": page.next and str(page.next)})

    @app.post("/calls")
    async def place() -> Answer:
        request = await read_order()
        order = dialer.order(request)
        if request.wait is not None:
            await desk.wait(order.ref, request.wait)
        return jsonify(order.summary()), 202

    @app.get("/calls/<path:call_id>")
    async def call(call_id: str) -> Answer:
        milestone = read_wait()
        if milestone is not None:
            await desk.wait(call_id, milestone)
        found = await desk.document(call_id)
        return (jsonify(found), 200) if found else _unknown()


def _add_commands(app: QuartTrio, desk: CallDesk, dialer: Dialer) -> None:
    """Add what can be done with a call that is there."""

    @app.post("/calls/<path:call_id>/hangup")
    async def hang_up(call_id: str) -> Answer:
        await read_body(NothingMore)
        live, waiting = desk.live(call_id), desk.waiting(call_id)
        if live is not None:
            live.end_from_outside(EndReason.OPERATOR_HUNG_UP, "POST /calls/<id>/hangup")
            return jsonify({"id": live.keys.ref}), 202
        if waiting is not None:
            dialer.withdraw(waiting)
            return jsonify({"id": waiting.ref}), 202
        return await _gone(desk, call_id)

    @app.post("/calls/<path:call_id>/transfer")
    async def transfer(call_id: str) -> Answer:
        request = await read_body(TransferRequest)
        live = desk.live(call_id)
        if live is not None and live.transfer(request.to):
            return jsonify({"id": live.keys.ref}), 202
        if live is None and not desk.waiting(call_id):
            return await _gone(desk, call_id)
        return _conflict("nobody can be transferred now: the call must be answered, and ours")


async def _gone(desk: CallDesk, call_id: str) -> Answer:
    return _conflict("the call has ended") if await desk.document(call_id) else _unknown()


def _conflict(sentence: str) -> Answer:
    return jsonify({"error": sentence}), 409


def _unknown() -> Answer:
    return jsonify({"error": "there is no call with this id"}), 404
