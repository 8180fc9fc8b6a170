"""What is shown of a call."""

import pytest

from tests.dashboard.synthetic import NOON, SyntheticCall
from voiced.dashboard.board import Board
from voiced.dashboard.view import call_view, end_tone, state_words
from voiced.leg.leg import EndReason, LegState


@pytest.fixture
def call():
    call = SyntheticCall(ref="0" * 16, id="v3:1", board=Board(), started_at=NOON)
    call.ring(100.0)
    call.answer(101.0)
    return call


def last_turn(call):
    return call_view(call.snapshot()).turns[-1]


def test_of_what_was_cut_the_unheard_words_are_told_apart(call):
    call.reply("one two three four", 102.0)
    call.heard("one two three four", 103.0, share=0.5)
    turn = last_turn(call)
    assert (turn.heard, turn.heard_text, turn.unheard_text) == ("part", "one two", "three four")


def test_what_was_never_heard_is_all_unheard(call):
    call.reply("one two", 102.0)
    call.heard("one two", 102.1, share=0.0)
    turn = last_turn(call)
    assert (turn.heard_text, turn.unheard_text, turn.unknown_text) == ("", "one two", "")


def test_as_long_as_nobody_knows_it_is_neither(call):
    call.reply("one two", 102.0)
    turn = last_turn(call)
    assert (turn.heard_text, turn.unheard_text, turn.unknown_text) == ("", "", "one two")


def test_the_parts_of_a_wait_lie_end_to_end_on_a_scale_of_the_longest(call):
    call.reply("slow", 102.0, parts=(0.5, 0.0, 1.0, 0.4, 0.05, 0.05))
    call.reply("fast", 105.0, parts=(0.5, 0.0, 0.0, 0.0, 0.0, 0.0))
    slow, fast = call_view(call.snapshot()).turns
    assert [bar.x for bar in slow.bars] == [0, 25, 25, 75, 95, 97.5]
    assert slow.bars[-1].x + slow.bars[-1].width == pytest.approx(100)
    assert fast.bars[0].width == 25
    assert slow.is_long_wait
    assert not fast.is_long_wait
    assert slow.wait_words.startswith("answered after 2.00 s: endpointing 0.50 s, model 1.00 s")


def test_only_the_last_turns_keep_their_numbers(call):
    for n in range(5):
        call.ask(f"question {n}", 110.0 + n, began=109.5 + n)
    view = call_view(call.snapshot(), last_turns=2)
    assert [turn.number for turn in view.turns] == [4, 5]


def test_a_strip_tells_who_spoke_and_an_open_end_goes_over_the_edge(call):
    call.ask("hello", 103.0, began=102.0)
    call.reply("Hello.", 103.5)
    view = call_view(call.snapshot(), began=100.0, talk=call.board.talk("v3:1"), now=104.0)
    caller, agent = view.strip
    assert (caller.side, caller.x, caller.width) == ("caller", 2.0, 1.0)
    assert (agent.side, agent.x) == ("agent", 3.5)
    assert agent.width > 3600
    assert view.speakers == ("agent",)


def test_what_was_not_to_be_recorded_shows_no_word():
    document = {"turns": [{"who": "caller", "at_s": 1.0, "text": "", "withheld": True}]}
    (turn,) = call_view(document).turns
    assert turn.withheld
    assert not turn.heard_text


def test_an_order_that_waits_is_shown_too():
    view = call_view({"id": "f" * 16, "from": "+1", "to": "+2", "state": "waiting", "end": None})
    assert (view.ref, view.state, view.is_live) == ("f" * 16, "waits to be placed", True)


@pytest.mark.parametrize("state", LegState)
def test_every_state_of_a_leg_has_words(state):
    words, _ = state_words({"state": "live", "leg": state.value})
    assert words != "live"


@pytest.mark.parametrize("reason", EndReason)
def test_a_failure_of_ours_is_told_as_one(reason):
    assert (end_tone(reason.value) == "bad") >= reason.is_failure
