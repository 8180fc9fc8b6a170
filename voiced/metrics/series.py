"""The series that are counted as things happen: name, meaning, labels, buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from voiced.leg.leg import EndReason
from voiced.record.heard import Heard

if TYPE_CHECKING:
    from collections.abc import Iterable

_SETUP_S = (0.25, 0.5, 1, 2, 5, 10, 20, 30, 60)
_CALL_S = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400)
_TEARDOWN_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_LATENCY_S = (0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 5, 10)
_PART_S = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
_SILENCE_S = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2)
_LEAD_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2)
_LATE_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.3, 0.6, 1.2)
_STALL_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_REQUEST_S = (0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5)


class Series:
    """All of them, in one registry; each attribute is one.

    Where it is known which labels there can be, all are there from the beginning: the first event
    of one that appears with it is no increase to Prometheus, and no alert.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"voiced_{name}", meaning, labels, registry=registry)

        def histogram(
            name: str, meaning: str, buckets: tuple[float, ...], *labels: str
        ) -> Histogram:
            name = f"voiced_{name}"
            return Histogram(name, meaning, labels, buckets=buckets, registry=registry)

        # Calls
        self.begun = counter("calls_begun", "Calls that rang, or were placed.")
        self.answered = counter("calls_answered", "Calls that came to audio.")
        self.ended = counter("calls_ended", "Calls that ended, by reason.", "reason")
        self.outcomes = counter(
            "calls_placed", "Calls that we placed, by what came of them.", "outcome"
        )
        self.setup = histogram("call_setup_seconds", "From the ring to audio.", _SETUP_S)
        self.duration = histogram(
            "call_duration_seconds", "From the ring to the end.", _CALL_S, "direction"
        )
        self.teardown = histogram(
            "call_teardown_seconds",
            "From the cause of a call's end until none of its tasks is left.",
            _TEARDOWN_S,
        )
        self.unconfirmed = counter(
            "hangups_unconfirmed", "Calls whose leg may have stayed up, and billed."
        )
        self.transfers = counter("transfers", "Transfers, by what came of them.", "outcome")
        # Turns
        self.latency = histogram(
            "turn_latency_seconds",
            "From the end of the caller's speech to the first sound of the agent's answer.",
            _LATENCY_S,
        )
        self.part = histogram(
            "turn_part_seconds",
            "What those waits were spent on, by part and provider; told when a call ends.",
            _PART_S,
            "part",
            "provider",
        )
        self.caller_turns = counter(
            "caller_turns", "Turns of callers: were words understood?", "understood"
        )
        self.passages = counter("passages", "Passages of agents, by how much was heard.", "heard")
        self.barge_ins = counter("barge_ins", "Callers who spoke over the agent.")
        self.false_alarms = counter("barge_in_false_alarms", "Of those, no interruptions.")
        self.cleared = histogram(
            "barge_in_clear_seconds",
            "From the beginning of the caller's speech to the clear message on the wire.",
            _SILENCE_S,
        )
        self.silenced = histogram(
            "barge_in_silence_seconds",
            "From the beginning of the caller's speech to silence in the caller's buffer.",
            _SILENCE_S,
        )
        # Audio
        self.lead = histogram(
            "pacing_lead_seconds",
            "How far ahead of playing audio was sent, at most, of each call.",
            _LEAD_S,
        )
        self.late = histogram(
            "send_lateness_seconds",
            "How late a message of audio was sent, at worst, of each call.",
            _LATE_S,
        )
        self.sent = counter("outbound_audio_seconds", "Audio that callers were sent to hear.")
        self.not_recorded = counter(
            "recording_dropped_seconds", "Audio that is missing in recordings."
        )
        self.flights_broken = counter(
            "flight_recordings_broken", "Flight recordings that could not be kept to their end."
        )
        # Providers, Telnyx
        self.failures = counter(
            "provider_failures", "Providers that failed a call.", "role", "provider", "kind"
        )
        self.switches = counter(
            "provider_switches", "Providers that took over.", "role", "provider", "to"
        )
        self.tool = histogram("tool_seconds", "Runs of agents' tools.", _PART_S, "ok")
        self.tokens = counter("model_tokens", "Tokens that agents' models have used.")
        self.characters = counter("spoken_characters", "Characters given to synthesizers.")
        self.requests = counter(
            "telnyx_requests", "Requests to Telnyx's API, by what was answered.", "action", "status"
        )
        self.request = histogram(
            "telnyx_request_seconds", "How long Telnyx's API took to answer.", _REQUEST_S
        )
        # The loop
        self.stall = histogram(
            "loop_stall_seconds", "Steps of a task that held the loop up.", _STALL_S
        )
        self._begin()

    def _begin(self) -> None:
        known: tuple[tuple[Counter | Histogram, Iterable[str]], ...] = (
            (self.ended, (reason.value for reason in EndReason)),
            (self.duration, ("incoming", "outgoing")),
            (self.caller_turns, ("yes", "no")),
            (self.passages, get_args(Heard)),
            (self.tool, ("yes", "no")),
        )
        for series, labels in known:
            for label in labels:
                series.labels(label)
