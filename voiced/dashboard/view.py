"""From a call's record to what is shown of it. Pure.

Takes the record of a call that has ended, the snapshot of a live one (which says in `leg` where it
stands), and the summary of an order that waits; what one of them does not tell is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from voiced.record.heard import HeardPiece, unheard_text
from voiced.record.latency import Latency

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voiced.dashboard.talk import Talk
    from voiced.record.heard import Heard

STRIP_S = 60.0
"""How much of the talk of a live call is seen in its row."""

LONG_WAIT_S = 1.5
"""A wait for an answer from which on people wonder whether anybody is there."""

_LEAST_SCALE_S = 1.0
_FOREVER_S = 36_000.0  # a bar that has no end yet reaches over the edge
_PARTS = tuple(field.name for field in fields(Latency))

Tone: TypeAlias = Literal["waiting", "live", "busy", "good", "plain", "bad"]

_STATES: Mapping[str, tuple[str, Tone]] = {
    "ringing": ("ringing", "waiting"),
    "answering": ("answering", "waiting"),
    "answered": ("answered", "live"),
    "streaming": ("talking", "live"),
    "transferring": ("transferring", "busy"),
    "bridged": ("with somebody else", "busy"),
    "hanging up": ("hanging up", "plain"),
    "gone": ("ending", "plain"),
}
"""How a leg's state is told, and in which tone."""

_GOOD_ENDS = frozenset({"caller_hung_up", "callee_hung_up", "agent_hung_up", "transferred"})
_PLAIN_ENDS = frozenset(
    {
        "operator_hung_up",
        "refused_busy",
        "refused_blocked",
        "unreached",
        "answering_machine",
        "voicemail_left",
        "silence",
        "max_duration",
        "shutdown",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBar:
    """One part of a wait: its name, and where its bar lies, in percent of the chart's width."""

    name: str
    seconds: float
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """One turn.

    Attributes:
        at_s: when it began, as far as that is known.
        heard_text: what is known to have been heard; all words of a caller's turn.
        unheard_text: what is known not to have been.
        unknown_text: of which nobody knows, or not yet.
        bars: what the caller waited for; empty where only the whole wait is known.
    """

    number: int
    who: Literal["caller", "agent"]
    at_s: float
    heard: Heard
    heard_text: str = ""
    unheard_text: str = ""
    unknown_text: str = ""
    withheld: bool = False
    filler: bool = False
    confidence: float | None = None
    latency_s: float | None = None
    bars: tuple[PartBar, ...] = ()

    @property
    def is_long_wait(self) -> bool:
        """Whether the caller waited so long that it must catch the eye."""
        return self.latency_s is not None and self.latency_s >= LONG_WAIT_S

    @property
    def wait_words(self) -> str:
        """The wait in words, for those who do not see bars."""
        parts = ", ".join(f"{bar.name} {bar.seconds:.2f} s" for bar in self.bars if bar.seconds)
        return f"answered after {self.latency_s:.2f} s{': ' if parts else ''}{parts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StripBar:
    """A stretch of talk in a row's strip; in seconds since the call began to ring."""

    side: str
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """One call.

    Attributes:
        began: when it began to ring, on the clock of which the page is told the present.
        latency_s, worst_s: the wait for the last answer, and the longest one.
    """

    ref: str
    direction: str
    from_: str
    to: str
    line: str
    state: str
    tone: Tone
    is_live: bool
    may_be_transferred: bool
    started_at: str
    began: float = 0.0
    answered_after_s: float | None = None
    duration_s: float | None = None
    end_reason: str = ""
    evidence: str = ""
    outcome: str = ""
    turns: tuple[TurnView, ...] = ()
    strip: tuple[StripBar, ...] = ()
    speakers: tuple[str, ...] = ()
    latency_s: float | None = None
    worst_s: float | None = None
    n_barge_ins: int = 0

    @property
    def last_turns(self) -> tuple[TurnView, ...]:
        """What was said last: of either side one turn."""
        return self.turns[-2:]


def call_view(
    document: Mapping[str, Any],
    *,
    began: float = 0.0,
    talk: Talk | None = None,
    now: float = 0.0,
    last_turns: int | None = None,
) -> CallView:
    """Return what is shown of a call.

    Args:
        document: its record, snapshot or summary.
        began: when it began to ring, trio time; for a live call.
        talk: who spoke when, trio times.
        now: trio time.
        last_turns: only so many of its turns; None for all.
    """
    state, tone = state_words(document)
    end = document.get("end") or {}
    turns = document.get("turns") or ()
    waits = [turn["latency_s"] for turn in turns if turn.get("latency_s") is not None]
    shown = turns if last_turns is None else turns[-last_turns:]
    return CallView(
        ref=str(document.get("ref") or document.get("id") or ""),
        direction=document.get("direction") or ("" if "leg" in document else "outgoing"),
        from_=document.get("from") or "",
        to=document.get("to") or "",
        line=document.get("line") or "",
        state=state,
        tone=tone,
        is_live=document.get("state") != "ended",
        may_be_transferred=document.get("leg") == "streaming",
        started_at=document.get("started_at") or "",
        began=round(began, 3),
        answered_after_s=document.get("answered_after_s"),
        duration_s=document.get("duration_s"),
        end_reason=end.get("reason") or "",
        evidence=end.get("evidence") or "",
        outcome=document.get("outcome") or "",
        turns=turn_views(shown, scale_s=scale_of(waits), first=len(turns) - len(shown) + 1),
        strip=() if talk is None else strip_bars(talk, began, now),
        speakers=() if talk is None else tuple(sorted(talk.speakers)),
        latency_s=waits[-1] if waits else None,
        worst_s=max(waits, default=None),
        n_barge_ins=sum(not b.get("false_alarm") for b in document.get("barge_ins") or ()),
    )


def state_words(document: Mapping[str, Any]) -> tuple[str, Tone]:
    """Return how a call stands, in words, and in which tone to say it."""
    state = document.get("state")
    if state == "ended":
        reason = (document.get("end") or {}).get("reason") or "ended"
        return reason_words(reason), end_tone(reason)
    if state == "waiting":
        return "waits to be placed", "waiting"
    return _STATES.get(document.get("leg") or "", ("live", "live"))


def reason_words(reason: str) -> str:
    """Return an end reason, or an outcome, as people read it."""
    return reason.replace("_", " ")


def end_tone(reason: str) -> Tone:
    """Return whether calls should end so."""
    if reason in _GOOD_ENDS:
        return "good"
    return "plain" if reason in _PLAIN_ENDS else "bad"


def scale_of(waits: Iterable[float]) -> float:
    """Return the seconds that the chart of a call's waits is wide."""
    return max((_LEAST_SCALE_S, *waits))


def turn_views(
    turns: Sequence[Mapping[str, Any]], *, scale_s: float, first: int = 1
) -> tuple[TurnView, ...]:
    """Return what is shown of some turns, the first of which is number `first` of its call."""
    return tuple(
        _turn_view(turn, number, scale_s) for number, turn in enumerate(turns, start=first)
    )


def _turn_view(turn: Mapping[str, Any], number: int, scale_s: float) -> TurnView:
    text, withheld = turn.get("text", ""), bool(turn.get("withheld"))
    if turn["who"] == "caller":
        from_s = turn.get("from_s")
        return TurnView(
            number=number,
            who="caller",
            at_s=turn["at_s"] if from_s is None else from_s,
            heard="all",
            heard_text=text,
            withheld=withheld,
            confidence=turn.get("confidence"),
        )
    heard: Heard = turn.get("heard", "unknown")
    heard_text = turn.get("heard_text", "")
    piece = HeardPiece(text=text, heard=heard, heard_text=heard_text)
    return TurnView(
        number=number,
        who="agent",
        at_s=turn["at_s"],
        heard=heard,
        heard_text=text if heard == "all" else heard_text,
        unheard_text=unheard_text(piece) if heard in ("part", "none") else "",
        unknown_text=text if heard == "unknown" else "",
        withheld=withheld,
        filler=bool(turn.get("filler")),
        latency_s=turn.get("latency_s"),
        bars=tuple(_bars(turn, scale_s)),
    )


def _bars(turn: Mapping[str, Any], scale_s: float) -> Iterable[PartBar]:
    parts, at_s = turn.get("latency") or {}, 0.0
    for name in _PARTS:
        seconds = parts.get(name, 0.0)
        yield PartBar(
            name=name.removesuffix("_s").replace("_", "-"),
            seconds=seconds,
            x=_percent(at_s, scale_s),
            width=_percent(seconds, scale_s),
        )
        at_s += seconds


def _percent(seconds: float, scale_s: float) -> float:
    return round(100 * seconds / scale_s, 2)


def strip_bars(talk: Talk, began: float, now: float) -> tuple[StripBar, ...]:
    """Return the talk of the last `STRIP_S`, and a little more, so that the strip can go on."""
    return tuple(
        StripBar(
            side=side,
            x=round(start - began, 2),
            width=_FOREVER_S if end is None else round(max(end - start, 0.15), 2),
        )
        for side, start, end in talk.stretches(now - STRIP_S)
    )
