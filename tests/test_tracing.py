"""Calls as traces."""

from __future__ import annotations

from contextvars import copy_context

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from voiced.config import TracingConfig
from voiced.errors import ConfigError
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSaid,
    CallerSpeaking,
    CallRinging,
    ProviderFailed,
    ProviderSwitched,
    ToolRan,
    TransferBegan,
    TransferEnded,
)
from voiced.record.latency import Latency
from voiced.tracing import MOST_REPLIES, Traces, check_tracing

RINGING = CallRinging(caller="+13125550100", called="+13125550199", at=100.0)
LATENCY = Latency(
    endpointing_s=0.5,
    recognizer_s=0.1,
    model_s=0.2,
    synthesizer_s=0.1,
    pacing_s=0.0,
    lead_in_s=0.0,
)
TURN = (
    CallerSpeaking(at=102.1, voice_at=102.0),
    CallerSaid(text="hello", confidence=0.9, at=103.5),
    ToolRan(name="lookup", began_at=103.5, ok=False, at=103.6),
    AgentSpeaking(text="Yes.", at=103.9, latency_s=0.9, latency=LATENCY),
    AgentHeard(text="Yes.", heard="part", heard_text="Y", at=104.5),
)
ENDED = CallEnded(reason="agent_failed", evidence="HTTP 500 of +13125550100", at=110.0)


@pytest.fixture
def traced():
    """Return a function: take events of calls, return the spans that came of them, by name."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = Traces(provider.get_tracer("test"), wall_offset_s=1_700_000_000.0)

    def take(*events, call_id="v3:x"):
        def tell():
            for event in events:
                traces.note(*(event if isinstance(event, tuple) else (call_id, event)))

        copy_context().run(tell)  # as each call has a task of its own
        return {span.name: span for span in exporter.get_finished_spans()}

    return take


def seconds(span):
    return (span.start_time / 1e9 - 1_700_000_000, span.end_time / 1e9 - 1_700_000_000)


def test_a_call_its_turns_replies_and_tools_are_spans_with_their_own_times(traced):
    spans = traced(RINGING, *TURN, ENDED)
    assert set(spans) == {"call", "turn", "reply", "tool lookup"}
    times = {name: pytest.approx(seconds(span), abs=1e-3) for name, span in spans.items()}
    assert times["call"] == (100.0, 110.0)
    assert times["turn"] == (102.0, 103.9)
    assert times["reply"] == (103.9, 104.5)
    assert times["tool lookup"] == (103.5, 103.6)
    (call,) = {span.context.trace_id for span in spans.values()}
    assert call
    assert spans["turn"].parent.span_id == spans["call"].context.span_id
    for name in ("reply", "tool lookup"):
        assert spans[name].parent.span_id == spans["turn"].context.span_id


def test_spans_say_what_was_waited_for_heard_and_why_it_ended(traced):
    spans = traced(RINGING, *TURN, ENDED)
    assert spans["call"].attributes == {"voiced.call": "v3:x", "voiced.end_reason": "agent_failed"}
    assert not spans["call"].status.is_ok
    assert spans["turn"].attributes["voiced.model_s"] == 0.2
    assert spans["turn"].attributes["voiced.understood"] is True
    assert spans["reply"].attributes["voiced.heard"] == "part"
    assert not spans["tool lookup"].status.is_ok


def test_what_has_no_length_is_noted_on_the_call(traced):
    spans = traced(
        RINGING,
        CallAnswered(at=100.1),
        BargeIn(at=101.0),
        ProviderFailed(role="agent", provider="one", kind="failed", at=102.0),
        ProviderSwitched(role="agent", provider="one", to="two", at=102.0),
        TransferBegan(to="+13125550142", at=103.0),
        TransferEnded(outcome="busy", at=104.0),
        ENDED,
    )
    assert [event.name for event in spans["call"].events] == [
        "answered",
        "barge-in",
        "provider failed",
        "provider stands in",
        "transfer",
        "transfer ended",
    ]


def test_no_number_and_no_word_is_in_a_span(traced):
    spans = traced(RINGING, *TURN, TransferBegan(to="+13125550142", at=105.0), ENDED)
    text = " ".join(span.to_json() for span in spans.values())
    assert not any(private in text for private in ("+1312", "hello", "Yes."))


def test_calls_that_we_place_at_once_are_told_apart_before_they_have_an_id(traced):
    first = [("", RINGING), ("v3:a", CallAnswered(at=101.0)), ("v3:a", ENDED)]
    spans = traced(("", RINGING))  # a call that is still being placed
    spans = traced(*first)
    assert spans["call"].attributes["voiced.call"] == "v3:a"
    assert len(spans["call"].events) == 1


def test_whatever_is_open_at_the_end_of_a_call_is_ended_and_none_too_many_are(traced):
    many = [
        AgentSpeaking(text=f"sentence {n}", at=101.0 + n, latency_s=None)
        for n in range(MOST_REPLIES + 5)
    ]
    spans = traced(RINGING, CallerSpeaking(at=100.5), *many, many[-1], ENDED)
    assert {"call", "turn", "reply"} == set(spans)


def test_of_a_call_that_is_not_known_nothing_is_told(traced):
    assert traced(*TURN, ENDED) == {}


def test_a_check_says_that_the_extra_is_missing(monkeypatch):
    check_tracing(TracingConfig())
    check_tracing(TracingConfig(otlp_endpoint="http://127.0.0.1:9/v1/traces"))
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ConfigError, match=r"pip install 'voiced\[tracing\]'"):
        check_tracing(TracingConfig(otlp_endpoint="http://127.0.0.1:9/v1/traces"))
