"""Incoming calls: somebody rings, and waits for an answer as long as patience lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from voiced.testing.deliveries import webhooks_of
from voiced.testing.legs import Hangup

if TYPE_CHECKING:
    from voiced.testing.caller import Caller
    from voiced.testing.leg.context import EventSink, LegContext, LegFacts
    from voiced.testing.leg.phone_leg import PhoneLeg
    from voiced.testing.legs import Direction

_HUNG_UP = Hangup(cause="normal_clearing", source="caller")
_GAVE_UP = Hangup(cause="originator_cancel", source="caller", sip_cause="487")


class Incoming:
    """The origin of a leg that rings the daemon."""

    direction: Direction = "incoming"
    parks = False

    def __init__(self, caller: Caller) -> None:
        self.party = caller

    def events(self, facts: LegFacts) -> EventSink:
        """Return where the events of the leg go."""
        return webhooks_of(facts)

    def initiated(self, context: LegContext) -> dict[str, Any]:
        """Return what `call.initiated` tells beyond the names."""
        return {
            "direction": "incoming",
            "state": "parked",
            "start_time": context.wall_time(),
            "connection_codecs": "PCMU,PCMA",
            "offered_codecs": context.rules.codec,
            "tags": [],
        }

    def ended(self, leg: PhoneLeg) -> None:
        """Take the end of the leg."""

    async def ring(self, leg: PhoneLeg) -> None:
        """Take the caller's decisions that have nothing to do with what is said."""
        faults = leg.context.faults
        ring_s = leg.context.rules.ring_s if faults.gives_up_s is None else faults.gives_up_s
        with trio.move_on_after(ring_s):
            await leg.answered.wait()
        if not leg.answered.is_set():
            leg.end(_GAVE_UP, "caller")
        elif faults.hangs_up_s is not None:
            await trio.sleep(faults.hangs_up_s)
            leg.end(_HUNG_UP, "caller")
