"""How much is too much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.loop.overload import SMOOTHING_S, WINDOW_S, Lag, LagGuard, RateLimit


def admitted(times, per_s):
    """Return at which of `times` a call is let in."""
    limit, let_in = RateLimit(), []
    for now in times:
        if limit.has_room(now, per_s):
            limit.take(now, per_s)
            let_in.append(now)
    return let_in


def test_a_seconds_worth_of_calls_may_come_at_once_and_then_one_for_each_interval():
    assert admitted([0.0] * 8, 5) == [0.0] * 5
    assert admitted([0.0] * 8 + [0.19, 0.21, 0.22, 0.41], 5) == [0.0] * 5 + [0.21, 0.41]


def test_a_slow_rate_lets_one_call_in_at_a_time():
    assert admitted([0, 1, 9, 10.5, 11, 20.4, 20.6], 0.1) == [0, 10.5, 20.6]


def test_no_limit_is_no_limit():
    assert admitted([0.0] * 1000, 0) == [0.0] * 1000


def test_a_limit_that_is_lowered_counts_what_has_come():
    limit = RateLimit()
    for _ in range(10):
        limit.take(0.0, 10)
    assert not limit.has_room(1.0, 1)
    assert limit.has_room(10.1, 1)


@given(
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
    per_s=st.floats(0.05, 50),
)
def test_never_more_than_the_rate_and_a_burst_in_any_stretch_of_time(gaps, per_s):
    times, now = [], 0.0
    for gap in gaps:
        now += gap
        times.append(now)
    let_in = admitted(times, per_s)
    assert let_in[:1] == times[:1]
    for i, first in enumerate(let_in):
        for n, last in enumerate(let_in[i:], start=1):
            assert n <= max(1.0, per_s) + (last - first) * per_s + 1e-6


def test_one_long_stall_does_not_look_like_a_loop_that_is_always_late():
    lag = Lag()
    for _ in range(40):
        lag.note(0.005, 0.055)
    lag.note(30, 30.05)
    assert lag.smoothed_s < 0.03
    for _ in range(20):  # 2 s of passes of 50 ms each
        lag.note(0.05, 0.1)
    assert lag.smoothed_s > 0.04


def test_the_worst_lag_is_told_to_all_who_ask_for_a_minute_at_least_and_two_at_most():
    lag = Lag()
    lag.note(0.2, 0.25)
    for _ in range(int(WINDOW_S / 0.05)):
        assert lag.worst_s == 0.2
        lag.note(0.001, 0.05)
    for _ in range(int(WINDOW_S / 0.05) + 2):
        lag.note(0.002, 0.05)
    assert lag.worst_s == 0.002


def test_the_lag_is_forgotten_in_its_time_constant_however_often_it_is_measured():
    often, seldom = Lag(), Lag()
    for lag, n in ((often, 100), (seldom, 5)):
        lag.smoothed_s = 1.0
        for _ in range(n):
            lag.note(0.0, SMOOTHING_S / n)
        assert lag.smoothed_s == pytest.approx(0.3679, abs=1e-4)


def judged(guard, limit_s, *, smoothed_s=0.0, busy=0.0):
    lag = Lag()
    lag.smoothed_s, lag.busy = smoothed_s, busy
    return guard.judge(lag, limit_s)


def test_the_guard_closes_above_its_limit_and_opens_well_below_it():
    guard = LagGuard()
    lags = [0.05, 0.1, 0.11, 0.09, 0.051, 0.05, 0.09, 0.11]
    closed = [judged(guard, 0.1, smoothed_s=lag_s) for lag_s in lags]
    assert closed == [False, False, True, True, True, False, False, True]


def test_the_guard_closes_for_a_busy_loop_before_it_is_late():
    guard = LagGuard()
    shares = [0.5, 0.84, 0.86, 0.8, 0.71, 0.69, 0.8]
    closed = [judged(guard, 0.02, busy=busy) for busy in shares]
    assert closed == [False, False, True, True, True, False, False]


def test_without_a_limit_no_lag_is_too_much():
    guard = LagGuard()
    assert judged(guard, 0.1, smoothed_s=0.2)
    assert not judged(guard, 0, smoothed_s=5.0, busy=1.0)


def test_the_busy_share_is_what_is_left_of_the_time_without_work():
    lag = Lag()
    for _ in range(100):
        lag.note(0.0, 0.05, 0.01)
    assert lag.busy == pytest.approx(0.8, abs=0.02)
    for _ in range(100):
        lag.note(0.0, 0.05)  # nobody knows
    assert lag.busy == pytest.approx(0.0, abs=0.02)


def measured(lag, seconds, *, busy, n_calls=0):
    """Let so many seconds pass."""
    for _ in range(round(seconds / 0.05)):
        lag.note(0.0, 0.05, 0.05 * (1 - busy), n_calls)


def test_a_call_that_is_not_measured_yet_counts_for_what_calls_take_on_the_average():
    lag = Lag()
    measured(lag, 10, busy=0.4, n_calls=4)
    assert lag.busy_with(4) == pytest.approx(0.4, abs=0.01)
    assert lag.busy_with(6) == pytest.approx(0.6, abs=0.01)
    measured(lag, 0.5, busy=0.6, n_calls=6)  # both are in, and half known
    assert lag.busy == pytest.approx(0.48, abs=0.01)
    assert lag.busy_with(6) == pytest.approx(0.6, abs=0.01)
    measured(lag, 5, busy=0.6, n_calls=6)
    assert (lag.busy, lag.busy_with(6)) == pytest.approx((0.6, 0.6), abs=0.01)


def test_what_calls_took_is_remembered_while_there_are_none():
    lag = Lag()
    measured(lag, 10, busy=0.2, n_calls=2)
    measured(lag, 3600, busy=0.0)
    assert lag.busy_with(5) == pytest.approx(0.5, abs=0.01)


def test_before_it_is_known_what_a_call_takes_the_loop_is_as_busy_as_it_is():
    lag = Lag()
    measured(lag, 0.5, busy=0.9, n_calls=1)  # the start of the first call
    assert lag.busy_with(3) == lag.busy


def test_what_is_at_work_without_calls_is_none_of_theirs():
    lag = Lag()
    measured(lag, 100, busy=0.3)
    measured(lag, 60, busy=0.4, n_calls=1)
    assert lag.busy_with(2) == pytest.approx(0.5, abs=0.02)


def test_fewer_calls_than_were_measured_take_no_less_before_that_is_seen():
    lag = Lag()
    measured(lag, 10, busy=0.5, n_calls=5)
    assert lag.busy_with(1) == lag.busy


def test_the_guard_closes_for_the_call_that_would_be_too_much_and_for_no_time_after():
    lag, guard = Lag(), LagGuard()
    measured(lag, 20, busy=0.7, n_calls=7)
    assert not guard.judge(lag, 0.02, 8)
    assert guard.judge(lag, 0.02, 9)
    assert not guard.judge(lag, 0.02, 8)
    assert not guard.judge(lag, 0, 9)


@given(
    st.lists(
        st.tuples(st.floats(0, 2), st.floats(0, 3), st.floats(0, 3), st.integers(0, 50)),
        max_size=50,
    )
)
def test_whatever_is_measured_more_calls_never_mean_less_work(samples):
    lag = Lag()
    for sample in samples:
        lag.note(*sample)
    assert 0 <= lag.busy <= 1
    expected = [lag.busy_with(n) for n in range(60)]
    assert expected == sorted(expected)
    assert expected[0] == lag.busy
