"""What was heard of the model's speech."""

import pytest

from voiced.agent.realtime.spoken import Spoken

TEXT = "Your table is booked for seven."


@pytest.fixture
def spoken():
    return Spoken()


def queue(spoken, item_id, seconds, position_s, text=""):
    spoken.queued(item_id, 0, round(seconds * 8000), position_s, 100.0 + position_s)
    if text:
        spoken.all_words(item_id, text)


def test_an_item_is_told_of_once_words_and_audio_are_there(spoken):
    spoken.all_words("a", TEXT)
    assert spoken.begun("a") is None
    queue(spoken, "a", 1.0, 5.0)
    assert spoken.begun("a") == (TEXT, 105.0)
    assert spoken.begun("a") is None


def test_an_item_that_was_played_was_heard_whole(spoken):
    queue(spoken, "a", 2.0, 5.0, TEXT)
    outcome = spoken.played("a")
    assert (outcome.heard, outcome.heard_text, outcome.heard_ms) == ("all", TEXT, 2000)
    assert spoken.played("a") is None
    assert not spoken.is_open


@pytest.mark.parametrize(
    ("played_s", "heard", "text", "ms"),
    [
        (4.0, "none", "", 0),
        (5.0, "none", "", 0),
        (5.3, "none", "", 300),
        (6.0, "part", "Your table is", 1000),
        (6.99, "part", "Your table is booked for", 1990),
        (7.0, "all", TEXT, 2000),
        (9.0, "all", TEXT, 2000),
    ],
)
def test_of_an_item_that_was_cut_so_much_was_heard(spoken, played_s, heard, text, ms):
    queue(spoken, "a", 2.0, 5.0, TEXT)
    (outcome,) = spoken.cut(played_s, {})
    assert (outcome.heard, outcome.heard_text, outcome.heard_ms) == (heard, text, ms)


def test_words_come_before_or_after_their_audio(spoken):
    spoken.words("a", "Your table")
    queue(spoken, "a", 1.0, 0.0)
    spoken.words("a", " is booked")
    queue(spoken, "a", 1.0, 1.0)
    (outcome,) = spoken.cut(1.0, {})
    assert outcome.text == "Your table is booked"
    assert outcome.heard_text == "Your"
    assert outcome.is_new


def test_items_lie_one_behind_the_other(spoken):
    queue(spoken, "a", 1.0, 0.0, "One.")
    queue(spoken, "b", 1.0, 1.0, "Two.")
    assert [outcome.heard for outcome in spoken.cut(1.5, {})] == ["all", "none"]


def test_what_nobody_tells_of_stays_unknown(spoken):
    queue(spoken, "a", 1.0, 0.0, "One.")
    assert [(outcome.heard, outcome.heard_text) for outcome in spoken.lost()] == [("unknown", "")]


def test_words_are_shared_out_over_all_audio_of_an_item_not_only_what_was_queued(spoken):
    queue(spoken, "a", 2.0, 5.0, TEXT)
    (outcome,) = spoken.cut(6.0, {"a": 16_000})
    assert (outcome.heard, outcome.heard_text, outcome.heard_ms) == ("part", "Your", 1000)
