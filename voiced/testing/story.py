"""Tells a simulated call as it happens, and what is left to say at its end.

Words come from two sides. The emulated Telnyx knows what its caller really said; the daemon knows
what it understood, what the agent says and how long that took. Both speak in journal events, so one
teller serves a call against a daemon of which only Telnyx's side can be seen.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from voiced.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSaid,
    CallRinging,
    Cleared,
    FalseAlarm,
    Silenced,
)
from voiced.testing.picture import Marker, Timeline
from voiced.testing.utterances import Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from voiced.journal import JournalEvent
    from voiced.latency import Latency
    from voiced.testing.report import CallReport

LONGEST_GAP_S = 0.040
"""A longer hole inside an utterance is heard, and fails the call."""

_JOINED_S = 0.8
"""A passage of the agent belongs to the utterance that begins at most so much later."""

MOST_STORIES = 2000
"""Calls that are remembered; more than any simulation rings."""


def write_line(line: str = "") -> None:
    """Print a line at once, so that a conversation can be followed; odd characters survive."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


@dataclass(slots=True)
class Story:
    """What has been told of one call."""

    number: int
    rang_at: float
    agent_texts: list[AgentSpeaking] = field(default_factory=list)
    barge_ins: list[float] = field(default_factory=list)
    voice_at: float = 0.0
    understood: list[CallerSaid] = field(default_factory=list)
    end_reason: str = ""
    evidence: str = ""


class Teller:
    """Prints calls; hands out an observer for each side.

    Args:
        numbered: name the call on each line, because several run at once.
        write: takes each line.
    """

    def __init__(self, *, numbered: bool, write: Callable[[str], None] = write_line) -> None:
        self._numbered = numbered
        self._write = write
        self._stories: dict[str, Story] = {}
        self.telnyx = TelnyxSide(self)
        self.daemon = DaemonSide(self)
        self.sees_daemon = False

    def story(self, call_id: str) -> Story | None:
        """Return what has been told of a call."""
        return self._stories.get(call_id)

    def begin(self, call_id: str, event: CallRinging) -> None:
        """Open the story of a call that rings."""
        if len(self._stories) < MOST_STORIES:
            self._stories[call_id] = Story(number=len(self._stories) + 1, rang_at=event.at)
            self.tell(call_id, event.at, "", f"{event.caller} rings {event.called}")

    def tell(self, call_id: str, at: float, who: str, what: str) -> None:
        """Print one line of a call's story."""
        story = self._stories.get(call_id)
        if story is None:
            return
        number = f"call {story.number:<3} " if self._numbered else ""
        self._write(f"{number}{at - story.rang_at:6.1f} s  {who:<7} {what}".rstrip())


class TelnyxSide:
    """Observes the emulated Telnyx: the caller's true words, and the line."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Take one event of the emulator's side."""
        match event:
            case CallRinging():
                self._teller.begin(call_id, event)
            case CallAnswered(at=at):
                self._teller.tell(call_id, at, "", "answered")
            case CallerSaid(text=text, at=at):
                self._teller.tell(call_id, at, "caller", text or "(speaks)")
            case AgentSpeaking(at=at, latency_s=latency_s) if not self._teller.sees_daemon:
                self._teller.tell(call_id, at, "agent", "(speaks)" + _latency(latency_s))
            case CallEnded(at=at, evidence=evidence):
                self._teller.tell(call_id, at, "", evidence)
            case _:
                pass


class DaemonSide:
    """Observes the daemon: what was understood, what the agent says and what was heard of it."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Take one event of the daemon's side."""
        story = self._teller.story(call_id)
        if story is None:
            return
        tell = self._teller.tell
        match event:
            case CallerSaid(text=text, confidence=confidence, at=at):
                story.understood.append(event)
                words = f'understood "{text}", {confidence:.0%}' if text else "not understood"
                tell(call_id, at, "", f"        {words}")
            case AgentSpeaking(text=text, at=at):
                story.agent_texts.append(event)
                filler = "  [filler]" if event.filler else ""
                tell(call_id, at, "agent", text + filler + _latency(event.latency_s, event.latency))
            case AgentHeard(heard=heard, heard_text=heard_text, at=at) if heard != "all":
                tell(call_id, at, "", f'        the caller heard {heard}: "{heard_text}"')
            case BargeIn(at=at):
                story.barge_ins.append(at)
                story.voice_at = at if event.voice_at is None else event.voice_at
                tell(call_id, at, "", "        the caller interrupts")
            case Cleared(at=at):
                after_s = at - story.voice_at
                tell(call_id, at, "", f"        cleared {after_s:.2f} s after that began")
            case Silenced(at=at):
                after_s = at - story.voice_at
                tell(call_id, at, "", f"        silent at the caller's, after {after_s:.2f} s")
            case FalseAlarm(at=at):
                tell(call_id, at, "", "        it was nothing: the agent goes on")
            case CallEnded(reason=reason, evidence=evidence):
                story.end_reason, story.evidence = reason, evidence
            case _:
                pass


def _latency(latency_s: float | None, latency: Latency | None = None) -> str:
    if latency_s is None:
        return ""
    parts = "" if latency is None else _parts(asdict(latency))
    return f"  [after {latency_s:.2f} s{': ' if parts else ''}{parts}]"


def _parts(parts: Mapping[str, float]) -> str:
    """Return for what was waited, but for what is too short to print."""
    told = {name.removesuffix("_s").replace("_", "-"): s for name, s in parts.items()}
    return ", ".join(f"{name} {s:.2f}" for name, s in told.items() if s >= 0.005)


def wait_summary(story: Story | None) -> str:
    """Return for what the caller waited on the average; "" when nobody knows."""
    waits = [asdict(said.latency) for said in story.agent_texts if said.latency] if story else []
    if not waits:
        return ""
    return _parts({name: statistics.mean(wait[name] for wait in waits) for name in waits[0]})


def find_faults(report: CallReport, *, disturbed: bool = False) -> list[str]:
    """Return why a call did not go right; empty when it did.

    Args:
        report: of the call.
        disturbed: faults were planned, and may well be heard: what counts is that the daemon kept
            to the protocol and left nothing behind.
    """
    faults = list(report.violations)
    if disturbed:
        nobody = report.zombie or report.ended_by == "emulator"
        return [*faults, "nobody hung the call up"] if nobody else faults
    if report.answered_s is None:
        faults.append("the call was not answered")
    elif not report.turns:
        faults.append("the agent never answered the caller")
    if report.zombie or report.ended_by == "emulator":
        faults.append("nobody hung the call up")
    elif report.cause != "normal_clearing":
        faults.append(f"the call ended with {report.cause}")
    gaps = [gap for gap in report.playback.gaps if gap.length_s > LONGEST_GAP_S + 1e-6]
    if gaps:
        longest_ms = 1000 * max(gap.length_s for gap in gaps)
        faults.append(f"{len(gaps)} holes inside utterances, the longest {longest_ms:.0f} ms")
    return faults


def latency_summary(report: CallReport) -> str:
    """Return the turns' latencies in words, as measured on the audio that the caller heard."""
    latencies = [turn.latency_s for turn in report.turns]
    if not latencies:
        return "no turns"
    turns = "1 turn" if len(latencies) == 1 else f"{len(latencies)} turns"
    median_s = statistics.median(latencies)
    return f"{turns}, answered after {median_s:.2f} s (median), {max(latencies):.2f} s (longest)"


def underrun_summary(report: CallReport) -> str:
    """Return the holes in the agent's audio in words."""
    if not report.playback.underruns:
        return "no underruns"
    counts = ", ".join(f"{n} x {ms} ms" for ms, n in report.playback.gap_counts.items())
    return f"{report.playback.underruns} underruns ({counts})"


def draw(report: CallReport, story: Story | None) -> Timeline:
    """Return the picture of a call, with the words of whoever knows them."""
    markers = [Marker(at_s=at_s, label="clear", kind="clear") for at_s in report.clears]
    markers += [
        Marker(at_s=gap.at - report.rang_at, label=f"hole {gap.length_s * 1000:.0f} ms", kind="gap")
        for gap in report.playback.gaps
    ]
    if report.answered_s is not None:
        markers.append(Marker(at_s=report.answered_s, label="answered", kind="answer"))
    markers.append(Marker(at_s=report.ended_s, label=f"{report.ended_by} hung up", kind="hangup"))
    agent = report.agent_utterances
    if story is not None:
        markers += [
            Marker(at_s=at - report.rang_at, label="barge-in", kind="barge-in")
            for at in story.barge_ins
        ]
        agent = _with_texts(agent, story.agent_texts, report.rang_at)
    facts = (f"{report.ended_s:.1f} s", latency_summary(report), underrun_summary(report))
    return Timeline(
        caller=report.spoken,
        agent=report.heard,
        caller_utterances=report.caller_utterances,
        agent_utterances=agent,
        turns=report.turns,
        markers=markers,
        title=f"Call {report.from_} → {report.to}",
        subtitle=" · ".join((*facts, f"{report.ended_by} hung up")),
    )


def _with_texts(
    utterances: Sequence[Utterance], passages: Sequence[AgentSpeaking], rang_at: float
) -> tuple[Utterance, ...]:
    """Give each passage of the agent to the utterance in which it was heard."""
    texts: list[list[str]] = [[] for _ in utterances]
    for passage in passages:
        at_s = passage.at - rang_at
        for utterance, words in zip(utterances, texts, strict=True):
            if utterance.start_s - _JOINED_S <= at_s <= utterance.end_s:
                words.append(passage.text)
                break
    return tuple(
        Utterance(start_s=u.start_s, end_s=u.end_s, text=" ".join(words) or u.text)
        for u, words in zip(utterances, texts, strict=True)
    )
