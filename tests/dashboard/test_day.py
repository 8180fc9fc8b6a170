"""The figures of the last day."""

import pytest

from voiced.dashboard.day import HOURS, Day


def test_reasons_are_counted_the_most_frequent_first():
    day = Day()
    for reason in ("silence", "caller_hung_up", "caller_hung_up"):
        day.ended(reason, 100.0)
    figures = day.figures(200.0)
    assert figures.n_calls == 3
    assert figures.reasons == (("caller_hung_up", 2), ("silence", 1))


def test_percentiles_are_exact_to_a_hundredth():
    day = Day()
    day.waited((n / 100 for n in range(1, 101)), 0.0)
    figures = day.figures(0.0)
    assert (figures.p50_s, figures.p90_s, figures.p99_s) == (0.5, 0.9, 0.99)
    assert figures.n_waits == 100


def test_without_waits_there_are_none():
    assert Day().figures(0.0).p50_s is None


def test_what_is_older_than_a_day_is_forgotten():
    day = Day()
    for hour in range(100):
        day.ended("silence", hour * 3600.0)
        day.waited((1.0,), hour * 3600.0)
    assert day.figures(99 * 3600.0).n_calls == HOURS
    assert day.figures(99 * 3600.0).n_waits == HOURS
    assert day.figures(300 * 3600.0).n_calls == 0
    assert len(day._hours) == HOURS


@pytest.mark.parametrize("wait_s", [-1.0, 1e9])
def test_a_wait_that_cannot_be_is_kept_within_bounds(wait_s):
    day = Day()
    day.waited((wait_s,), 0.0)
    p50_s = day.figures(0.0).p50_s
    assert p50_s is not None
    assert 0 <= p50_s <= 30


def test_what_comes_too_late_counts_for_nothing():
    day = Day()
    day.ended("silence", 100 * 3600.0)
    day.ended("silence", 0.0)
    assert day.figures(100 * 3600.0).n_calls == 1
