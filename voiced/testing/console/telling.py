"""What the console prints of its call, from the call's journal. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from voiced.dashboard.talk import Talk
from voiced.record.end_words import describe_end
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    CallEnded,
    CallerSaid,
    FalseAlarm,
    TransferBegan,
    TransferEnded,
)
from voiced.record.percentiles import spread_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voiced.record.journal import JournalEvent
    from voiced.record.latency import Latency

_LEAST_S = 0.005
"""A shorter part of a wait is not printed."""


class ConsoleTeller:
    """Observes the one call (fits `voiced.record.journal.Observer`)."""

    def __init__(self, write: Callable[[str], None], *, tells_caller: bool) -> None:
        """Give lines to `write`; `tells_caller`: also what was understood of the caller."""
        self._write = write
        self._tells_caller = tells_caller
        self._talk = Talk()
        self._waits: list[float] = []
        self.n_answers = 0
        self.end_reason = ""
        self.changed: Callable[[], None] = lambda: None
        """Is called after each event."""

    @property
    def agent_speaks(self) -> bool:
        """Whether the caller is hearing the agent now."""
        return "agent" in self._talk.speakers

    def remark(self, text: str) -> None:
        """Write something that is not said."""
        self._write(f"        ({text})")

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Take one event."""
        del call_id
        self._talk.note(event)
        for line in self._lines(event):
            self._write(line)
        self.changed()

    def _lines(self, event: JournalEvent) -> Iterator[str]:
        match event:
            case CallerSaid(text=text, confidence=confidence) if self._tells_caller:
                sure = "" if confidence == 1.0 else f"  [{confidence:.0%}]"
                yield f"you     {text or '(not understood)'}{sure}"
            case AgentSpeaking():
                yield from self._answer(event)
            case AgentHeard(heard="part", heard_text=heard_text):
                yield f'        (you heard of it: "{heard_text}")'
            case AgentHeard(heard="none", text=text):
                yield f'        (you did not hear: "{text}")'
            case FalseAlarm():
                yield "        (it was nothing: the agent goes on)"
            case TransferBegan(to=to):
                yield f"        (transferring to {to})"
            case TransferEnded(outcome=outcome):
                yield f"        (transfer: {outcome})"
            case CallEnded(reason=reason):
                self.end_reason = reason
            case _:
                pass

    def _answer(self, event: AgentSpeaking) -> Iterator[str]:
        if not event.filler:
            self.n_answers += 1
        if event.latency_s is not None:
            self._waits.append(event.latency_s)
        filler = "  [filler]" if event.filler else ""
        yield f"agent   {event.text or '(speaks)'}{filler}{latency_words(event)}"

    def summary(self) -> str:
        """Return how the call ended, and how fast the agent was."""
        told = [f"ended: {describe_end(self.end_reason)}"] if self.end_reason else []
        spread = spread_of(self._waits)
        if spread is not None:
            answers = "1 answer" if spread.n == 1 else f"{spread.n} answers"
            told.append(
                f"{answers} after {spread.p50:.2f} s (median), {spread.most:.2f} s (longest)"
            )
        return " · ".join(told)


def latency_words(event: AgentSpeaking) -> str:
    """Return when first word and first sound were there, and for whom the caller waited."""
    latency = event.latency
    if event.latency_s is None:
        return ""
    if latency is None:
        return f"  [first sound after {event.latency_s:.2f} s]"
    first_word_s = latency.endpointing_s + latency.recognizer_s + latency.model_s
    parts = _parts(latency)
    return (
        f"  [first word after {first_word_s:.2f} s, first sound after {event.latency_s:.2f} s"
        f"{': ' if parts else ''}{parts}]"
    )


def _parts(latency: Latency) -> str:
    named = {name.removesuffix("_s").replace("_", "-"): s for name, s in asdict(latency).items()}
    return ", ".join(f"{name} {s:.2f}" for name, s in named.items() if s >= _LEAST_S)
