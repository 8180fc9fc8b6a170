"""Tells a simulated call as it happens, and what is left to say at its end.

Words come from two sides. The emulated Telnyx knows what its caller really said; the daemon knows
what it understood, what the agent says and how long that took. Both speak in journal events, so one
teller serves a call against a daemon of which only Telnyx's side can be seen.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from voiced.audio.frame import LINE_RATE_HZ
from voiced.picture import CallSound, Drawing, Marker, Passage, Wait, drawing_of, peaks_of
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSaid,
    CallRinging,
    Cleared,
    FalseAlarm,
    ProviderFailed,
    ProviderSwitched,
    Silenced,
)
from voiced.record.percentiles import spread_of
from voiced.record.record import RecordBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from voiced.picture.drawing import Side
    from voiced.record.journal import JournalEvent
    from voiced.record.latency import Latency
    from voiced.testing.report import CallReport
    from voiced.testing.utterances import Turn, Utterance

LONGEST_GAP_S = 0.040
"""A longer hole inside an utterance is heard, and fails the call."""

_SAME_S = 0.8
"""How far apart an answer may be as the caller hears it and as the daemon tells of it."""

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
    record: RecordBuilder
    voice_at: float = 0.0
    waits: list[dict[str, float]] = field(default_factory=list)

    @property
    def end_reason(self) -> str:
        """Return why the daemon says that the call ended; "" while it does not."""
        end = self.record.document()["end"]
        return "" if end is None else str(end["reason"])

    @property
    def barge_ins(self) -> Sequence[Mapping[str, Any]]:
        """Return the interruptions, as the record has them."""
        barge_ins: Sequence[Mapping[str, Any]] = self.record.document()["barge_ins"]
        return barge_ins


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
            story = Story(
                number=len(self._stories) + 1, rang_at=event.at, record=_new_record(call_id)
            )
            story.record.note(event)
            self._stories[call_id] = story
            self.tell(call_id, event.at, "", f"{event.caller} rings {event.called}")

    def tell(self, call_id: str, at: float, who: str, what: str) -> None:
        """Print one line of a call's story."""
        story = self._stories.get(call_id)
        if story is None:
            return
        number = f"call {story.number:<3} " if self._numbered else ""
        self._write(f"{number}{at - story.rang_at:6.1f} s  {who:<7} {what}".rstrip())


def _new_record(call_id: str) -> RecordBuilder:
    return RecordBuilder(
        call_id=call_id,
        ref="",
        direction="incoming",
        ids={},
        line="",
        started=datetime.fromtimestamp(0, UTC),
    )


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
        story.record.note(event)
        match event:
            case CallerSaid(text=text, confidence=confidence, at=at):
                words = f'understood "{text}", {confidence:.0%}' if text else "not understood"
                tell(call_id, at, "", f"        {words}")
            case AgentSpeaking(text=text, at=at):
                if event.latency is not None:
                    story.waits.append(asdict(event.latency))
                filler = "  [filler]" if event.filler else ""
                tell(call_id, at, "agent", text + filler + _latency(event.latency_s, event.latency))
            case AgentHeard(at=at) if event.heard != "all":
                tell(call_id, at, "", f"        {_heard(event)}")
            case BargeIn(at=at):
                story.voice_at = at if event.voice_at is None else event.voice_at
                tell(call_id, at, "", "        the caller interrupts")
            case Cleared(at=at):
                after_s = at - story.voice_at
                tell(call_id, at, "", f"        cleared {after_s:.2f} s after that began")
            case Silenced(at=at):
                after_s = at - story.voice_at
                tell(call_id, at, "", f"        silent at the caller's, after {after_s:.2f} s")
            case _ if remark := _remark(event):
                tell(call_id, event.at, "", f"        {remark}")
            case _:
                pass


def _heard(event: AgentHeard) -> str:
    """Return what became of a passage that was not heard to its end."""
    match event.heard:
        case "none":
            return f'the caller heard nothing of "{event.text}"'
        case "unknown":
            return f'it is not known whether the caller heard "{event.text}"'
        case _:
            return f'the caller heard only "{event.heard_text}"'


def _remark(event: JournalEvent) -> str:
    """Return what is to be said of an event by the way, "" for nothing."""
    match event:
        case FalseAlarm():
            return "it was nothing: the agent goes on"
        case ProviderFailed(role=role, provider=provider, kind=kind):
            return f"the {role} {provider} fails: {kind.replace('_', ' ')}"
        case ProviderSwitched(role=role, to=to):
            return f"{to} is the {role} now"
        case _:
            return ""


def _latency(latency_s: float | None, latency: Latency | None = None) -> str:
    if latency_s is None:
        return ""
    parts = "" if latency is None else _parts(asdict(latency))
    return f"  [after {latency_s:.2f} s{': ' if parts else ''}{parts}]"


def _parts(parts: Mapping[str, float]) -> str:
    """Return for what was waited, but for what is too short to print."""
    told = {name.removesuffix("_s").replace("_", "-"): s for name, s in parts.items()}
    return ", ".join(f"{name} {s:.2f}" for name, s in told.items() if s >= 0.005)


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


def latency_summary(reports: Sequence[CallReport]) -> str:
    """Return the turns' latencies in words, as measured on the audio that the callers heard."""
    spread = spread_of(turn.latency_s for report in reports for turn in report.turns)
    if spread is None:
        return "no turns"
    turns = "1 turn" if spread.n == 1 else f"{spread.n} turns"
    percentiles = f"{spread.p50:.2f} s (p50), {spread.p95:.2f} s (p95), {spread.p99:.2f} s (p99)"
    return f"{turns}, answered after {percentiles}, {spread.most:.2f} s (longest)"


def underrun_summary(report: CallReport) -> str:
    """Return the holes in the agent's audio in words."""
    if not report.playback.underruns:
        return "no underruns"
    counts = ", ".join(f"{n} x {ms} ms" for ms, n in report.playback.gap_counts.items())
    return f"{report.playback.underruns} underruns ({counts})"


def draw(report: CallReport, story: Story | None) -> Drawing:
    """Return the picture of a call: what its audio shows, with the words of whoever knows them."""
    told = Drawing(title="") if story is None else drawing_of(story.record.document())
    agent = told.of("agent") or list(_passages("agent", report.agent_utterances))
    facts = (f"{report.ended_s:.1f} s", latency_summary([report]), underrun_summary(report))
    subtitle = " · ".join((*facts, f"{report.ended_by} hung up"))
    return replace(
        told,
        title=f"Call {report.from_} → {report.to}",
        subtitle=subtitle,
        summary=told.summary or subtitle,
        length_s=report.ended_s,
        sound=CallSound(
            caller=peaks_of(report.spoken, LINE_RATE_HZ), agent=peaks_of(report.heard, LINE_RATE_HZ)
        ),
        passages=[*_passages("caller", report.caller_utterances), *agent],
        waits=[_wait(turn, told.waits) for turn in report.turns],
        markers=[*_told_markers(told), *_seen_markers(report)],
    )


def _passages(side: Side, utterances: Sequence[Utterance]) -> Iterator[Passage]:
    for utterance in utterances:
        yield Passage(
            side=side, start_s=utterance.start_s, end_s=utterance.end_s, text=utterance.text
        )


def _wait(turn: Turn, told: Sequence[Wait]) -> Wait:
    """Return the wait that was measured on the audio, with the parts that the daemon tells of."""
    same = min(told, key=lambda wait: abs(wait.end_s - turn.agent_start_s), default=None)
    parts = same.parts if same and abs(same.end_s - turn.agent_start_s) < _SAME_S else ()
    return Wait(start_s=turn.caller_end_s, end_s=turn.agent_start_s, parts=parts)


def _told_markers(told: Drawing) -> Iterator[Marker]:
    """Yield what only the daemon knows."""
    seen_by_telnyx = ("answer", "clear", "hangup")
    return (marker for marker in told.markers if marker.kind not in seen_by_telnyx)


def _seen_markers(report: CallReport) -> Iterator[Marker]:
    if report.answered_s is not None:
        yield Marker(at_s=report.answered_s, label="answered", kind="answer")
    for at_s in report.clears:
        yield Marker(at_s=at_s, label="clear", kind="clear")
    for gap in report.playback.gaps:
        label = f"hole {gap.length_s * 1000:.0f} ms"
        yield Marker(at_s=gap.at - report.rang_at, label=label, kind="gap")
    yield Marker(at_s=report.ended_s, label=f"{report.ended_by} hung up", kind="hangup")
