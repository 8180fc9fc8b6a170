"""What the caller heard: from marks where they prove it, from the playing position elsewhere."""

import pytest

from voiced.record.heard import HeardLedger, unheard_text, words_within
from voiced.record.word_times import Word


def two_sentences():
    ledger = HeardLedger()
    ledger.begin("Good morning.", 0.0)
    ledger.finish(1.0, "e0:1")
    ledger.begin("We are open until six today.", 1.0)
    ledger.finish(3.0, "e0:2")
    return ledger


def test_a_returned_mark_proves_its_piece():
    ledger = two_sentences()
    (piece,) = ledger.played("e0:1")
    assert (piece.heard, piece.heard_text) == ("all", "Good morning.")
    assert ledger.heard_text == "Good morning."


def test_a_mark_that_comes_twice_or_is_unknown_proves_nothing_more():
    ledger = two_sentences()
    ledger.played("e0:1")
    assert ledger.played("e0:1") == []
    assert ledger.played("e7:1") == []
    assert ledger.played("") == []


def test_a_mark_proves_what_lies_before_it_too_although_its_mark_was_lost():
    ledger = two_sentences()
    assert [piece.text for piece in ledger.played("e0:2")] == [
        "Good morning.",
        "We are open until six today.",
    ]
    assert ledger.played("e0:1") == []  # late
    assert [piece.heard for piece in ledger.settled] == ["all", "all"]


def test_the_rest_of_a_piece_is_what_follows_the_words_heard():
    ledger = two_sentences()
    rests = [unheard_text(piece) for piece in ledger.cut(2.0)]
    assert rests == ["", "until six today."]


def test_a_cut_in_the_second_sentence_leaves_its_whole_words():
    ledger = two_sentences()
    ledger.played("e0:1")
    (piece,) = ledger.cut(2.0)
    assert piece.heard == "part"
    assert piece.heard_text == "We are open"
    assert ledger.heard_text == "Good morning. We are open"


def test_a_cut_before_anything_played_leaves_nothing():
    ledger = two_sentences()
    assert [piece.heard for piece in ledger.cut(0.0)] == ["none", "none"]
    assert ledger.heard_text == ""


def test_a_piece_that_played_to_its_end_is_heard_although_its_mark_is_late():
    ledger = two_sentences()
    assert [piece.heard for piece in ledger.cut(1.0)] == ["all", "none"]


def test_where_a_mark_is_overdue_the_reckoned_position_proves_nothing():
    def interrupted(at):
        ledger = HeardLedger()
        ledger.begin("Good morning.", 0.0)
        ledger.finish(1.0, "e0:1", plays_until=101.0)
        ledger.begin("We are open until six today.", 1.0)
        ledger.finish(3.0, "e0:2", plays_until=103.0)
        return [piece.heard for piece in ledger.cut(at - 100.0, now=at)]

    assert interrupted(101.4) == ["all", "part"]  # the mark may be on its way
    assert interrupted(102.0) == ["unknown", "unknown"]
    assert interrupted(100.9) == ["part", "none"]


def test_a_mark_proves_nothing_of_what_another_stream_has_played():
    ledger = HeardLedger()
    ledger.begin("One.", 0.0, epoch=0)
    ledger.finish(1.0, "e0:1")
    ledger.begin("Two.", 1.0, epoch=0)  # the stream is lost in the middle of it
    ledger.finish(2.0, "e1:2")
    ledger.begin("Three.", 2.0, epoch=1)
    ledger.finish(3.0, "e1:3")
    assert [piece.heard for piece in ledger.played("e1:3")] == ["unknown", "unknown", "all"]


def test_a_piece_that_is_still_being_synthesized_is_cut_by_an_estimate_of_its_length():
    ledger = HeardLedger()
    ledger.begin("one two three four five six", 0.0)
    (piece,) = ledger.cut(0.5)
    assert piece.heard == "part"
    assert piece.heard_text == "one"


def timed(text, *ends, end_s=None):
    """A piece of which the first words end at `ends`; `end_s` of a whole one."""
    ledger = HeardLedger()
    ledger.begin(text, 10.0)
    ledger.told([Word(word, end) for word, end in zip(text.split(), ends, strict=False)])
    if end_s is not None:
        ledger.finish(10.0 + end_s, "e0:1")
    return ledger


@pytest.mark.parametrize(
    ("at_s", "heard"),
    [(0.1, ""), (0.29, ""), (0.31, "We"), (1.9, "We"), (2.1, "We are"), (2.6, "We are open")],
)
def test_where_the_words_times_are_told_what_was_heard_is_exact(at_s, heard):
    # By letters, "We are" would have been heard after 1.6 s.
    (piece,) = timed("We are open today.", 0.3, 2.0, 2.5, 2.9, end_s=3.0).cut(10.0 + at_s)
    assert (piece.heard_text, piece.heard) == (heard, "part" if heard else "none")


def test_when_only_silence_is_left_of_a_piece_it_was_heard():
    (piece,) = timed("We are  open.", 0.3, 0.6, 1.0, end_s=1.5).cut(11.2)
    assert (piece.heard, piece.heard_text) == ("all", "We are  open.")


def test_the_words_of_a_piece_that_is_still_being_synthesized_are_as_exact():
    ledger = timed("one two three four five six", 0.2, 1.8)
    assert [piece.heard_text for piece in ledger.cut(10.0 + 1.7)] == ["one"]
    # Its end is unknown, and the estimate from the letters does not overrule the words.
    ledger = timed("one two three", 0.2, 4.0)
    assert [(piece.heard, piece.heard_text) for piece in ledger.cut(13.9)] == [("part", "one")]


def test_behind_the_last_word_told_the_letters_count():
    (piece,) = timed("one two three four", 0.5, 1.0, end_s=3.0).cut(10.0 + 2.2)
    assert piece.heard_text == "one two three"
    (piece,) = timed("one two three four", 0.5, 1.0).cut(10.0 + 1.3)
    assert piece.heard_text == "one two"


def test_what_no_mark_settles_stays_unknown_when_the_call_ends():
    ledger = two_sentences()
    ledger.played("e0:1")
    assert [piece.heard for piece in ledger.lost()] == ["unknown"]
    assert ledger.lost() == []


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, ""),
        (0.19, ""),
        (0.2, "a"),
        (0.4, "a b"),
        (0.69, "a b"),
        (0.7, "a b cc"),
        (1.0, "a b cc dd"),
    ],
)
def test_only_whole_words_count(share, text):
    assert words_within("a b cc dd", share) == text
