"""Handing the caller to somebody else.

Telnyx makes a second leg for the target and tells of it by webhooks of its own; they carry the
`client_state` that the command gave them, by which the switchboard brings them here. Our leg stays
up when the target cannot be reached, and ends with the target's once they are bridged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.errors import CommandFailed
from voiced.journal import TransferBegan, TransferEnded
from voiced.leg import LegEvent
from voiced.log import get_logger
from voiced.telnyx import commands
from voiced.telnyx.events import CallAnswered, CallBridged, CallHangup
from voiced.telnyx.outcome import dial_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.config import TransferConfig
    from voiced.leg import Leg
    from voiced.media_path import MediaPath
    from voiced.services import CallFace
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.rest import TelnyxClient

log = get_logger(__name__)

SETTLE_GRACE_S = 10.0
"""Beyond the ring time: for webhooks that come late."""

BRIDGE_GRACE_S = 3.0
"""An answered target whose `call.bridged` does not come is taken for bridged."""


class Handover:
    """The transfers of one call, one after the other."""

    def __init__(
        self,
        leg: Leg,
        path: MediaPath,
        call: CallFace,
        telnyx: TelnyxClient,
        config: TransferConfig,
        client_state: str,
        on_bridge: Callable[[], Awaitable[None]],
    ) -> None:
        """Make what transfers `leg`; its targets' webhooks carry `client_state`.

        `on_bridge` is told when the caller is with somebody else: the leg is then not ours to end.
        """
        self._on_bridge = on_bridge
        self._leg = leg
        self._path = path
        self._call = call
        self._telnyx = telnyx
        self._config = config
        self._client_state = client_state
        self._attempts = 0
        self._settling = trio.CancelScope()
        self._failure = ""
        self._bridged = False

    async def run(self, to: str) -> str:
        """Transfer to `to`, E.164 or SIP URI; return why it failed, in a word or two.

        Does not return when the caller was bridged: the call then ends with the leg.
        """
        self._attempts += 1
        self._failure, self._bridged = "no answer", False
        self._leg.apply(LegEvent.TRANSFER_SENT)
        self._path.transfer_begins()
        self._call.note(TransferBegan(to=to, at=trio.current_time()))
        limit_s = self._config.ring_s + SETTLE_GRACE_S
        with trio.move_on_after(limit_s) as self._settling:
            await self._send(to)
        self._leg.apply(LegEvent.BRIDGED if self._bridged else LegEvent.TRANSFER_FAILED)
        self._path.transfer_has_settled()
        outcome = "bridged" if self._bridged else self._failure
        self._call.note(TransferEnded(outcome=outcome, at=trio.current_time()))
        if self._bridged:
            await self._on_bridge()
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
                self._failure = result.outcome.value.replace("_", " ")
                self._settling.cancel()
            case _:
                pass

    async def _send(self, to: str) -> None:
        assert self._leg.id is not None
        command = commands.Transfer(
            call_control_id=self._leg.id,
            to=to,
            from_=self._config.caller_id or None,
            early_media=self._config.early_media,
            timeout_secs=self._config.ring_s,
            target_leg_client_state=self._client_state,
            purpose=f"transfer {self._attempts}",
        )
        try:
            await self._telnyx.send(command)
        except CommandFailed as failed:
            log.warning("transfer refused", status=failed.status, code=failed.code)
            self._failure = "refused"
        else:
            await trio.sleep_forever()
