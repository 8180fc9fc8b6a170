"""Polls that would wait keep their distance; everything else is left alone."""

import pytest

from voiced.loop import wakeups
from voiced.loop.wakeups import BatchedWakeups


class Clock:
    def __init__(self):
        self.now = 100.0
        self.slept = []

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(wakeups, "time", clock)
    return clock


def poll(instrument, clock, *, timeout, took):
    instrument.before_io_wait(timeout)
    clock.now += took
    instrument.after_io_wait(timeout)


def test_an_event_after_a_quiet_moment_is_served_at_once(clock):
    instrument = BatchedWakeups(0.004)
    poll(instrument, clock, timeout=1.0, took=0.5)
    clock.now += 0.010
    poll(instrument, clock, timeout=1.0, took=0.5)
    assert clock.slept == []


def test_a_poll_soon_after_another_waits_for_the_window_to_pass(clock):
    instrument = BatchedWakeups(0.004)
    poll(instrument, clock, timeout=1.0, took=0.0)
    clock.now += 0.001
    poll(instrument, clock, timeout=1.0, took=0.0)
    assert clock.slept == [pytest.approx(0.003)]


def test_a_deadline_within_the_window_is_kept(clock):
    instrument = BatchedWakeups(0.004)
    poll(instrument, clock, timeout=1.0, took=0.0)
    poll(instrument, clock, timeout=0.002, took=0.0)
    assert clock.slept == [pytest.approx(0.002)]


def test_a_poll_that_does_not_wait_is_never_held_up(clock):
    instrument = BatchedWakeups(0.004)
    poll(instrument, clock, timeout=1.0, took=0.0)
    poll(instrument, clock, timeout=0, took=0.0)
    assert clock.slept == []


def test_the_time_without_work_is_what_polls_have_waited_and_windows_have_taken(clock):
    instrument = BatchedWakeups(0.004)
    poll(instrument, clock, timeout=1.0, took=0.5)
    clock.now += 0.001  # work
    poll(instrument, clock, timeout=1.0, took=0.2)
    poll(instrument, clock, timeout=0.0, took=0.1)  # there was work
    assert instrument.idle_s == pytest.approx(0.5 + 0.003 + 0.2)
