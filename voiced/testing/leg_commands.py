"""What each command of the daemon does to a leg, once it has been accepted and is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from voiced.testing.announcer import Announcement
from voiced.testing.legs import Hangup
from voiced.testing.stream import StreamRequest, read_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.audio.frame import Pcm
    from voiced.testing.leg_context import LegContext
    from voiced.testing.phone_leg import PhoneLeg

_REJECTED = Hangup(cause="call_rejected", source="callee", sip_cause="603")
_BUSY = Hangup(cause="user_busy", source="callee", sip_cause="486")
_HANGUPS = {
    ("incoming", False): _REJECTED,
    ("incoming", True): Hangup(cause="normal_clearing", source="callee"),
    ("outgoing", False): Hangup(cause="originator_cancel", source="caller", sip_cause="487"),
    ("outgoing", True): Hangup(cause="normal_clearing", source="caller"),
}
"""How our hangup ends a leg, by direction and whether it was answered."""


def carry_out(leg: PhoneLeg, action: str, body: Mapping[str, Any]) -> None:
    """Carry a command out. `body` has passed `check_body`."""
    match action:
        case "answer":
            if body.get("stream_url"):
                leg.streams.start(stream_request(leg, body))
            leg.pick_up()
        case "reject":
            leg.end(_BUSY if body["cause"] == "USER_BUSY" else _REJECTED, "agent")
        case "hangup":
            leg.end(_HANGUPS[leg.state.direction, leg.answered.is_set()], "agent")
        case "streaming_start":
            leg.streams.start(stream_request(leg, body))
        case "streaming_stop":
            leg.streams.stop()
        case "speak":
            _speak(leg, body)
        case _:
            pass  # client_state_update has had its effect


def stream_request(leg: PhoneLeg, body: Mapping[str, Any]) -> StreamRequest:
    """Read the stream arguments of a checked body."""
    context = leg.context
    return read_request(body, leg_codec=context.rules.codec, faults=context.faults)


def _speak(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    context, text = leg.context, body["payload"]

    async def load() -> Pcm:
        return await context.services.speaker(text)

    leg.announcer.play(Announcement(load=load, told=_SpeechTold(context, text)))


class _SpeechTold:
    """Tells of a speech in webhooks, and keeps its words for the report."""

    def __init__(self, context: LegContext, text: str) -> None:
        self._context = context
        self._text = text

    def started(self) -> None:
        self._context.ledger.spoken_texts.append((trio.current_time(), self._text))
        self._context.tell("call.speak.started")

    def ended(self, status: str) -> None:
        # The official schema knows no status for a speech that was stopped.
        told = status if status == "call_hangup" else "completed"
        self._context.tell("call.speak.ended", status=told)

    def failed(self, detail: str) -> None:
        self._context.ledger.violation(f"speak: {detail}")
