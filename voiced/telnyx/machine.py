"""Who has answered a call that we placed: a person, an answering machine, a fax.

Pure: events and the time go in, a verdict and the time of the next look come out. Telnyx may send
its events in any order, more than once, or not at all; so every verdict that is waited for has a
deadline, and what cannot be told counts as a person: an agent that greets a machine does less harm
than one that says nothing to a person.

    UNDECIDED ──human, not_sure, silence, screening, deadline──► HUMAN
        │ ──fax_detected──► FAX                                    │ beep, if only presumed
        │ ──beep──► MACHINE_READY ◄────────────────────────────────┘
        └ ──machine──► MACHINE ──beep, greeting over, deadline──► MACHINE_READY

A person who was told for sure stays one, whatever comes later.

Source: developers.telnyx.com, "Answering machine detection" (2026-04): `premium` may tell of a beep
before, or instead of, the detection itself; `detect` never tells of the end of the greeting.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never, get_args

from voiced.telnyx.events import (
    MachineDetectionEnded,
    MachineGreetingEnded,
    PremiumDetectionEnded,
    PremiumDetectionStarted,
    PremiumGreetingEnded,
    PremiumScreeningDetected,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MachineEvent: TypeAlias = (
    MachineDetectionEnded
    | MachineGreetingEnded
    | PremiumDetectionEnded
    | PremiumDetectionStarted
    | PremiumGreetingEnded
    | PremiumScreeningDetected
)

MACHINE_EVENTS = get_args(MachineEvent)
"""The same, for isinstance."""

DetectionMode: TypeAlias = Literal[
    "premium", "detect", "detect_beep", "detect_words", "greeting_end"
]


class Verdict(Enum):
    """Who has answered."""

    UNDECIDED = "undecided"
    """Not known yet: wait for an event or the deadline."""
    HUMAN = "human"
    """A person, or nobody can tell: let the agent speak."""
    MACHINE = "machine"
    """An answering machine that still greets: do not speak into it."""
    MACHINE_READY = "machine_ready"
    """An answering machine that listens: a message can be left."""
    FAX = "fax"
    """A fax: nothing can be said to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict, whether it was told or only presumed, and why, in words."""

    verdict: Verdict
    presumed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSettings:
    """How long to wait, in seconds.

    `detection_limit_s` is from the answer to the detection, `greeting_limit_s` from the detection
    to the end of the greeting. They should be a little more than Telnyx's own limits, so that it is
    Telnyx who decides; see `default_settings`.
    """

    detection_limit_s: float
    greeting_limit_s: float


_DEFAULTS: Mapping[str, MachineSettings] = MappingProxyType(
    {
        # Telnyx decides within 30 s, and tells of a beep, or of none, within another 30.
        "premium": MachineSettings(detection_limit_s=35, greeting_limit_s=35),
        # The others decide within 3.5 s (`total_analysis_time_millis`).
        "detect_words": MachineSettings(detection_limit_s=8, greeting_limit_s=35),
        "greeting_end": MachineSettings(detection_limit_s=8, greeting_limit_s=10),
        # A missing beep is not told: most greetings are over by then.
        "detect_beep": MachineSettings(detection_limit_s=8, greeting_limit_s=20),
        # The end of the greeting is never told.
        "detect": MachineSettings(detection_limit_s=8, greeting_limit_s=15),
    }
)


def default_settings(mode: DetectionMode) -> MachineSettings:
    """Return the limits that suit a mode of Telnyx's detection."""
    return _DEFAULTS[mode]


class MachineJudge:
    """Judges one placed call; times are in seconds, of any clock that does not go back."""

    def __init__(self, settings: MachineSettings) -> None:
        self._settings = settings
        self._judgement = Judgement(verdict=Verdict.UNDECIDED, presumed=True, reason="just dialled")
        self._deadline: float | None = None
        self._greeting_over = ""

    @property
    def judgement(self) -> Judgement:
        """What is known so far."""
        return self._judgement

    @property
    def deadline(self) -> float | None:
        """When to call `tick`, None when nothing is waited for."""
        return self._deadline

    def answered(self, now: float) -> Judgement:
        """Take note that the leg is answered: detection has so long from here."""
        if self._judgement.verdict is Verdict.UNDECIDED and self._deadline is None:
            self._deadline = now + self._settings.detection_limit_s
        return self._judgement

    def tick(self, now: float) -> Judgement:
        """Take note of the time: at its deadline a verdict is presumed."""
        if self._deadline is None or now < self._deadline:
            return self._judgement
        if self._judgement.verdict is Verdict.UNDECIDED:
            return self._settle(Verdict.HUMAN, "detection told nothing in time", presumed=True)
        return self._settle(
            Verdict.MACHINE_READY, "the end of the greeting was not told in time", presumed=True
        )

    def hear(self, event: MachineEvent, now: float) -> Judgement:
        """Take an event of machine detection, in whatever order it comes."""
        match event:
            case MachineDetectionEnded() | PremiumDetectionEnded():
                return self._detected(event.result.lower(), now)
            case MachineGreetingEnded():
                # Only a machine has a greeting; `not_sure` is that of `detect_words` after 30 s.
                return self._greeting_ended(event.result.lower(), only_machines=True)
            case PremiumGreetingEnded():
                return self._greeting_ended(event.result.lower(), only_machines=False)
            case PremiumScreeningDetected():
                if self._judgement.verdict is Verdict.UNDECIDED:
                    reason = "a call screener asks who is calling"
                    return self._settle(Verdict.HUMAN, reason, presumed=True)
                return self._judgement
            case PremiumDetectionStarted():
                return self._judgement
            case _:
                assert_never(event)

    def _detected(self, result: str, now: float) -> Judgement:
        if self._judgement.verdict not in (Verdict.UNDECIDED, Verdict.HUMAN):
            return self._judgement  # a beep came first, or this comes twice
        if self._judgement.verdict is Verdict.HUMAN and not self._judgement.presumed:
            return self._judgement
        match result:
            case "human" | "human_residence" | "human_business":
                return self._settle(Verdict.HUMAN, result)
            case "fax_detected":
                return self._settle(Verdict.FAX, result)
            case "machine":
                return self._machine(now)
            case _:  # not_sure, silence, and what Telnyx may add
                return self._settle(Verdict.HUMAN, f"detection told {result}", presumed=True)

    def _machine(self, now: float) -> Judgement:
        if self._greeting_over:
            return self._settle(Verdict.MACHINE_READY, f"machine, {self._greeting_over}")
        judgement = self._settle(Verdict.MACHINE, "machine")
        self._deadline = now + self._settings.greeting_limit_s
        return judgement

    def _greeting_ended(self, result: str, *, only_machines: bool) -> Judgement:
        if self._judgement.verdict in (Verdict.FAX, Verdict.MACHINE_READY):
            return self._judgement
        if self._judgement.verdict is Verdict.HUMAN and not self._judgement.presumed:
            return self._judgement
        self._greeting_over = result
        is_machine = only_machines or result == "beep_detected"
        if is_machine or self._judgement.verdict is Verdict.MACHINE:
            return self._settle(Verdict.MACHINE_READY, f"machine, {result}")
        return self._judgement

    def _settle(self, verdict: Verdict, reason: str, *, presumed: bool = False) -> Judgement:
        self._deadline = None
        self._judgement = Judgement(verdict=verdict, presumed=presumed, reason=reason)
        return self._judgement
