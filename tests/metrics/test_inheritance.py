"""What older processes count, added to what we count."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.metrics.test_observer import Live, scraped
from voiced.leg.leg import LegState
from voiced.metrics import Metrics
from voiced.record.journal import CallAnswered, CallEnded, CallTornDown, ProviderFailed


class Streaming(Live):
    def leg_states(self):
        return [LegState.STREAMING]


def counting(n_calls, *, provider="openai"):
    """Return the metrics of a process with one live call, after `n_calls` others."""
    metrics = Metrics()
    metrics.live.watch(Streaming(), lambda: 0)
    for _ in range(n_calls):
        metrics.note("a", CallAnswered(at=1.0))
        metrics.note("a", CallTornDown(after_s=0.004, at=9.0))
        metrics.note("a", CallEnded(reason="caller_hung_up", evidence="x", at=9.0))
    metrics.note("a", ProviderFailed(role="agent", provider=provider, kind="failed", at=1.0))
    return metrics


def scrape_of(metrics):
    return metrics.render(alone=True).decode()


def test_what_older_processes_count_is_added():
    metrics = counting(2)
    metrics.inheritance.tell("one", scrape_of(counting(3)))
    metrics.inheritance.tell("one", scrape_of(counting(5, provider="anthropic")))
    metrics.inheritance.tell("two", scrape_of(counting(1)))
    told = scraped(metrics)
    assert told["voiced_calls_answered_total",] == 8
    assert told["voiced_calls_ended_total", "caller_hung_up"] == 8
    assert told["voiced_call_teardown_seconds_bucket", "0.005"] == 8
    assert told["voiced_call_teardown_seconds_count",] == 8
    assert told["voiced_calls", "streaming"] == 3
    assert told["voiced_provider_failures_total", "failed", "openai", "agent"] == 2
    assert told["voiced_provider_failures_total", "failed", "anthropic", "agent"] == 1
    assert told["voiced_draining",] == 1  # our own
    assert len([key for key in told if key[0] == "process_start_time_seconds"]) == 1


def test_of_one_that_has_ended_the_counts_stay_and_no_call_lives():
    metrics = counting(2)
    metrics.inheritance.tell("one", scrape_of(counting(3)))
    metrics.inheritance.leave("one", scrape_of(counting(4)))  # its last call has ended since
    metrics.inheritance.tell("killed", scrape_of(counting(5)))
    metrics.inheritance.leave("killed", None)
    metrics.inheritance.leave("never asked", None)
    told = scraped(metrics)
    assert told["voiced_calls_answered_total",] == 11
    assert told["voiced_calls", "streaming"] == 1


def test_an_elder_tells_what_it_has_inherited_and_nothing_of_those_that_live():
    metrics = counting(2)
    metrics.inheritance.tell("gone", scrape_of(counting(3)))
    metrics.inheritance.leave("gone", None)
    metrics.inheritance.tell("alive", scrape_of(counting(7)))
    (answered,) = (
        family.samples[0].value
        for family in text_string_to_metric_families(scrape_of(metrics))
        if family.name == "voiced_calls_answered"
    )
    assert answered == 5
