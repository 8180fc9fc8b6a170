"""What Prometheus is told."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from voiced.leg.leg import EndReason, LegState
from voiced.loop.overload import Lag
from voiced.loop.stalls import Stall
from voiced.metrics import Metrics, Observers
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
)
from voiced.record.latency import PARTS
from voiced.resilience.circuits import Circuit

RINGING = CallRinging(caller="+13125550100", called="+13125550199", at=0.0)

COUNTERS = {
    "stream_restarts": 1,
    "stream_errors": {"100005": 2},
    "inbound": {
        "frames": 500,
        "received": 498,
        "lost": 2,
        "late": 1,
        "duplicated": 0,
        "reordered": 3,
        "resynchronized": 0,
    },
    "outbound": {
        "sent_s": 8.5,
        "messages": 85,
        "underruns": 2,
        "gap_s": 0.12,
        "max_lead_s": 0.4,
        "worst_late_s": 0.031,
    },
}

RECORD = {
    "direction": "outgoing",
    "providers": {"recognizer": "deepgram", "agent": "openai", "synthesizer": "flite"},
    "provider_switches": [{"role": "agent", "provider": "openai", "to": "anthropic", "at_s": 6.0}],
    "answered_after_s": 0.4,
    "duration_s": 12.0,
    "outcome": "completed",
    "hangup_confirmed": False,
    "transfers": [{"to": "+13125550123", "at_s": 9.0, "outcome": "busy"}],
    "spent": {"tokens": 120, "characters": 300, "minutes": 0.2},
    "counters": COUNTERS,
    "audio": {"file": "audio.wav", "dropped_s": 1.5},
    "wire": {"file": "wire.jsonl.gz", "error": "the disk is too slow"},
    "turns": [
        {"who": "caller", "at_s": 2.0, "text": "hello", "confidence": 0.9},
        {"who": "caller", "at_s": 3.0, "text": "", "confidence": 0.0},
        *(
            {
                "who": "agent",
                "at_s": at_s,
                "text": "Yes.",
                "heard": "part",
                "latency": {f"{part}_s": 0.25 for part in PARTS},
            }
            for at_s in (5.0, 8.0)
        ),
    ],
}


def scraped(metrics):
    text = metrics.render().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Live:
    is_draining = True

    def leg_states(self):
        return [LegState.STREAMING, LegState.STREAMING, LegState.HANGING_UP]

    def media_counters(self):
        return [COUNTERS, {}]

    def circuits(self):
        return [
            Circuit(role="agent", provider="one", is_open=True),
            Circuit(role="agent", provider="two", is_open=False),
        ]


def test_calls_are_counted_by_how_they_end():
    metrics = Metrics()
    for call in "abc":
        metrics.note(call, RINGING)
    metrics.note("a", CallAnswered(at=1.0))
    metrics.note("a", CallTornDown(after_s=0.004, at=9.0))
    metrics.note("a", CallEnded(reason="caller_hung_up", evidence="x", at=9.0))
    told = scraped(metrics)
    assert told["voiced_calls_begun_total",] == 3
    assert told["voiced_calls_answered_total",] == 1
    assert told["voiced_calls_ended_total", "caller_hung_up"] == 1
    assert told["voiced_call_teardown_seconds_bucket", "0.0025"] == 0
    assert told["voiced_call_teardown_seconds_bucket", "0.005"] == 1


def test_what_can_happen_is_counted_from_zero_so_that_its_first_time_is_an_increase():
    told = scraped(Metrics())
    for reason in EndReason:
        assert told["voiced_calls_ended_total", reason.value] == 0
    assert told["voiced_passages_total", "none"] == told["voiced_caller_turns_total", "no"] == 0


def test_answers_and_interruptions_are_measured():
    metrics = Metrics()
    metrics.note("a", AgentSpeaking(text="Hello.", at=0.0, latency_s=None))
    metrics.note("a", AgentSpeaking(text="Yes.", at=5.0, latency_s=0.7))
    metrics.note("a", Cleared(at=5.5))  # of a key: nobody spoke
    metrics.note("a", BargeIn(at=6.1, voice_at=6.0))
    metrics.note("a", Cleared(at=6.12))
    metrics.note("a", Silenced(at=6.15))
    metrics.note("a", FalseAlarm(at=7.0))
    told = scraped(metrics)
    assert told["voiced_turn_latency_seconds_count",] == 1
    assert told["voiced_turn_latency_seconds_sum",] == 0.7
    assert told["voiced_barge_ins_total",] == told["voiced_barge_in_false_alarms_total",] == 1
    assert told["voiced_barge_in_clear_seconds_count",] == 1
    assert round(told["voiced_barge_in_clear_seconds_sum",], 3) == 0.12
    assert round(told["voiced_barge_in_silence_seconds_sum",], 3) == 0.15


def test_trouble_with_providers_and_with_telnyx_is_counted():
    metrics = Metrics()
    failed = ProviderFailed(role="agent", provider="openai", kind="too_slow", at=1.0)
    metrics.note("a", failed)
    metrics.note("a", ProviderSwitched(role="agent", provider="openai", to="anthropic", at=1.0))
    metrics.telnyx_answered("answer", "200", 0.2)
    metrics.telnyx_answered("answer", "no answer", 5.0)
    told = scraped(metrics)
    assert told["voiced_provider_failures_total", "too_slow", "openai", "agent"] == 1
    assert told["voiced_provider_switches_total", "openai", "agent", "anthropic"] == 1
    assert told["voiced_telnyx_requests_total", "answer", "no answer"] == 1
    assert told["voiced_telnyx_request_seconds_count",] == 2


def test_a_record_is_counted_when_its_call_has_ended():
    metrics = Metrics()
    metrics.ended(RECORD)
    told = scraped(metrics)
    assert told["voiced_call_setup_seconds_sum",] == 0.4
    assert told["voiced_call_duration_seconds_sum", "outgoing"] == 12.0
    assert told["voiced_calls_placed_total", "completed"] == 1
    assert told["voiced_hangups_unconfirmed_total",] == 1
    assert told["voiced_transfers_total", "busy"] == 1
    assert told["voiced_caller_turns_total", "yes"] == told["voiced_caller_turns_total", "no"] == 1
    assert told["voiced_passages_total", "part"] == 2
    assert told["voiced_model_tokens_total",] == 120
    assert told["voiced_pacing_lead_seconds_sum",] == 0.4
    assert told["voiced_send_lateness_seconds_sum",] == 0.031
    assert told["voiced_recording_dropped_seconds_total",] == 1.5
    assert told["voiced_flight_recordings_broken_total",] == 1


def test_a_wait_is_put_down_to_who_served_the_call_then():
    metrics = Metrics()
    metrics.ended(RECORD)
    told = scraped(metrics)

    def count(part, provider):
        return told.get(("voiced_turn_part_seconds_count", part, provider))

    assert count("model", "openai") == count("model", "anthropic") == 1
    assert count("lead_in", "flite") == count("recognizer", "deepgram") == 2
    assert count("endpointing", "voiced") == count("pacing", "voiced") == 2


def test_live_calls_are_shown_by_state_and_their_counters_added():
    metrics = Metrics()
    metrics.live.watch(Live(), lambda: 4)
    metrics.ended(RECORD)
    told = scraped(metrics)
    assert told["voiced_calls", "streaming"] == 2
    assert told["voiced_calls", "hanging_up"] == 1
    assert told["voiced_calls", "ringing"] == 0
    assert told["voiced_calls", "waiting"] == 4
    assert told["voiced_draining",] == 1
    assert told["voiced_inbound_frames_total",] == 1000
    assert told["voiced_inbound_chunks_total", "lost"] == 4
    assert told["voiced_underruns_total",] == 4
    assert told["voiced_stream_errors_total", "100005"] == 4
    assert told["voiced_stream_restarts_total",] == 2
    assert round(told["voiced_underrun_seconds_total",], 3) == 0.24


def test_the_loop_tells_how_late_it_is():
    metrics = Metrics()
    lag = Lag()
    lag.note(0.05, 0.05, 0.01)
    metrics.live.watch_lag(lag)
    metrics.stalled(Stall(task="agent", call="c", seconds=0.06, cpu_s=0.06, where=()))
    told = scraped(metrics)
    assert told["voiced_loop_lag_seconds",] == lag.smoothed_s > 0
    assert told["voiced_loop_busy_ratio",] == lag.busy > 0
    assert told["voiced_loop_lag_worst_seconds",] == 0.05
    assert scraped(metrics)["voiced_loop_lag_worst_seconds",] == 0.05  # whoever else asks
    assert told["voiced_loop_stall_seconds_count",] == 1


def test_no_number_and_no_word_is_told():
    metrics = Metrics()
    metrics.note("v3:secret", RINGING)
    metrics.note("v3:secret", AgentSpeaking(text="Private.", at=0.0, latency_s=0.5))
    metrics.ended(RECORD)
    text = metrics.render().decode()
    assert not any(word in text for word in ("secret", "Private", "3125550", "hello", "Yes."))


def test_all_observers_are_told():
    first, second = Metrics(), Metrics()
    Observers([first, second]).note("a", RINGING)
    for metrics in (first, second):
        assert scraped(metrics)["voiced_calls_begun_total",] == 1
