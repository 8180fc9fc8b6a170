"""How far a sentence had come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.record.word_times import Word
from voiced.synthesizer.pace import Pace

TEXT = "Your table is booked for seven this evening, and we look forward to seeing you."


def test_one_word_is_taken_back_rather_than_left_out():
    pace = Pace()
    rest = pace.rest(TEXT, 2.0)  # 28 letters at 14 a second: "Your table is booked for"
    assert rest == "for seven this evening, and we look forward to seeing you."


@pytest.mark.parametrize("audio_s", [0.0, 0.01])
def test_of_what_has_hardly_begun_all_is_said(audio_s):
    assert Pace().rest(TEXT, audio_s) == TEXT


def test_of_what_was_given_whole_the_last_word_is_said_again():
    assert Pace().rest(TEXT, 60.0) == "you."


def told(*ends):
    return [Word(word, end_s) for word, end_s in zip(TEXT.split(), ends, strict=False)]


def test_where_words_are_told_the_first_one_that_was_not_given_to_its_end_is_next():
    words = told(0.5, 1.0, 1.5, 2.0)
    assert Pace().rest(TEXT, 1.2, words).startswith("is booked for")
    assert Pace().rest(TEXT, 1.6, words).startswith("booked for")


def test_behind_the_last_word_told_one_is_taken_back_again():
    words = told(0.5, 1.0)
    assert Pace().rest(TEXT, 1.0, words).startswith("is booked for")
    assert Pace().rest(TEXT, 2.0, words).startswith("for seven")


def test_of_what_the_words_say_was_given_whole_nothing_is_said_again():
    words = told(*(n / 2 for n in range(1, len(TEXT.split()) + 1)))
    assert Pace().rest(TEXT, 60.0, words) == ""


def test_the_pace_is_learned_from_whole_sentences():
    pace = Pace()
    for _ in range(20):
        pace.spoke(TEXT, len(TEXT) / 7.0)
    assert pace.letters_per_s == pytest.approx(7.0, rel=0.01)
    assert pace.rest(TEXT, 4.0) == "for seven this evening, and we look forward to seeing you."


def test_short_texts_teach_nothing():
    pace = Pace()
    before = pace.letters_per_s
    pace.spoke("Yes.", 3.0)
    pace.spoke(TEXT, 0.0)
    assert pace.letters_per_s == before


@given(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1), st.floats(0, 100))
def test_a_rest_is_always_the_end_of_the_text(words, audio_s):
    text = " ".join(words)
    rest = Pace().rest(text, audio_s)
    assert rest
    assert text.endswith(rest)
