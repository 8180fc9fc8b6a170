"""What is read when somebody asks: the live calls, their media counters, the loop.

A call's counters are added up from the call itself as long as it lives, and from its record after:
so totals never go back, and a call of an hour is seen before it ends.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from voiced.leg.leg import LegState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

WAITING = "waiting"
STATES = (WAITING, *(state.value.replace(" ", "_") for state in LegState))

_NUMBERS = ("frames", "messages", "underruns", "restarts")
_FATES = ("received", "lost", "late", "duplicated", "reordered", "resynchronized")


class LiveCalls(Protocol):
    """The calls that are up, as metrics see them."""

    @property
    def is_draining(self) -> bool:
        """Whether no new calls are taken."""
        ...

    def leg_states(self) -> Iterable[LegState]:
        """Return the state of each live call's leg."""
        ...

    def media_counters(self) -> Iterable[Mapping[str, Any]]:
        """Return `counters` as in a record, of each live call whose record is not closed yet."""
        ...

    def circuits(self) -> Iterable[Circuit]:
        """Return the circuits of fallback lists that calls begin with now."""
        ...


class Circuit(Protocol):
    """A provider's circuit, as metrics see it."""

    @property
    def role(self) -> str:
        """`recognizer`, `agent` or `synthesizer`."""
        ...

    @property
    def provider(self) -> str:
        """Its name, as in the configuration."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it has failed, and no trial has gone well since."""
        ...


class LoopLag(Protocol):
    """How late the loop is, as metrics see it."""

    smoothed_s: float
    busy: float

    @property
    def worst_s(self) -> float:
        """The worst lag of the last minute or two."""
        ...


class _MediaTotals:
    """Media counters of many calls, added up."""

    def __init__(self) -> None:
        self.numbers = Counter(dict.fromkeys(_NUMBERS, 0))
        self.seconds = 0.0
        self.fates = Counter(dict.fromkeys(_FATES, 0))
        self.errors: Counter[str] = Counter()

    def add(self, counters: Mapping[str, Any]) -> None:
        """Add those of one call; {} for a call without media."""
        inbound, outbound = counters.get("inbound") or {}, counters.get("outbound") or {}
        self.numbers["frames"] += inbound.get("frames", 0)
        self.numbers["messages"] += outbound.get("messages", 0)
        self.numbers["underruns"] += outbound.get("underruns", 0)
        self.numbers["restarts"] += counters.get("stream_restarts", 0)
        self.seconds += outbound.get("gap_s", 0.0)
        self.fates.update({fate: inbound.get(fate, 0) for fate in _FATES})
        self.errors.update(counters.get("stream_errors") or {})

    def plus(self, others: Iterable[Mapping[str, Any]]) -> _MediaTotals:
        """Return the sum of these and others."""
        total = _MediaTotals()
        total.numbers.update(self.numbers)
        total.fates.update(self.fates)
        total.errors.update(self.errors)
        total.seconds = self.seconds
        for counters in others:
            total.add(counters)
        return total


class LiveCollector:
    """A collector of the registry; `watch` says whom it reads."""

    def __init__(self) -> None:
        self._ended = _MediaTotals()
        self._calls: LiveCalls | None = None
        self._count_waiting: Callable[[], int] = int
        self._lag: LoopLag | None = None

    def watch(self, calls: LiveCalls, count_waiting: Callable[[], int]) -> None:
        """Read these calls from now on; `count_waiting` counts those still to be placed."""
        self._calls, self._count_waiting = calls, count_waiting

    def watch_lag(self, lag: LoopLag) -> None:
        """Read the lag of the loop from now on."""
        self._lag = lag

    def ended(self, counters: Mapping[str, Any]) -> None:
        """Take the counters of a call that has ended."""
        self._ended.add(counters)

    def collect(self) -> Iterator[Metric]:
        """Yield all of it as Prometheus' client wants it."""
        calls = self._calls
        states = Counter() if calls is None else Counter(s.value for s in calls.leg_states())
        live = GaugeMetricFamily(
            "voiced_calls", "Calls now, by the state of their leg.", labels=["state"]
        )
        live.add_metric([WAITING], self._count_waiting())
        for state in LegState:
            live.add_metric([state.value.replace(" ", "_")], states[state.value])
        yield live
        draining = calls is not None and calls.is_draining
        yield GaugeMetricFamily("voiced_draining", "1: no new calls are taken.", float(draining))
        yield from _media(self._ended.plus(() if calls is None else calls.media_counters()))
        yield _breakers(() if calls is None else calls.circuits())
        yield from self._loop()

    def _loop(self) -> Iterator[Metric]:
        lag = self._lag
        smoothed_s = 0.0 if lag is None else lag.smoothed_s
        worst_s = 0.0 if lag is None else lag.worst_s
        yield GaugeMetricFamily(
            "voiced_loop_lag_seconds", "How late the loop is, over the last second.", smoothed_s
        )
        yield GaugeMetricFamily(
            "voiced_loop_lag_worst_seconds",
            "How late the loop was at worst, in the last minute or two.",
            worst_s,
        )
        yield GaugeMetricFamily(
            "voiced_loop_busy_ratio",
            "Share of the last second in which the loop was at work; over 0.85 no call is taken.",
            0.0 if lag is None else lag.busy,
        )


def _breakers(circuits: Iterable[Circuit]) -> Metric:
    breakers = GaugeMetricFamily(
        "voiced_provider_breaker_open",
        "1: its circuit is open, and calls begin with the next of its fallback list.",
        labels=["role", "provider"],
    )
    for circuit in circuits:
        breakers.add_metric([circuit.role, circuit.provider], float(circuit.is_open))
    return breakers


def _media(total: _MediaTotals) -> Iterator[Metric]:
    for name, meaning, value in (
        ("inbound_frames", "Frames of callers' audio, made-up ones included.", "frames"),
        ("outbound_messages", "Messages of audio to callers.", "messages"),
        ("underruns", "Holes that callers heard in the agent's voice.", "underruns"),
        ("stream_restarts", "Media streams that were lost and started anew.", "restarts"),
    ):
        yield CounterMetricFamily(f"voiced_{name}", meaning, total.numbers[value])
    yield CounterMetricFamily(
        "voiced_underrun_seconds", "How long those holes were, in all.", total.seconds
    )
    chunks = CounterMetricFamily(
        "voiced_inbound_chunks",
        "Pieces of callers' audio, by what became of them on the way.",
        labels=["fate"],
    )
    for fate in _FATES:
        chunks.add_metric([fate], total.fates[fate])
    yield chunks
    errors = CounterMetricFamily(
        "voiced_stream_errors", "Media messages that Telnyx could not use.", labels=["code"]
    )
    for code, n in sorted(total.errors.items()):
        errors.add_metric([code], n)
    yield errors
