"""What each command of the daemon does to a leg, once it has been accepted and is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from voiced.testing.announcer import Announcement
from voiced.testing.callees import Answers, Refuses
from voiced.testing.caller import tone
from voiced.testing.commands import Refused, refused
from voiced.testing.gather import read_rules
from voiced.testing.leg import sound
from voiced.testing.leg.gather import GatherOrder
from voiced.testing.legs import Hangup
from voiced.testing.media_files import MP3_REMEDY
from voiced.testing.recordings import RecordingRules, read_from_answer, read_start
from voiced.testing.stream import StreamRequest, read_request

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.testing.leg.phone_leg import PhoneLeg

_REJECTED = Hangup(cause="call_rejected", source="callee", sip_cause="603")
_REJECTIONS = {
    "CALL_REJECTED": _REJECTED,
    "USER_BUSY": Hangup(cause="user_busy", source="callee", sip_cause="486"),
}
_HANGUPS = {
    ("incoming", False): _REJECTED,
    ("incoming", True): Hangup(cause="normal_clearing", source="callee"),
    ("outgoing", False): Hangup(cause="originator_cancel", source="caller", sip_cause="487"),
    ("outgoing", True): Hangup(cause="normal_clearing", source="caller"),
}
"""How our hangup ends a leg, by direction and whether it was answered."""

_PAUSES_S = {"w": 0.5, "W": 1.0}
_BETWEEN_KEYS_S = 0.1
_REFER_S = 30.0
"""How long a referral may go unanswered."""


def object_to(leg: PhoneLeg, action: str, body: Mapping[str, Any]) -> Refused | None:
    """Return why a command cannot be done although the state of the leg allows it."""
    match action:
        case "bridge":
            return _object_to_bridge(leg, body)
        case "transfer" if leg.links.is_transferring:
            detail = "The target of another transfer is being rung."
            return Refused(status=422, code="90102", detail=detail)
        case "playback_start" if body.get("overlay") and not leg.announcer.is_playing:
            return refused("10015", "overlay", "needs something to be played over")
    needs_mp3 = body.get("format") == "mp3" or (
        body.get("record") and body.get("record_format", "mp3") == "mp3"
    )
    if needs_mp3 and find_spec("soundfile") is None:
        return Refused(status=422, code="10038", detail=f"{MP3_REMEDY}, or record to WAV.")
    return None


def _object_to_bridge(leg: PhoneLeg, body: Mapping[str, Any]) -> Refused | None:
    other = leg.context.services.exchange.find(body["call_control_id"])
    if other is None or other is leg:
        return refused("90015", "call_control_id", "names no other call")
    if not other.state.is_up:
        return refused("90018", "call_control_id", "names a call that has ended")
    if not other.answered.is_set():
        return refused("90034", "call_control_id", "names a call that has not been answered yet")
    if body.get("prevent_double_bridge") and (leg.links.peer or other.links.peer):
        return refused("90102", "prevent_double_bridge", "forbids it: a leg is bridged already")
    return None


def carry_out(leg: PhoneLeg, action: str, body: Mapping[str, Any]) -> None:
    """Carry a command out. `body` has passed `check_body`."""
    effect = _EFFECTS.get(action)
    if effect is not None:  # client_state_update has had its effect
        effect(leg, body)


def stream_request(leg: PhoneLeg, body: Mapping[str, Any]) -> StreamRequest:
    """Read the stream arguments of a checked body."""
    context = leg.context
    return read_request(body, leg_codec=context.rules.codec, faults=context.faults)


def record_from_answer(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    """Start the recording that a command asks for beside something else."""
    rules = read_from_answer(body)
    if rules is not None and leg.state.is_up:
        _record(leg, rules)


def _record(leg: PhoneLeg, rules: RecordingRules) -> None:
    leg.recorder.start(rules)
    if rules.beeps:

        async def beep() -> Pcm:
            await trio.lowlevel.checkpoint()
            return tone(1400.0, 0.3)

        leg.overlay.play(Announcement(load=beep, told=_Untold()))


class _Untold:
    """Takes how an announcement goes of which Telnyx tells nothing."""

    def started(self) -> None:
        """Take the start."""

    def ended(self, status: str) -> None:
        """Take the end."""

    def failed(self, detail: str) -> None:
        """Take the failure."""


def send_keys(leg: PhoneLeg, digits: str, duration_s: float) -> None:
    """Let the party hear keys, one after the other; "w" and "W" are pauses."""
    at = trio.current_time()
    for digit in digits:
        if digit in _PAUSES_S:
            at += _PAUSES_S[digit]
            continue
        at += duration_s
        leg.timers.at(at, partial(leg.audio.hear_key, digit))
        at += _BETWEEN_KEYS_S


def _gather(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    leg.gather.start(GatherOrder(rules=read_rules(body, prompted=False)))


def _gather_using_speak(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    wrong = body.get("invalid_payload", "")
    leg.gather.start(
        GatherOrder(
            rules=read_rules(body, prompted=True),
            prompt=sound.speech(leg, body["payload"]),
            wrong_prompt=sound.speech(leg, wrong) if wrong else None,
            tries=body.get("maximum_tries", 3),
        )
    )


def _gather_using_audio(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    leg.gather.start(
        GatherOrder(
            rules=read_rules(body, prompted=True),
            prompt=sound.file(leg, body),
            wrong_prompt=sound.file(leg, body, "invalid_"),
            tries=body.get("maximum_tries", 3),
            told=sound.PlaybackTold(leg.context, body),
        )
    )


def _answer(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    if body.get("webhook_url"):
        leg.context.events.send_to(body["webhook_url"])
    if body.get("stream_url"):
        leg.streams.start(stream_request(leg, body))
    leg.pick_up()
    record_from_answer(leg, body)


def _bridge(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    leg.links.bridge(body)
    record_from_answer(leg, body)


def _start_stream(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    leg.streams.start(stream_request(leg, body))


def _hang_up(leg: PhoneLeg, _: Mapping[str, Any]) -> None:
    leg.end(_HANGUPS[leg.state.direction, leg.answered.is_set()], "agent")


def _suppress(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    leg.audio.suppresses_noise = body.get("direction", "inbound") != "outbound"


def _stop_suppressing(leg: PhoneLeg, _: Mapping[str, Any]) -> None:
    leg.audio.suppresses_noise = False


def _refer(leg: PhoneLeg, body: Mapping[str, Any]) -> None:
    """Ask the party to call somebody else; it hangs up once that has worked."""
    callee = leg.context.services.exchange.directory.find(body["sip_address"])
    match callee:
        case Answers(after_s=after_s):
            sip_cause = 200
        case Refuses(after_s=after_s, hangup=hangup):
            sip_cause = int(hangup.sip_cause)
        case _:
            after_s, sip_cause = _REFER_S, 480

    def over() -> None:
        outcome = "completed" if sip_cause == 200 else "failed"
        leg.context.tell_people(f"call.refer.{outcome}", sip_notify_response=sip_cause)
        if sip_cause == 200:
            leg.party_hangs_up()

    leg.context.tell_people("call.refer.started", sip_notify_response=100)
    leg.timers.at(trio.current_time() + after_s, over)


_Effect: TypeAlias = Callable[["PhoneLeg", Mapping[str, Any]], None]
_EFFECTS: Mapping[str, _Effect] = {
    "answer": _answer,
    "reject": lambda leg, body: leg.end(_REJECTIONS[body["cause"]], "agent"),
    "hangup": _hang_up,
    "streaming_start": _start_stream,
    "streaming_stop": lambda leg, _: leg.streams.stop(),
    "transfer": lambda leg, body: leg.links.transfer(body, sound.file(leg, body)),
    "bridge": _bridge,
    "refer": _refer,
    "speak": sound.speak,
    "playback_start": sound.start_playback,
    "playback_stop": sound.stop_playback,
    "send_dtmf": lambda leg, body: send_keys(
        leg, body["digits"], body.get("duration_millis", 250) / 1000
    ),
    "gather": _gather,
    "gather_using_speak": _gather_using_speak,
    "gather_using_audio": _gather_using_audio,
    "gather_stop": lambda leg, _: leg.gather.stop("cancelled"),
    "record_start": lambda leg, body: _record(leg, read_start(body)),
    "record_stop": lambda leg, body: leg.recorder.stop(body.get("recording_id", "")),
    "record_pause": lambda leg, body: leg.recorder.pause(
        body.get("recording_id", ""), is_paused=True
    ),
    "record_resume": lambda leg, body: leg.recorder.pause(
        body.get("recording_id", ""), is_paused=False
    ),
    "suppression_start": _suppress,
    "suppression_stop": _stop_suppressing,
}
