"""The circuit breaker, by the clock that it is given."""

import pytest

from voiced.resilience.breaker import MOST_TIMES, Breaker, BreakerRules

RULES = BreakerRules(failures=3, retry_s=10.0)


@pytest.fixture
def breaker():
    return Breaker(RULES)


def fail(breaker, times, now=0.0):
    for _ in range(times):
        breaker.failed(now)


def test_a_circuit_stays_closed_until_it_has_failed_so_often_in_a_row(breaker):
    fail(breaker, 2)
    assert breaker.may_try(0.0)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.state(0.0) == "closed"
    fail(breaker, 1)
    assert breaker.state(0.0) == "open"
    assert not breaker.may_try(9.9)


def test_after_its_time_one_trial_is_made_at_a_time(breaker):
    fail(breaker, 3)
    assert breaker.state(10.0) == "half-open"
    assert breaker.may_try(10.0)
    assert not breaker.may_try(10.0)
    breaker.abandoned()
    assert breaker.may_try(10.0)


def test_a_trial_that_goes_well_closes_the_circuit(breaker):
    fail(breaker, 3)
    assert breaker.may_try(10.0)
    breaker.succeeded()
    assert breaker.state(10.0) == "closed"
    assert breaker.may_try(10.0)
    assert breaker.may_try(10.0)


def test_each_trial_that_fails_doubles_the_time_up_to_a_limit(breaker):
    fail(breaker, 3)
    now, times = 0.0, []
    for _ in range(6):
        since = now
        while not breaker.may_try(now):
            now += 1.0
        times.append(now - since)
        breaker.failed(now)
    assert times == [10.0, 20.0, 40.0, 80.0, 80.0, 80.0]
    assert max(times) == MOST_TIMES * RULES.retry_s


def test_a_success_forgets_how_long_it_was_open(breaker):
    fail(breaker, 3)
    assert breaker.may_try(10.0)
    breaker.failed(10.0)
    assert breaker.may_try(30.0)
    breaker.succeeded()
    fail(breaker, 3, now=30.0)
    assert breaker.state(39.9) == "open"
    assert breaker.state(40.0) == "half-open"


def test_what_would_fail_again_opens_the_circuit_at_once(breaker):
    breaker.failed(0.0, lasting=True)
    assert breaker.state(0.0) == "open"
    assert not breaker.is_forbidden(0.0)


def test_a_rate_limit_is_obeyed_to_the_second(breaker):
    breaker.failed(0.0, retry_after_s=4.0)
    assert breaker.is_forbidden(3.9)
    assert not breaker.may_try(3.9)
    assert not breaker.is_forbidden(4.0)
    assert breaker.may_try(4.0)


def test_a_rate_limit_longer_than_the_circuits_own_time_keeps_it_open(breaker):
    fail(breaker, 3)
    assert breaker.may_try(10.0)
    breaker.failed(10.0, retry_after_s=100.0)
    assert breaker.state(109.0) == "open"
    assert breaker.may_try(110.0)
