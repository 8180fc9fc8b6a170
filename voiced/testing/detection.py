"""Answering machine detection: what Telnyx tells of a callee, and when.

Pure. The emulated Telnyx does not listen: who answered is known, and from that follow the events,
in the order and at about the times of real life. Settings and default times are those of Telnyx's
pages about answering machine detection.

    setting        tells
    detect         call.machine.detection.ended
    detect_beep    ... and call.machine.greeting.ended if there is a beep
    detect_words   ... and that, or not_sure after 30 s
    greeting_end   ... and the end of the greeting
    premium        call.machine.premium.detection.ended, call.machine.premium.greeting.ended
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.testing.callees import Answers

PREMIUM_LIMIT_S = 30.0
"""Premium detection, and the wait for a beep with `detect_words`, end then."""

_BEEP_KNOWN_S = 0.15
"""From the end of a beep to its event."""

_PREMIUM_RESULTS = {"fax": "fax_detected"}
_PREMIUM_S = {
    "human_residence": 1.7,
    "human_business": 2.1,
    "machine": 2.9,
    "fax": 2.3,
    "silence": 5.1,
}
"""How long premium detection listens."""

_PREFIX = "call.machine."


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionEvent:
    """An event of detection, in seconds after the answer."""

    at_s: float
    event_type: str
    result: str


def plan_detection(
    setting: str, callee: Answers, config: Mapping[str, Any]
) -> tuple[DetectionEvent, ...]:
    """Return the events that a callee gives rise to, in order.

    Args:
        setting: `answering_machine_detection`.
        callee: who answers.
        config: `answering_machine_detection_config`, as far as it has times that matter here.
    """
    if setting == "disabled":
        return ()
    events = _premium(callee) if setting == "premium" else _standard(setting, callee, config)
    return tuple(sorted(events, key=lambda event: event.at_s))


def _premium(callee: Answers) -> list[DetectionEvent]:
    result = _PREMIUM_RESULTS.get(callee.answerer, callee.answerer)
    detected_s = _PREMIUM_S[callee.answerer]
    if callee.answerer != "machine":
        return [_event("premium.detection.ended", detected_s, result)]
    if callee.beep_s is None:
        return [
            _event("premium.detection.ended", detected_s, result),
            _event("premium.greeting.ended", PREMIUM_LIMIT_S, "no_beep_detected"),
        ]
    beep = _event("premium.greeting.ended", callee.beep_s + _BEEP_KNOWN_S, "beep_detected")
    match callee.detection:
        case "usual":
            return [_event("premium.detection.ended", detected_s, result), beep]
        case "after_beep":
            return [beep, _event("premium.detection.ended", beep.at_s + 0.35, result)]
        case "never":
            return [beep]


def _standard(setting: str, callee: Answers, config: Mapping[str, Any]) -> list[DetectionEvent]:
    silence_s = config.get("after_greeting_silence_millis", 800) / 1000
    limit_s = config.get("total_analysis_time_millis", 3500) / 1000
    longest_s = config.get("greeting_duration_millis", 3500) / 1000
    match callee.answerer:
        case "human_residence" | "human_business":
            result, at_s = "human", callee.greeting_s + silence_s
        case "machine" | "fax":
            result, at_s = "machine", longest_s
        case _:
            result, at_s = "not_sure", limit_s
    detected = _event("detection.ended", min(at_s, limit_s), result)
    if callee.answerer != "machine":
        return [detected]
    return [detected, *_greeting(setting, callee, config)]


def _greeting(setting: str, callee: Answers, config: Mapping[str, Any]) -> list[DetectionEvent]:
    if setting == "greeting_end":
        quiet_s = config.get("greeting_silence_duration_millis", 1500) / 1000
        return [_event("greeting.ended", callee.greeting_s + quiet_s, "ended")]
    if setting in ("detect_beep", "detect_words") and callee.beep_s is not None:
        return [_event("greeting.ended", callee.beep_s + _BEEP_KNOWN_S, "beep_detected")]
    if setting == "detect_words":
        return [_event("greeting.ended", PREMIUM_LIMIT_S, "not_sure")]
    return []


def _event(name: str, at_s: float, result: str) -> DetectionEvent:
    return DetectionEvent(at_s=at_s, event_type=_PREFIX + name, result=result)
