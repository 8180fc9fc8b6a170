"""Whom a dialled number reaches: people, machines, busy lines, and numbers that do not exist.

Pure. A callee is a value that may be dialled again and again; who speaks (a `Caller`, whoever
called whom) is made anew for each call. Causes and SIP codes as Telnyx tells them in `call.hangup`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ
from voiced.testing.caller import PlayedCaller, ScriptedCaller, tone
from voiced.testing.legs import Hangup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voiced.audio.frame import Pcm
    from voiced.testing.caller import Caller, Line

Answerer: TypeAlias = Literal["human_residence", "human_business", "machine", "fax", "silence"]

_BEEP_S = 0.4
_BEEP_HZ = 1000.0
_CED_HZ = 2100.0
"""What a fax machine answers with (ITU-T T.30)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Picks up.

    Attributes:
        party: makes who speaks.
        after_s: how long it rings.
        answerer: what answering machine detection takes it for.
        greeting_s: how long it speaks before it listens.
        beep_s: when its beep ends, counted from the answer; None without a beep.
        detection: premium detection tells its result as "usual", only "after_beep", or, when there
            is a beep, "never".
    """

    party: Callable[[], Caller]
    after_s: float = 4.0
    answerer: Answerer = "human_residence"
    greeting_s: float = 1.0
    beep_s: float | None = None
    detection: Literal["usual", "after_beep", "never"] = "usual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuses:
    """Does not pick up: the call ends so long after it was dialled."""

    hangup: Hangup
    after_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverAnswers:
    """Rings until whoever dialled gives up."""


Callee: TypeAlias = Answers | Refuses | NeverAnswers


def human(
    lines: Sequence[Line] = (),
    *,
    after_s: float = 4.0,
    answerer: Answerer = "human_residence",
    hangs_up_s: float | None = None,
) -> Answers:
    """Return somebody who picks up and says `lines`, or just hello and then listens.

    Args:
        lines: as of a `ScriptedCaller`.
        after_s: how long it rings.
        answerer: at home, or at work.
        hangs_up_s: seconds after the answer; only for one who just says hello.
    """

    def party() -> Caller:
        if lines:
            return ScriptedCaller(lines)
        hello = np.concatenate((np.zeros(LINE_RATE_HZ // 4, np.int16), murmur(0.6)))
        return PlayedCaller(hello, hangs_up_s=hangs_up_s)

    return Answers(party=party, after_s=after_s, answerer=answerer)


def answering_machine(
    greeting: Pcm | None = None,
    *,
    after_s: float = 8.0,
    beeps: bool = True,
    records_s: float = 60.0,
    detection: Literal["usual", "after_beep", "never"] = "usual",
) -> Answers:
    """Return a machine that plays a greeting and a beep, and records what it hears after that.

    Args:
        greeting: 8 kHz; 5 s of murmur by default.
        after_s: how long it rings.
        beeps: there is a beep after the greeting.
        records_s: it hangs up so long after the beep.
        detection: see `Answers`.
    """
    spoken = murmur(5.0) if greeting is None else greeting
    greeting_s = len(spoken) / LINE_RATE_HZ
    audio = spoken
    if beeps:
        pause = np.zeros(LINE_RATE_HZ // 2, np.int16)
        audio = np.concatenate((spoken, pause, tone(_BEEP_HZ, _BEEP_S)))
    ends_s = len(audio) / LINE_RATE_HZ
    return Answers(
        party=lambda: PlayedCaller(audio, hangs_up_s=ends_s + records_s),
        after_s=after_s,
        answerer="machine",
        greeting_s=greeting_s,
        beep_s=ends_s if beeps else None,
        detection=detection,
    )


def full_mailbox(*, after_s: float = 8.0) -> Answers:
    """Return a machine that says that it takes no message, and hangs up."""
    audio = murmur(6.0)
    length_s = len(audio) / LINE_RATE_HZ
    return Answers(
        party=lambda: PlayedCaller(audio, hangs_up_s=length_s + 0.5),
        after_s=after_s,
        answerer="machine",
        greeting_s=length_s,
    )


def fax_machine(*, after_s: float = 4.0) -> Answers:
    """Return a fax machine: its answer tone every few seconds until it gives up."""
    once = np.concatenate((tone(_CED_HZ, 3.0), np.zeros(2 * LINE_RATE_HZ, np.int16)))
    audio = np.tile(once, 7)
    return Answers(
        party=lambda: PlayedCaller(audio, hangs_up_s=len(audio) / LINE_RATE_HZ),
        after_s=after_s,
        answerer="fax",
        greeting_s=3.0,
    )


def dead_air(*, after_s: float = 4.0) -> Answers:
    """Return somebody who picks up and says nothing."""
    nothing = np.zeros(0, np.int16)
    return Answers(
        party=lambda: PlayedCaller(nothing), after_s=after_s, answerer="silence", greeting_s=0.0
    )


def busy(*, after_s: float = 2.0) -> Refuses:
    """Return a line in use."""
    return Refuses(
        hangup=Hangup(cause="user_busy", source="callee", sip_cause="486"), after_s=after_s
    )


def declined(*, after_s: float = 6.0) -> Refuses:
    """Return somebody who sees the call and refuses it."""
    hangup = Hangup(cause="call_rejected", source="callee", sip_cause="603")
    return Refuses(hangup=hangup, after_s=after_s)


def unreachable(*, after_s: float = 20.0) -> Refuses:
    """Return somebody whose network gives the call up before we do."""
    hangup = Hangup(cause="no_answer", source="callee", sip_cause="480")
    return Refuses(hangup=hangup, after_s=after_s)


def bad_number(*, after_s: float = 0.5) -> Refuses:
    """Return a number that nobody has."""
    return Refuses(
        hangup=Hangup(cause="not_found", source="callee", sip_cause="404"), after_s=after_s
    )


def account_problem(*, after_s: float = 0.3) -> Refuses:
    """Return what Telnyx itself says when the account may not make this call."""
    hangup = Hangup(cause="call_rejected", source="unknown", sip_cause="403")
    return Refuses(hangup=hangup, after_s=after_s)


@dataclass(slots=True, kw_only=True)
class Directory:
    """Who is behind which number or SIP URI."""

    entries: dict[str, Callee] = field(default_factory=dict)
    otherwise: Callee = field(default_factory=human)

    def find(self, number: str) -> Callee:
        """Return who answers there."""
        return self.entries.get(number, self.otherwise)


def murmur(seconds: float) -> Pcm:
    """Return something like speech of which nobody understands a word: syllables of a low voice."""
    t = np.arange(round(seconds * LINE_RATE_HZ)) / LINE_RATE_HZ
    voice = sum(np.sin(2 * np.pi * 130.0 * n * t) / n for n in range(1, 16))
    syllables = np.sin(np.pi * 4.0 * t) ** 2
    return np.round(4000.0 * voice * syllables).astype(np.int16)
