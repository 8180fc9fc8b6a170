"""The legs of an emulated account: found, made, run, and what is left of them.

Whoever rings the daemon runs its leg in a task of its own. Legs that the daemon dials, and those
that a transfer makes, run in the nursery of the emulator.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from voiced.testing.leg.outgoing import Outgoing
from voiced.testing.leg.phone_leg import PhoneLeg
from voiced.testing.legs import Hangup
from voiced.testing.rules import Parties
from voiced.testing.webhooks import derived_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.testing.callees import Directory
    from voiced.testing.faults import Faults
    from voiced.testing.leg.context import CallServices, NewLeg
    from voiced.testing.leg.phone_leg import Origin
    from voiced.testing.report import CallReport
    from voiced.testing.rules import CallRules

_RECENT_LEGS = 1000
"""Ended legs that still answer 90018; older ones answer 90015."""

_LEFT_UP = Hangup(cause="unspecified", source="unknown")


class _Session:
    """Legs that share a `call_session_id`."""

    def __init__(self) -> None:
        self._n_open = 0
        self._changed = trio.Event()
        self._reports: list[CallReport] = []

    def join(self) -> None:
        self._n_open += 1

    def leave(self, report: CallReport | None) -> None:
        self._n_open -= 1
        if report is not None:
            self._reports.append(report)
        self._changed.set()

    async def wait_for_the_others(self, mine: CallReport) -> CallReport:
        """Return `mine` with the reports of the other legs, when all have ended."""
        while self._n_open:
            self._changed = trio.Event()
            await self._changed.wait()
        others = [r for r in self._reports if r.call_control_id != mine.call_control_id]
        return replace(mine, linked=tuple(sorted(others, key=lambda report: report.rang_at)))


class Exchange:
    """All legs of an account.

    Args:
        live_legs: the nursery of the legs that nobody waits for.
        account_key: makes the ids of two emulators that ring the same daemon differ.
        connection_id: of the application that the calls come by.
        directory: who is behind which number.
        services: makes what a new leg needs; its argument is the leg's own webhook URL, or "".
    """

    def __init__(
        self,
        *,
        live_legs: trio.Nursery,
        account_key: str,
        connection_id: str,
        directory: Directory,
        services: Callable[[str], CallServices],
    ) -> None:
        self.directory = directory
        self.zombies: list[str] = []
        self._live_legs = live_legs
        self._account_key = account_key
        self._connection_id = connection_id
        self._services = services
        self._legs: OrderedDict[str, PhoneLeg] = OrderedDict()
        self._n_legs = 0
        self._sessions: dict[str, _Session] = {}

    def find(self, call_control_id: str) -> PhoneLeg | None:
        """Return a live or recent leg."""
        return self._legs.get(call_control_id)

    async def ring(
        self, origin: Origin, *, from_: str, to: str, faults: Faults, rules: CallRules
    ) -> CallReport:
        """Ring the daemon; returns when the session is over, last webhook included."""
        leg = PhoneLeg(
            parties=self._parties(from_, to, session_id=""),
            origin=origin,
            services=self._services(""),
            rules=rules,
            faults=faults,
        )
        self._remember(leg)
        return await self._run_session(leg)

    def place(self, new: NewLeg) -> PhoneLeg:
        """Make an outgoing leg and let it ring."""
        leg = PhoneLeg(
            parties=self._parties(new.from_, new.to, session_id=new.session_id),
            origin=Outgoing(new),
            services=self._services(new.body.get("webhook_url", "")),
            rules=new.rules,
            faults=new.faults,
        )
        leg.state.client_state = new.client_state
        self._remember(leg)
        name = f"leg {leg.state.call_control_id}"
        self._live_legs.start_soon(self._run_placed, leg, new, name=name)
        return leg

    async def _run_placed(self, leg: PhoneLeg, new: NewLeg) -> None:
        session_id = leg.context.parties.call_session_id
        run = self._run if session_id in self._sessions else self._run_session
        report = await run(leg)
        if new.on_report is not None:
            new.on_report(report)

    async def _run_session(self, leg: PhoneLeg) -> CallReport:
        """Run the first leg of a session and wait for the others."""
        session_id = leg.context.parties.call_session_id
        session = self._sessions[session_id] = _Session()
        try:
            return await session.wait_for_the_others(await self._run(leg))
        finally:
            del self._sessions[session_id]

    async def _run(self, leg: PhoneLeg) -> CallReport:
        session = self._sessions[leg.context.parties.call_session_id]
        session.join()
        report: CallReport | None = None
        try:
            report = await leg.run()
        finally:
            # Only a cancelled leg is still up here: nobody is there any more to hang it up.
            if leg.state.end(_LEFT_UP) or (report is not None and report.zombie):
                self.zombies.append(leg.state.call_control_id)
            session.leave(report)
        return report

    def _remember(self, leg: PhoneLeg) -> None:
        self._legs[leg.state.call_control_id] = leg
        while len(self._legs) > _RECENT_LEGS:
            self._legs.popitem(last=False)

    def _parties(self, from_: str, to: str, *, session_id: str) -> Parties:
        self._n_legs += 1
        base = (self._account_key, self._n_legs)
        return Parties(
            call_control_id="v3:" + derived_id("control", *base).replace("-", ""),
            call_leg_id=derived_id("leg", *base),
            call_session_id=session_id or derived_id("session", *base),
            connection_id=self._connection_id,
            user_id=derived_id("user", self._account_key),
            from_=from_,
            to=to,
        )
