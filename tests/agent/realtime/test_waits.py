"""What a realtime conversation waits for."""

from dataclasses import replace

import pytest

from voiced.agent.realtime.waits import AGAIN_S, Due, Limits, Waits

LIMITS = Limits(answer_s=5.0, budget_s=12.0, silence_s=10.0, max_prompts=2, warn_at=float("inf"))


@pytest.fixture
def waits():
    return Waits(LIMITS, 0.0)


def due(waits, now, *, is_quiet=True, unplayed_s=0.0):
    return waits.due(now, is_quiet=is_quiet, unplayed_s=unplayed_s)


def test_an_answer_is_owed_from_the_end_of_a_turn(waits):
    waits.caller_stopped(1.0)
    assert waits.is_owed
    assert waits.wake_at() == 6.0
    assert due(waits, 5.9) is None
    assert due(waits, 6.0) is Due.ANSWER


def test_each_sign_of_an_answer_lets_the_next_one_be_waited_for_until_it_is_over(waits):
    waits.caller_stopped(0.0)
    waits.moves(2.0, sounds=False)
    waits.moves(3.0, sounds=True)
    assert waits.wake_at() == 8.0
    assert due(waits, 8.0) is Due.ANSWER  # it has stalled
    waits.over(8.0, 1.5)
    assert not waits.is_owed
    assert waits.wake_at() == 19.5


def test_the_budget_counts_from_the_turn_in_however_many_sessions(waits):
    waits.caller_stopped(0.0)
    waits.lost(5.0, owed=True)
    waits.asked(6.0)
    waits.lost(11.0, owed=True)
    assert waits.budget_at == 12.0
    assert due(waits, 12.0) is Due.BUDGET
    waits.moves(12.0, sounds=True)
    assert waits.budget_at == float("inf")


def test_what_the_next_session_hears_again_is_not_owed(waits):
    waits.caller_stopped(0.0)
    waits.lost(5.0, owed=False)
    assert not waits.is_owed
    assert waits.budget_at == float("inf")


def test_a_sign_of_life_where_nothing_is_owed_owes_nothing(waits):
    waits.moves(1.0, sounds=False)
    assert not waits.is_owed


def test_a_silent_caller_is_prompted_so_often_and_then_let_go(waits):
    assert [due(waits, at) for at in (9.0, 10.0, 20.0, 30.0)] == [
        *(None, Due.PROMPT, Due.PROMPT, Due.GOODBYE),
    ]


def test_whoever_speaks_or_presses_keys_is_prompted_anew(waits):
    assert due(waits, 10.0) is Due.PROMPT
    waits.caller_acts(12.0)
    assert [due(waits, at) for at in (21.0, 22.0, 32.0, 42.0)] == [
        *(None, Due.PROMPT, Due.PROMPT, Due.GOODBYE),
    ]


def test_nobody_is_prompted_while_something_is_played_or_done(waits):
    assert due(waits, 10.0, is_quiet=False, unplayed_s=3.0) is None
    assert waits.wake_at() == 23.0
    assert due(waits, 23.0) is Due.PROMPT


def test_a_warning_comes_once_and_when_it_is_nobodys_go():
    waits = Waits(replace(LIMITS, warn_at=4.0), 0.0)
    assert due(waits, 4.0, is_quiet=False) is None
    assert waits.wake_at() == 4.0 + AGAIN_S
    assert due(waits, 4.5) is Due.WARNING
    assert waits.wake_at() == 14.5
