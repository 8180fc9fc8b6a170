"""When marks come back in a replay."""

import math

from voiced.testing.replay.playout import RETURN_S, Playout, RecordedMark


def mark(set_at, returned_at, *, cleared=False):
    return RecordedMark(set_at=set_at, returned_at=returned_at, cleared=cleared)


def returned(playout):
    """Return the next mark and its time."""
    at = playout.next_at()
    return (playout.take(), round(at, 6))


def test_a_mark_comes_back_when_it_came_back():
    playout = Playout({"a": mark(1.0, 2.3)}, ends_at=10)
    playout.audio(1.0, now=0.9)
    playout.mark("a", now=0.95)
    assert returned(playout) == ("a", 2.3)
    assert playout.next_at() == math.inf


def test_a_mark_that_was_not_recorded_comes_back_behind_its_audio():
    playout = Playout({}, ends_at=10)
    playout.audio(1.0, now=0.0)
    assert playout.audio(0.5, now=0.2) == 1.0
    playout.mark("b", now=0.3)
    assert returned(playout) == ("b", 1.5 + RETURN_S)


def test_a_mark_that_is_set_at_quite_another_time_is_another_mark():
    playout = Playout({"a": mark(1.0, 2.3)}, ends_at=10)
    playout.audio(1.0, now=4.0)
    playout.mark("a", now=4.0)
    assert returned(playout) == ("a", 5.0 + RETURN_S)


def test_a_mark_that_was_lost_is_lost_again():
    playout = Playout({"a": mark(1.0, None)}, ends_at=10)
    playout.mark("a", now=1.0)
    assert playout.next_at() == math.inf


def test_a_mark_that_the_end_cut_off_is_not_lost():
    playout = Playout({"a": mark(1.0, None)}, ends_at=1.2)
    playout.audio(1.0, now=1.0)
    playout.mark("a", now=1.0)
    assert returned(playout) == ("a", 2.0 + RETURN_S)


def test_a_mark_that_was_cleared_waits_for_the_clear():
    playout = Playout({"a": mark(1.0, 1.5, cleared=True)}, ends_at=10)
    playout.audio(3.0, now=1.0)
    playout.mark("a", now=1.0)
    playout.cleared(now=1.45)
    assert returned(playout) == ("a", 1.5)
    assert playout.audio(1.0, now=1.6) == 1.6


def test_a_mark_that_was_late_already_when_it_was_cleared_does_not_come_before():
    playout = Playout({"a": mark(1.0, 3.5, cleared=True)}, ends_at=10)
    playout.audio(1.0, now=1.0)
    playout.mark("a", now=1.0)
    assert playout.next_at() == 3.5
    playout.cleared(now=3.4)
    assert returned(playout) == ("a", 3.5)


def test_a_clear_that_was_not_recorded_returns_all_marks():
    playout = Playout({"a": mark(1.0, 4.0)}, ends_at=10)
    playout.audio(3.0, now=1.0)
    playout.mark("a", now=1.0)
    playout.mark("b", now=1.1)
    playout.cleared(now=2.0)
    assert [returned(playout), returned(playout)] == [("a", 2.0 + RETURN_S), ("b", 2.0 + RETURN_S)]
