"""Counts what calls tell: events as they come, and a call's record when it ends."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from voiced import __version__
from voiced.metrics.inheritance import Inheritance
from voiced.metrics.live import LiveCollector
from voiced.metrics.series import Series
from voiced.record.journal import (
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallRinging,
    CallTornDown,
    Cleared,
    FalseAlarm,
    ProviderFailed,
    ProviderSwitched,
    Silenced,
    ToolRan,
)
from voiced.record.latency import PARTS
from voiced.record.served_by import provider_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client.core import Metric

    from voiced.loop.stalls import Stall
    from voiced.record.journal import JournalEvent, Observer

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# A second series for each one, which Prometheus does not use.
disable_created_metrics()  # type: ignore[no-untyped-call]

OURSELVES = "voiced"
"""The provider of those parts of a wait that are our own doing."""


class Metrics:
    """Observes calls; `render` is what a scrape gets."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._series = Series(self.registry)
        self.live = LiveCollector()
        self.inheritance = Inheritance()
        self.registry.register(self.live)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Info("voiced_build", "What runs.", registry=self.registry)
        build.info({"version": __version__, "python": platform.python_version()})
        self._spoke_at: dict[str, float] = {}
        """When the caller spoke up, of calls whose agent is about to fall silent."""

    # -- while a call lives -----------------------------------------------------------------------

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Count one event."""
        series = self._series
        match event:
            case CallRinging():
                series.begun.inc()
            case CallAnswered():
                series.answered.inc()
            case CallTornDown(after_s=after_s):
                series.teardown.observe(after_s)
            case CallEnded(reason=reason):
                self._spoke_at.pop(call_id, None)
                series.ended.labels(reason).inc()
            case ProviderFailed(role=role, provider=provider, kind=kind):
                series.failures.labels(role, provider, kind).inc()
            case ProviderSwitched(role=role, provider=provider, to=to):
                series.switches.labels(role, provider, to).inc()
            case ToolRan(ok=ok):
                series.tool.labels("yes" if ok else "no").observe(event.at - event.began_at)
            case _:
                self._note_turns(call_id, event)

    def _note_turns(self, call_id: str, event: JournalEvent) -> None:
        series = self._series
        match event:
            case AgentSpeaking() if event.latency_s is not None:
                series.latency.observe(event.latency_s)
            case BargeIn():
                series.barge_ins.inc()
                self._spoke_at[call_id] = event.at if event.voice_at is None else event.voice_at
            case FalseAlarm():
                series.false_alarms.inc()
            case Cleared() if call_id in self._spoke_at:
                series.cleared.observe(max(0.0, event.at - self._spoke_at[call_id]))
            case Silenced():
                spoke_at = self._spoke_at.pop(call_id, event.at)
                series.silenced.observe(max(0.0, event.at - spoke_at))
            case _:
                pass

    def telnyx_answered(self, action: str, status: str, seconds: float) -> None:
        """Count a request to Telnyx; `status` is HTTP's, or says why there is none."""
        self._series.requests.labels(action, status).inc()
        self._series.request.observe(seconds)

    def stalled(self, stall: Stall) -> None:
        """Count a step that held the loop up."""
        self._series.stall.observe(stall.seconds)

    # -- when it ends -----------------------------------------------------------------------------

    def ended(self, record: Mapping[str, Any]) -> None:
        """Count what the record of a call tells, once it is closed."""
        self.live.ended(record.get("counters") or {})
        self._count_life(record)
        self._count_turns(record)
        self._count_sound(record)

    def _count_life(self, record: Mapping[str, Any]) -> None:
        series = self._series
        if record.get("answered_after_s") is not None:
            series.setup.observe(record["answered_after_s"])
        series.duration.labels(record["direction"]).observe(record["duration_s"])
        if record.get("outcome"):
            series.outcomes.labels(record["outcome"]).inc()
        if record.get("hangup_confirmed") is False:
            series.unconfirmed.inc()
        for transfer in record.get("transfers") or ():
            series.transfers.labels(transfer["outcome"]).inc()
        spent = record.get("spent") or {}
        series.tokens.inc(spent.get("tokens", 0))
        series.characters.inc(spent.get("characters", 0))

    def _count_turns(self, record: Mapping[str, Any]) -> None:
        series = self._series
        for turn in record["turns"]:
            if turn["who"] == "caller":
                understood = "yes" if turn["text"] or turn.get("withheld") else "no"
                series.caller_turns.labels(understood).inc()
                continue
            series.passages.labels(turn["heard"]).inc()
            for part in PARTS if turn.get("latency") else ():
                provider = provider_of(record, part, turn["at_s"]) or OURSELVES
                series.part.labels(part, provider).observe(turn["latency"][f"{part}_s"])

    def _count_sound(self, record: Mapping[str, Any]) -> None:
        series = self._series
        outbound = (record.get("counters") or {}).get("outbound")
        if outbound:
            series.lead.observe(outbound["max_lead_s"])
            series.late.observe(outbound["worst_late_s"])
            series.sent.inc(outbound["sent_s"])
        series.not_recorded.inc((record.get("audio") or {}).get("dropped_s", 0.0))
        if (record.get("wire") or {}).get("error"):
            series.flights_broken.inc()

    def render(self, *, alone: bool = False) -> bytes:
        """Return all in Prometheus' text format; `alone`: without older processes that live."""
        return generate_latest(_Everybody(self, alone=alone))


class _Everybody:
    """What we count and what older processes do, as `generate_latest` asks for it."""

    def __init__(self, metrics: Metrics, *, alone: bool) -> None:
        self._metrics = metrics
        self._alone = alone

    def collect(self) -> Iterable[Metric]:
        ours = self._metrics.registry.collect()
        return self._metrics.inheritance.added_to(ours, alone=self._alone)


class Observers:
    """Several observers as one."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.note(call_id, event)
