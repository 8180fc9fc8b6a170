"""Legs that belong together: bridged, so that their parties hear each other, or about to be.

    transfer: leg A ── rings ──► leg B      B answers: bridged; B refuses: A goes on alone
    bridged:  A's party ◄── audio both ways ──► B's party
    B ends:   A is hung up, or parked if `park_after_unbridge` said so

Telnyx keeps the media stream of a bridged leg open: what the daemon plays is still heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from voiced.testing.announcer import Announcement
from voiced.testing.leg.context import NewLeg
from voiced.testing.legs import Hangup
from voiced.testing.line import RINGBACK
from voiced.testing.report import BridgeSeen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.testing.announcer import AudioLoader
    from voiced.testing.leg.phone_leg import PhoneLeg

MuteDtmf: TypeAlias = Literal["none", "both", "self", "opposite"]

_PEER_ENDED = {
    "incoming": Hangup(cause="normal_clearing", source="callee"),
    "outgoing": Hangup(cause="normal_clearing", source="caller"),
}
_CANCELLED = Hangup(cause="originator_cancel", source="caller", sip_cause="487")


@dataclass(frozen=True, slots=True, eq=False)
class _Bridge:
    """This leg's side of a bridge."""

    peer: PhoneLeg
    since: float
    hears_keys: bool


class Links:
    """The links of one leg.

    Args:
        leg: whose they are.
        parks: the leg stays up when the one that it is bridged with ends.
    """

    def __init__(self, leg: PhoneLeg, *, parks: bool) -> None:
        self._leg = leg
        self._parks = parks
        self._bridge: _Bridge | None = None
        self._transfer: PhoneLeg | None = None

    @property
    def peer(self) -> PhoneLeg | None:
        """Return the leg that this one is bridged with."""
        return None if self._bridge is None else self._bridge.peer

    @property
    def is_transferring(self) -> bool:
        """Tell whether the target of a transfer is being rung."""
        return self._transfer is not None

    @property
    def is_cared_for(self) -> bool:
        """Tell whether somebody else than the daemon keeps the leg busy."""
        return self._bridge is not None or self._transfer is not None

    # -- commands ------------------------------------------------------------------------------

    def transfer(self, body: Mapping[str, Any], prompt: AudioLoader | None) -> None:
        """Ring the target. `prompt` gives what it hears before it is bridged."""
        leg, context = self._leg, self._leg.context
        exchange = context.services.exchange
        self._parks = body.get("park_after_unbridge") == "self"
        mute: MuteDtmf = body.get("mute_dtmf", "none")

        def answered(target: PhoneLeg) -> None:
            if prompt is None:
                leg.links.join(target, mute)
            else:
                told = _ThenJoin(leg, target, mute)
                target.announcer.play(Announcement(load=prompt, told=told))

        self._transfer = exchange.place(
            NewLeg(
                from_=body.get("from", context.parties.to),
                to=body["to"],
                callee=exchange.directory.find(body["to"]),
                body=body,
                session_id=context.parties.call_session_id,
                client_state=body.get("target_leg_client_state"),
                rules=context.rules,
                faults=context.faults.of_other_legs(),
                on_answer=answered,
                on_end=self._target_ended,
            )
        )
        if body.get("early_media", True):
            leg.audio.ringback.play(RINGBACK, forever=True)

    def bridge(self, body: Mapping[str, Any]) -> None:
        """Bridge with the leg that the command names, if it is still there."""
        other = self._leg.context.services.exchange.find(body["call_control_id"])
        self._parks = body.get("park_after_unbridge") == "self"
        if other is not None:
            self.join(other, body.get("mute_dtmf", "none"))

    def join(self, other: PhoneLeg, mute: MuteDtmf = "none") -> None:
        """Let both parties hear each other, from now on."""
        self._transfer = None
        self._leg.audio.ringback.stop()
        if not (self._leg.state.is_up and other.state.is_up):
            return
        self._unbridge()
        other.links._unbridge()
        self._enter(other, hears_keys=mute not in ("self", "both"))
        other.links._enter(self._leg, hears_keys=mute not in ("opposite", "both"))

    def ended(self) -> None:
        """Let go of everything: the leg has ended."""
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            transfer.end(_CANCELLED, "peer")
        self._unbridge()

    def pass_key(self, digit: str) -> None:
        """Let the other party hear a key of this one."""
        if self._bridge is not None and self._bridge.peer.links.hears_keys:
            self._bridge.peer.audio.hear_key(digit)

    @property
    def hears_keys(self) -> bool:
        """Tell whether this party hears the keys of the other one."""
        return self._bridge is not None and self._bridge.hears_keys

    # -- both sides ----------------------------------------------------------------------------

    def _enter(self, peer: PhoneLeg, *, hears_keys: bool) -> None:
        self._bridge = _Bridge(peer, trio.current_time(), hears_keys)
        self._leg.audio.bridge_with(peer.audio)
        self._leg.context.tell_people("call.bridged")

    def _leave(self) -> None:
        bridge, self._bridge = self._bridge, None
        if bridge is None:
            return
        self._leg.audio.unbridge()
        ledger = self._leg.ledger
        ledger.bridges.append(
            BridgeSeen(
                call_control_id=bridge.peer.state.call_control_id,
                from_s=ledger.seconds(bridge.since),
                to_s=ledger.seconds(trio.current_time()),
            )
        )

    def _unbridge(self) -> None:
        """Leave the bridge; the leg at its other end is parked or hung up."""
        peer = self.peer
        self._leave()
        if peer is not None:
            peer.links._left_alone()

    def _left_alone(self) -> None:
        self._leave()
        if not self._parks:
            self._leg.end(_PEER_ENDED[self._leg.state.direction], "peer")

    def _target_ended(self, target: PhoneLeg) -> None:
        if self._transfer is target:
            self._transfer = None
            self._leg.audio.ringback.stop()


class _ThenJoin:
    """Bridges two legs once the target has heard an announcement."""

    def __init__(self, leg: PhoneLeg, target: PhoneLeg, mute: MuteDtmf) -> None:
        self._join = leg.links.join
        self._target = target
        self._mute: MuteDtmf = mute

    def started(self) -> None:
        """Take the start."""

    def ended(self, status: str) -> None:
        """Bridge, unless the target has hung up."""
        if status == "completed":
            self._join(self._target, self._mute)

    def failed(self, detail: str) -> None:
        """Bridge without it."""
        del detail
        self._join(self._target, self._mute)
