"""Who has answered: every event in every order, and every deadline."""

import itertools
import json
from pathlib import Path
from typing import Any, cast, get_args

import pytest

from voiced.telnyx.events import parse_event
from voiced.telnyx.machine import (
    DetectionMode,
    Judgement,
    MachineEvent,
    MachineJudge,
    MachineSettings,
    Verdict,
    default_settings,
)

DATA = Path(__file__).parents[1] / "data/telnyx"
TEMPLATE: dict[str, Any] = json.loads((DATA / "fixtures.json").read_text())["webhooks"][
    "call.machine.detection.ended"
]
LIMITS = MachineSettings(detection_limit_s=30, greeting_limit_s=10)

STANDARD = [f"detection.ended:{result}" for result in ("human", "machine", "not_sure")]
GREETING = [f"greeting.ended:{result}" for result in ("beep_detected", "ended", "not_sure")]
PREMIUM = [
    f"premium.detection.ended:{result}"
    for result in (
        "human_residence",
        "human_business",
        "machine",
        "silence",
        "fax_detected",
        "not_sure",
        "brand_new",
    )
]
PREMIUM_GREETING = [
    f"premium.greeting.ended:{result}" for result in ("beep_detected", "no_beep_detected")
]
OTHER = ["premium.detection.started:", "premium.call_screening.detected:screening"]
EVERY = [*STANDARD, *GREETING, *PREMIUM, *PREMIUM_GREETING, *OTHER]
STEPS = [*EVERY, "answered", "tick"]

CERTAIN_HUMAN = ("detection.ended:human", "premium.detection.ended:human_")
MACHINE_SIGNS = ("detection.ended:machine", "beep_detected", "ended:ended")
FINAL = {Verdict.MACHINE_READY, Verdict.FAX}


def event(name: str) -> MachineEvent:
    kind, _, result = name.partition(":")
    data = TEMPLATE["data"]
    payload = {**data["payload"], "result": result}
    body = {"data": {**data, "event_type": f"call.machine.{kind}", "payload": payload}}
    found: Any = parse_event(json.dumps(body).encode())
    assert isinstance(found, get_args(MachineEvent))
    return cast("MachineEvent", found)


EVENTS = {name: event(name) for name in EVERY}


def play(*steps: str, settings: MachineSettings = LIMITS) -> MachineJudge:
    """Take the steps, a second apart; `tick` waits for the deadline."""
    judge = MachineJudge(settings)
    now = 0.0
    for step in steps:
        now += 1.0
        if step == "answered":
            judge.answered(now)
        elif step == "tick":
            now = max(now, judge.deadline or 0.0)
            judge.tick(now)
        else:
            judge.hear(EVENTS[step], now)
    return judge


def verdict(*steps: str) -> Verdict:
    return play(*steps).judgement.verdict


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("detection.ended:human", Verdict.HUMAN),
        ("detection.ended:machine", Verdict.MACHINE),
        ("detection.ended:not_sure", Verdict.HUMAN),
        ("greeting.ended:beep_detected", Verdict.MACHINE_READY),
        ("greeting.ended:ended", Verdict.MACHINE_READY),
        ("greeting.ended:not_sure", Verdict.MACHINE_READY),
        ("premium.detection.ended:human_residence", Verdict.HUMAN),
        ("premium.detection.ended:human_business", Verdict.HUMAN),
        ("premium.detection.ended:machine", Verdict.MACHINE),
        ("premium.detection.ended:silence", Verdict.HUMAN),
        ("premium.detection.ended:fax_detected", Verdict.FAX),
        ("premium.detection.ended:not_sure", Verdict.HUMAN),
        ("premium.detection.ended:brand_new", Verdict.HUMAN),
        ("premium.greeting.ended:beep_detected", Verdict.MACHINE_READY),
        ("premium.greeting.ended:no_beep_detected", Verdict.UNDECIDED),
        ("premium.detection.started:", Verdict.UNDECIDED),
        ("premium.call_screening.detected:screening", Verdict.HUMAN),
        ("tick", Verdict.HUMAN),
    ],
)
def test_one_step_after_the_answer(step: str, expected: Verdict) -> None:
    assert verdict("answered", step) is expected


@pytest.mark.parametrize("greeting", [*GREETING, *PREMIUM_GREETING])
@pytest.mark.parametrize("machine", ["detection.ended:machine", "premium.detection.ended:machine"])
def test_greeting_and_detection_of_a_machine_make_it_ready_in_any_order(
    greeting: str, machine: str
) -> None:
    for steps in itertools.permutations(["answered", machine, greeting]):
        assert verdict(*steps) is Verdict.MACHINE_READY


def test_beep_corrects_a_human_who_was_only_presumed() -> None:
    for unsure in ("premium.detection.ended:not_sure", "premium.detection.ended:silence", "tick"):
        steps = ("answered", unsure, "premium.greeting.ended:beep_detected")
        assert verdict(*steps) is Verdict.MACHINE_READY


def test_late_detection_corrects_what_the_deadline_presumed() -> None:
    assert verdict("answered", "tick", "premium.detection.ended:machine") is Verdict.MACHINE
    certain = play("answered", "tick", "premium.detection.ended:human_residence").judgement
    assert certain == Judgement(verdict=Verdict.HUMAN, presumed=False, reason="human_residence")


@pytest.mark.parametrize("later", [*EVERY, "tick"])
def test_human_who_is_certain_stays_one(later: str) -> None:
    assert verdict("answered", "detection.ended:human", later) is Verdict.HUMAN


@pytest.mark.parametrize("ready", [step for step in STEPS if verdict("answered", step) in FINAL])
@pytest.mark.parametrize("later", STEPS)
def test_nothing_moves_a_final_verdict(ready: str, later: str) -> None:
    assert verdict("answered", ready, later) is verdict("answered", ready)


def test_every_sequence_of_three_steps_keeps_the_rules() -> None:
    for steps in itertools.product(STEPS, repeat=3):
        judge = play(*steps)
        found, waits = judge.judgement.verdict, judge.deadline is not None
        told = " ".join(steps)
        assert judge.judgement.reason
        # What is waited for ends: undecided once answered, and a machine that greets.
        assert waits == (
            found is Verdict.MACHINE or (found is Verdict.UNDECIDED and "answered" in steps)
        )
        if found is Verdict.MACHINE_READY:
            assert any(sign in told for sign in (*MACHINE_SIGNS, "greeting.ended:not_sure"))
        if found is Verdict.HUMAN and not judge.judgement.presumed:
            assert any(sign in told for sign in CERTAIN_HUMAN)
        if found is Verdict.FAX:
            assert "fax_detected" in told
        # Twice is once.
        assert play(*steps, *steps[-1:]).judgement.verdict is found or steps[-1] == "tick"


def test_everything_is_decided_by_two_deadlines() -> None:
    for steps in itertools.product(STEPS, repeat=2):
        assert verdict("answered", *steps, "tick", "tick") in FINAL | {Verdict.HUMAN}


def test_deadlines_count_from_answer_and_detection() -> None:
    assert MachineJudge(LIMITS).deadline is None
    judge = MachineJudge(LIMITS)
    judge.answered(100.0)
    assert judge.deadline == 130.0
    judge.answered(110.0)
    assert judge.deadline == 130.0
    assert judge.tick(129.9).verdict is Verdict.UNDECIDED
    judge.hear(EVENTS["detection.ended:machine"], 103.0)
    assert judge.deadline == 113.0
    assert judge.tick(112.9).verdict is Verdict.MACHINE
    ready = judge.tick(113.0)
    assert (ready.verdict, ready.presumed) == (Verdict.MACHINE_READY, True)
    assert judge.tick(1000.0) is ready


@pytest.mark.parametrize("mode", get_args(DetectionMode))
def test_default_limits_are_longer_than_telnyx_own(mode: DetectionMode) -> None:
    limits = default_settings(mode)
    assert limits.detection_limit_s > (30 if mode == "premium" else 3.5)
    assert limits.greeting_limit_s > (30 if mode in ("premium", "detect_words") else 5)
