"""`POST /v2/calls`: whether the account may dial, and what became of each call that it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from voiced.testing.callees import Callee, account_problem
from voiced.testing.commands import Refused, refused
from voiced.testing.faults import NO_FAULTS, RestTroubles
from voiced.testing.leg.context import NewLeg
from voiced.testing.leg.phone_leg import PhoneLeg
from voiced.testing.legs import COMMAND_ID_WINDOW_S
from voiced.testing.report import CommandSeen
from voiced.testing.rules import DEFAULT_RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.testing.account import Possessions
    from voiced.testing.exchange import Exchange
    from voiced.testing.faults import Faults
    from voiced.testing.report import CallReport
    from voiced.testing.rules import CallRules


class Dialling:
    """The calls that the daemon dials.

    Attributes:
        rules: bounds and line of each new leg.
        channels: how many dialled calls may be up at once; None for any number.
        requests: every request, with what it was answered; `at_s` is trio time.
    """

    def __init__(
        self, exchange: Exchange, possessions: Callable[[], Possessions], *, reply_s: float
    ) -> None:
        self.channels: int | None = None
        self.rules: CallRules = DEFAULT_RULES
        self.requests: list[CommandSeen] = []
        self.reply_s = reply_s
        self.troubles = RestTroubles(NO_FAULTS)
        self._faults = NO_FAULTS
        self._exchange = exchange
        self._possessions = possessions
        self._by_command_id: dict[str, tuple[float, PhoneLeg]] = {}
        self._legs: list[PhoneLeg] = []
        self._reports: dict[str, CallReport] = {}
        self._changed = trio.Event()

    @property
    def faults(self) -> Faults:
        """Return what goes wrong with requests to dial, and with each leg that they make."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self.troubles = RestTroubles(faults)

    def dial(self, body: Mapping[str, Any]) -> PhoneLeg | Refused:
        """Dial; `body` has passed `check_body`. A `command_id` seen lately gives the same leg."""
        now = trio.current_time()
        command_id = body.get("command_id")
        self._by_command_id = {
            known: (at, leg)
            for known, (at, leg) in self._by_command_id.items()
            if now - at < COMMAND_ID_WINDOW_S
        }
        if command_id in self._by_command_id:
            return self._by_command_id[command_id][1]
        verdict = self._refusal(body)
        if verdict is not None:
            return verdict
        leg = self._place(body)
        if command_id is not None:
            self._by_command_id[command_id] = (now, leg)
        return leg

    def seen(
        self, body: Mapping[str, Any], status: int | None, outcome: PhoneLeg | Refused | None
    ) -> None:
        """Note a request to dial, with the HTTP status that it was answered with."""
        is_new = isinstance(outcome, PhoneLeg) and not outcome.ledger.commands
        seen = CommandSeen(
            at_s=trio.current_time(),
            action="dial",
            body=dict(body),
            status=status,
            code=outcome.code if isinstance(outcome, Refused) else "",
            repeated=isinstance(outcome, PhoneLeg) and not is_new,
        )
        self.requests.append(seen)
        if isinstance(outcome, PhoneLeg):
            outcome.seen("dial", body, status, repeated=seen.repeated)

    async def report(self, number: int) -> CallReport:
        """Return what became of the `number`th call that was dialled, counted from 1.

        Waits until it has been dialled and is over.
        """
        while True:
            if number <= len(self._legs):
                report = self._reports.get(self._legs[number - 1].state.call_control_id)
                if report is not None:
                    return report
            self._changed = trio.Event()
            await self._changed.wait()

    def _place(self, body: Mapping[str, Any]) -> PhoneLeg:
        linked = self._exchange.find(body.get("link_to", ""))
        new = NewLeg(
            from_=body["from"],
            to=body["to"],
            body=body,
            session_id=linked.context.parties.call_session_id if linked is not None else "",
            client_state=body.get("client_state"),
            rules=self.rules,
            faults=self._faults,
            parks=body.get("park_after_unbridge") == "self",
            on_answer=linked.links.join if linked and body.get("bridge_on_answer") else None,
            on_report=self._take,
            callee=self._callee(body),
        )
        leg = self._exchange.place(new)
        self._legs.append(leg)
        return leg

    def _callee(self, body: Mapping[str, Any]) -> Callee:
        """Return who is there; a caller id that is not ours ends the call before it rings."""
        if not self._possessions().may_call_from(body["from"]):
            return account_problem()
        return self._exchange.directory.find(body["to"])

    def _take(self, report: CallReport) -> None:
        self._reports[report.call_control_id] = report
        self._changed.set()

    def _refusal(self, body: Mapping[str, Any]) -> Refused | None:
        applications = {owned.id: owned for owned in self._possessions().applications}
        application = applications.get(body["connection_id"])
        if application is None:
            return refused("10015", "connection_id", "is none of this account's applications")
        if not application.webhook_url:
            return refused("10015", "connection_id", "names an application without webhook URL")
        if not application.profile_id:
            return refused("10015", "connection_id", "has no outbound voice profile")
        n_up = sum(leg.state.is_up for leg in self._legs)
        if self.channels is not None and n_up >= self.channels:
            detail = f"The account's limit of {self.channels} channels is reached."
            return Refused(status=403, code="90041", detail=detail)
        link_to = body.get("link_to")
        if link_to is not None and self._exchange.find(link_to) is None:
            return refused("90015", "link_to", "names no call")
        return None
