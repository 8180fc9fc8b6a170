"""Handing the caller to somebody else.

Telnyx makes a second leg for the target and tells of it by webhooks of its own; they carry the
`client_state` that the command gave them, by which the switchboard brings them here. Our leg stays
up when the target cannot be reached, and ends with the target's once they are bridged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from voiced.agent.briefing import BriefingAgent
from voiced.errors import CannotDial, CommandFailed, LocalProtocolError
from voiced.leg.leg import EndReason, LegEvent
from voiced.log import get_logger
from voiced.record.journal import TransferBegan, TransferEnded
from voiced.services.services import CallFace
from voiced.telnyx import commands
from voiced.telnyx.events import CallAnswered, CallBridged, CallHangup
from voiced.telnyx.outcome import Outcome, dial_result

if TYPE_CHECKING:
    from voiced.agent.base import DialogueAgent
    from voiced.call.reply import Transfer
    from voiced.config import Config
    from voiced.ledger import LegBooks
    from voiced.leg.leg import Leg
    from voiced.media.path import MediaPath
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.ids import CallControlId
    from voiced.telnyx.rest import TelnyxClient

log = get_logger(__name__)

SETTLE_GRACE_S = 10.0
"""Beyond the ring time: for webhooks that come late."""

BRIDGE_GRACE_S = 3.0
"""An answered target whose `call.bridged` does not come is taken for bridged."""


class ConsultedCall(Protocol):
    """The call to the target of a warm transfer."""

    leg: Leg
    books: LegBooks
    over: trio.Event

    @property
    def outcome(self) -> Outcome | None:
        """What came of it, once that is known."""
        ...

    def become_target(self) -> bool:
        """Fall silent, to be bridged; False if it has ended."""
        ...

    def end_from_outside(self, reason: EndReason, evidence: str) -> None:
        """End it, unless it has ended."""
        ...


class HandingCall(CallFace, Protocol):
    """The call whose caller is handed over."""

    books: LegBooks

    def consult(self, to: str, agent: DialogueAgent) -> ConsultedCall:
        """Place a call to `to`, with `agent` and our line's voice; raises CannotDial."""
        ...


class Handover:
    """The transfers of one call, one after the other."""

    def __init__(
        self,
        leg: Leg,
        path: MediaPath,
        call: HandingCall,
        telnyx: TelnyxClient,
        config: Config,
        client_state: str,
    ) -> None:
        """Make what transfers `leg`; its targets' webhooks carry `client_state`."""
        self._leg = leg
        self._path = path
        self._call = call
        self._telnyx = telnyx
        self._config = config.transfer
        self._webhook_url = config.call_webhook_url
        self._client_state = client_state
        self._attempts = 0
        self._settling = trio.CancelScope()
        self._failure = ""
        self._bridged = False

    async def run(self, transfer: Transfer) -> str:
        """Transfer the caller; return why it failed, in a word or two.

        Does not return when the caller was bridged: the call then ends with the leg.
        """
        self._attempts += 1
        self._failure, self._bridged = "no answer", False
        self._leg.apply(LegEvent.TRANSFER_SENT)
        self._path.transfer_begins()
        self._call.note(TransferBegan(to=transfer.to, at=trio.current_time()))
        try:
            if transfer.briefing:
                await self._consult(transfer)
            else:
                await self._transfer(transfer.to)
        except CommandFailed as failed:
            log.warning("transfer refused", status=failed.status, code=failed.code)
            self._failure = "refused"
        except (LocalProtocolError, CannotDial) as error:
            log.warning("transfer not possible", error=type(error).__name__)
            self._failure = "refused"
        self._leg.apply(LegEvent.BRIDGED if self._bridged else LegEvent.TRANSFER_FAILED)
        self._path.transfer_has_settled()
        outcome = "bridged" if self._bridged else self._failure
        self._call.note(TransferEnded(outcome=outcome, at=trio.current_time()))
        if self._bridged:
            await self._call.books.bridged()  # from now on the leg is not ours to end
            await trio.sleep_forever()
        return self._failure

    def webhook(self, event: WebhookEvent) -> None:
        """Take a fact about the target's leg, or that ours is bridged."""
        if not self._leg.is_being_transferred:
            return
        match event:
            case CallBridged():
                self._bridged = True
                self._settling.cancel()
            case CallAnswered():
                # `call.bridged` follows at once; if it is lost, silence must not look like failure.
                self._bridged = True
                self._settling.deadline = trio.current_time() + BRIDGE_GRACE_S
            case CallHangup():
                self._bridged = False
                result = dial_result(
                    answered=False,
                    hangup_cause=event.cause,
                    sip_hangup_cause=event.sip_cause,
                    hangup_source=event.source,
                )
                self._failure = _words(result.outcome)
                self._settling.cancel()
            case _:
                pass

    # -- cold ------------------------------------------------------------------------------------

    async def _transfer(self, to: str) -> None:
        """Let Telnyx ring the target and bridge both."""
        command = commands.Transfer(
            call_control_id=self._leg_id,
            to=to,
            from_=self._config.caller_id or None,
            early_media=self._config.early_media,
            timeout_secs=self._config.ring_s,
            target_leg_client_state=self._client_state,
            webhook_url=self._webhook_url,
            purpose=f"transfer {self._attempts}",
        )
        with trio.move_on_after(self._config.ring_s + SETTLE_GRACE_S) as self._settling:
            await self._telnyx.send(command)
            await trio.sleep_forever()

    # -- warm ------------------------------------------------------------------------------------

    async def _consult(self, transfer: Transfer) -> None:
        """Ring the target ourselves, brief it, and bridge both once it has agreed."""
        briefing = BriefingAgent(transfer.briefing)
        other = self._call.consult(transfer.to, briefing)
        try:
            async with trio.open_nursery() as nursery:

                async def until_over() -> None:
                    await other.over.wait()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(until_over)
                await briefing.accepted.wait()
                nursery.cancel_scope.cancel()
            if briefing.accepted.is_set():
                await self._bridge(other)
            elif other.outcome in (Outcome.COMPLETED, None):
                self._failure = "declined"
            else:
                self._failure = _words(other.outcome)
        finally:
            if not self._bridged:
                why = "the transfer that it was for is over"
                other.end_from_outside(EndReason.AGENT_HUNG_UP, why)

    async def _bridge(self, other: ConsultedCall) -> None:
        if other.leg.id is None or not other.become_target():
            self._failure = "declined"  # it has hung up this very moment
            return
        command = commands.Bridge(
            call_control_id=self._leg_id, other=other.leg.id, purpose=f"bridge {self._attempts}"
        )
        with trio.move_on_after(SETTLE_GRACE_S) as self._settling:
            await self._telnyx.send(command)
            self._bridged = True  # unless a hangup says otherwise
            self._settling.deadline = trio.current_time() + BRIDGE_GRACE_S
            await trio.sleep_forever()
        if self._bridged:  # the webhook may have been faster than the answer
            await other.books.bridged()

    @property
    def _leg_id(self) -> CallControlId:
        assert self._leg.id is not None
        return self._leg.id


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")
