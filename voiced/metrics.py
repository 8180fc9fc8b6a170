"""What Prometheus is told: counts and durations of calls, from the same journal as the records.

One registry for each daemon, so that two in one process (tests) do not add up. Labels have few
values: no numbers, no ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from voiced.journal import (
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallRinging,
    CallTornDown,
    FalseAlarm,
    Silenced,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voiced.journal import JournalEvent, Observer
    from voiced.stalls import Stall

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_TEARDOWN_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_ANSWER_S = (0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 5, 10)
_STALL_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_SILENCE_S = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2)


class Metrics:
    """Observes calls; `render` is what a scrape gets."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._live = Gauge("voiced_calls", "Calls now, ringing ones included.", registry=registry)
        self._rung = Counter("voiced_calls_begun", "Calls that rang.", registry=registry)
        self._answered = Counter("voiced_calls_answered", "Calls with media.", registry=registry)
        self._ended = Counter(
            "voiced_calls_ended", "Calls that ended, by reason.", ["reason"], registry=registry
        )
        self._teardown = Histogram(
            "voiced_call_teardown_seconds",
            "From the cause of a call's end until none of its tasks is left.",
            buckets=_TEARDOWN_S,
            registry=registry,
        )
        self._answer = Histogram(
            "voiced_answer_seconds",
            "From the end of the caller's speech to the first sound of the agent's answer.",
            buckets=_ANSWER_S,
            registry=registry,
        )
        self._barge_ins = Counter(
            "voiced_barge_ins", "Callers who spoke over the agent.", registry=registry
        )
        self._false_alarms = Counter(
            "voiced_barge_in_false_alarms", "Of those, no interruptions.", registry=registry
        )
        self._silenced = Histogram(
            "voiced_barge_in_silence_seconds",
            "From the beginning of the caller's speech to silence in the caller's buffer.",
            buckets=_SILENCE_S,
            registry=registry,
        )

        self._stall = Histogram(
            "voiced_loop_stall_seconds",
            "Steps of a task that held the loop up.",
            buckets=_STALL_S,
            registry=registry,
        )

        self._spoke_at: dict[str, float] = {}
        """When the caller spoke up, of calls whose agent is about to fall silent."""

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Count one event."""
        match event:
            case CallRinging():
                self._live.inc()
                self._rung.inc()
            case CallAnswered():
                self._answered.inc()
            case CallTornDown(after_s=after_s):
                self._teardown.observe(after_s)
            case CallEnded(reason=reason):
                self._live.dec()
                self._spoke_at.pop(call_id, None)
                self._ended.labels(reason).inc()
            case _:
                self._note_turns(call_id, event)

    def _note_turns(self, call_id: str, event: JournalEvent) -> None:
        match event:
            case AgentSpeaking() if event.latency_s is not None:
                self._answer.observe(event.latency_s)
            case BargeIn():
                self._barge_ins.inc()
                self._spoke_at[call_id] = event.at if event.voice_at is None else event.voice_at
            case FalseAlarm():
                self._false_alarms.inc()
            case Silenced():
                spoke_at = self._spoke_at.pop(call_id, event.at)
                self._silenced.observe(max(0.0, event.at - spoke_at))
            case _:
                pass

    def stalled(self, stall: Stall) -> None:
        """Count a step that held the loop up."""
        self._stall.observe(stall.seconds)

    def render(self) -> bytes:
        """Return all in Prometheus' text format."""
        return generate_latest(self._registry)


class Observers:
    """Several observers as one."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.note(call_id, event)
