"""Outgoing legs: the callee's phone rings, and somebody answers or nobody does.

Made by `POST /v2/calls`, or by a transfer. Their media socket may open while it still rings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from voiced.testing.callees import Answers, NeverAnswers, Refuses
from voiced.testing.caller import silent_caller
from voiced.testing.deliveries import webhooks_of
from voiced.testing.detection import plan_detection
from voiced.testing.leg.commands import record_from_answer, send_keys, stream_request
from voiced.testing.legs import Hangup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.testing.detection import DetectionEvent
    from voiced.testing.leg.context import EventSink, LegContext, LegFacts, NewLeg
    from voiced.testing.leg.phone_leg import PhoneLeg
    from voiced.testing.legs import Direction

_TIMEOUT = Hangup(cause="timeout", source="unknown", sip_cause="487")
_NO_ANSWER = Hangup(cause="no_answer", source="unknown", sip_cause="487")
_TIME_LIMIT = Hangup(cause="time_limit", source="unknown")

_KEY_S = 0.25

RING_S = 30
"""Telnyx's default for `timeout_secs`."""

LONGEST_CALL_S = 14400
"""Telnyx's default for `time_limit_secs`."""


class Outgoing:
    """The origin of a leg that was dialled.

    Args:
        new: what was asked for.
    """

    direction: Direction = "outgoing"

    def __init__(self, new: NewLeg) -> None:
        callee = new.callee
        self.party = callee.party() if isinstance(callee, Answers) else silent_caller()
        self.parks = new.parks
        self._new = new

    def events(self, facts: LegFacts) -> EventSink:
        """Return where the events of the leg go."""
        return webhooks_of(facts)

    def initiated(self, context: LegContext) -> dict[str, Any]:
        """Return what `call.initiated` tells beyond the names."""
        return {
            "direction": "outgoing",
            "state": "bridging",
            "start_time": context.wall_time(),
            "tags": [],
        }

    def ended(self, leg: PhoneLeg) -> None:
        """Take the end of the leg."""
        if self._new.on_end is not None:
            self._new.on_end(leg)

    async def ring(self, leg: PhoneLeg) -> None:
        """Ring until somebody answers or it is over; then do what goes by the clock."""
        body = self._new.body
        if body.get("stream_url"):
            leg.streams.start(stream_request(leg, body))
        with trio.move_on_after(body.get("timeout_secs", RING_S)):
            await self._wait_for_callee(leg)
        if not leg.answered.is_set():
            leg.end(_TIMEOUT if body.get("retry_on_timeout", True) else _NO_ANSWER, "emulator")
            return
        record_from_answer(leg, body)
        if body.get("send_digits_on_answer"):
            send_keys(leg, body["send_digits_on_answer"], _KEY_S)
        if self._new.on_answer is not None:
            await trio.sleep(leg.context.services.latencies.bridge_s)
            self._new.on_answer(leg)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._limit, leg, body)
            nursery.start_soon(self._detect, leg, body)
            nursery.start_soon(self._beep, leg)
            if leg.context.faults.hangs_up_s is not None:
                await trio.sleep(leg.context.faults.hangs_up_s)
                leg.party_hangs_up()

    async def _wait_for_callee(self, leg: PhoneLeg) -> None:
        match self._new.callee:
            case Answers(after_s=after_s):
                await trio.sleep(after_s)
                leg.pick_up()
            case Refuses(hangup=hangup, after_s=after_s):
                await trio.sleep(after_s)
                leg.end(hangup, "callee")
            case NeverAnswers():
                await trio.sleep_forever()

    async def _limit(self, leg: PhoneLeg, body: Mapping[str, Any]) -> None:
        await trio.sleep(body.get("time_limit_secs", LONGEST_CALL_S))
        leg.end(_TIME_LIMIT, "emulator")

    async def _beep(self, leg: PhoneLeg) -> None:
        """Note when a machine begins to record."""
        await trio.lowlevel.checkpoint()
        if isinstance(self._new.callee, Answers) and self._new.callee.beep_s is not None:
            await trio.sleep(self._new.callee.beep_s)
            leg.ledger.message_from = trio.current_time()

    async def _detect(self, leg: PhoneLeg, body: Mapping[str, Any]) -> None:
        """Tell what answering machine detection finds out, when it does."""
        await trio.lowlevel.checkpoint()
        answered_at = trio.current_time()
        for event in self._plan(body):
            await trio.sleep_until(answered_at + event.at_s)
            leg.context.tell_people(event.event_type, result=event.result)

    def _plan(self, body: Mapping[str, Any]) -> tuple[DetectionEvent, ...]:
        if not isinstance(self._new.callee, Answers):
            return ()
        return plan_detection(
            body.get("answering_machine_detection", "disabled"),
            self._new.callee,
            body.get("answering_machine_detection_config", {}),
        )
