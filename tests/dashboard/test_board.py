"""What the dashboard learns of live calls, and that it keeps no more than that."""

from voiced.dashboard.board import MOST_CHANGES, Board
from voiced.record.journal import CallEnded, CallerSpeaking, CallRinging

RINGS = CallRinging(caller="+1", called="+2", at=0.0)
SPEAKS = CallerSpeaking(at=1.0)
ENDS = CallEnded(reason="silence", evidence="", at=2.0)


def test_only_when_somebody_looks_is_it_told_what_changes():
    board, rings = Board(), []
    board.note("a", RINGS)
    assert board.take_changed() == set()
    board.watch(lambda: rings.append(1))
    board.note("a", SPEAKS)
    board.note("b", SPEAKS)
    assert board.take_changed() == {"a", "b"}
    assert board.take_changed() == set()
    assert len(rings) == 2
    board.watch(None)
    board.note("a", SPEAKS)
    assert board.take_changed() == set()
    assert len(rings) == 2


def test_who_speaks_is_known_before_anybody_looks():
    board = Board()
    board.note("a", SPEAKS)
    assert board.talk("a").speakers == {"caller"}


def test_of_calls_that_have_ended_nothing_is_left_but_the_count():
    board = Board()
    for n in range(1000):
        for event in (RINGS, SPEAKS, ENDS):
            board.note(f"call {n}", event)
    assert board.day.figures(3.0).n_calls == 1000
    assert not board._talks


def test_a_call_without_an_id_leaves_nothing_behind():
    board = Board()
    for event in (RINGS, ENDS):
        board.note("", event)
    assert not board._talks


def test_changes_that_nobody_takes_are_bounded():
    board = Board()
    board.watch(lambda: None)
    for n in range(MOST_CHANGES + 10):
        board.note(f"call {n}", RINGS)
    assert len(board.take_changed()) == MOST_CHANGES
