"""What Prometheus is told."""

from prometheus_client.parser import text_string_to_metric_families

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
from voiced.metrics import Metrics, Observers

RINGING = CallRinging(caller="+13125550100", called="+13125550199", at=0.0)


def scraped(metrics):
    text = metrics.render().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_calls_are_counted_by_how_they_end_and_live_ones_shown():
    metrics = Metrics()
    for call in "abc":
        metrics.note(call, RINGING)
    metrics.note("a", CallAnswered(at=1.0))
    metrics.note("a", CallTornDown(after_s=0.004, at=9.0))
    metrics.note("a", CallEnded(reason="caller_hung_up", evidence="x", at=9.0))
    told = scraped(metrics)
    assert told["voiced_calls",] == 2
    assert told["voiced_calls_begun_total",] == 3
    assert told["voiced_calls_answered_total",] == 1
    assert told["voiced_calls_ended_total", "caller_hung_up"] == 1
    assert told["voiced_call_teardown_seconds_bucket", "0.0025"] == 0
    assert told["voiced_call_teardown_seconds_bucket", "0.005"] == 1


def test_answers_and_interruptions_are_measured():
    metrics = Metrics()
    metrics.note("a", AgentSpeaking(text="Hello.", at=0.0, latency_s=None))
    metrics.note("a", AgentSpeaking(text="Yes.", at=5.0, latency_s=0.7))
    metrics.note("a", BargeIn(at=6.1, voice_at=6.0))
    metrics.note("a", Silenced(at=6.15))
    metrics.note("a", FalseAlarm(at=7.0))
    told = scraped(metrics)
    assert told["voiced_answer_seconds_count",] == 1
    assert told["voiced_answer_seconds_sum",] == 0.7
    assert told["voiced_barge_ins_total",] == told["voiced_barge_in_false_alarms_total",] == 1
    assert round(told["voiced_barge_in_silence_seconds_sum",], 3) == 0.15


def test_no_number_and_no_word_is_told():
    metrics = Metrics()
    metrics.note("v3:secret", RINGING)
    metrics.note("v3:secret", AgentSpeaking(text="Private.", at=0.0, latency_s=0.5))
    text = metrics.render().decode()
    assert not any(word in text for word in ("secret", "Private", "3125550"))


def test_all_observers_are_told():
    first, second = Metrics(), Metrics()
    Observers([first, second]).note("a", RINGING)
    assert scraped(first)["voiced_calls",] == scraped(second)["voiced_calls",] == 1
