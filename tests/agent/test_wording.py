import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.wording import MAX_WORDS, canonical, spell_number, spoken_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("Yes, PLEASE!", "yes please"),
        ("I\u2019d like caf\u00e9", "i'd like cafe"),
        ("at 10:30", "at ten thirty"),
        ("at 9:05 or 10:00", "at nine oh five or ten"),
        ("half past 9", "half past nine"),
        ("42 apples", "forty two apples"),
        ("room 207", "room two zero seven"),
        ("007", "zero zero seven"),
        ("5pm", "five pm"),
        ("'quoted' it's", "quoted it's"),
    ],
)
def test_text_becomes_lower_case_words_with_numbers_spelled(text, words):
    assert " ".join(spoken_words(text)) == words


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("i'd like", "i would like"),
        ("i'm here", "i am here"),
        ("don't can't won't cannot", "do not can not will not can not"),
        ("that's what's it's", "that is what is it is"),
        ("yeah ok", "yes okay"),
        ("doctor's o'clock", "doctor's o'clock"),
    ],
)
def test_contractions_are_written_out(short, long):
    assert canonical(short.split()) == tuple(long.split())


def test_numbers_below_a_hundred_are_spelled_and_larger_ones_read_by_digit():
    assert [spell_number(n) for n in (0, 19, 20, 99, 555)] == [
        "zero", "nineteen", "twenty", "ninety nine", "five five five",
    ]  # fmt: skip


def test_only_the_last_words_of_a_long_speech_count():
    words = spoken_words("never " * 100 + "yes")
    assert len(words) == MAX_WORDS
    assert words[-1] == "yes"


@given(st.text())
def test_any_text_gives_words_of_letters_and_apostrophes(text):
    assert all(re.fullmatch(r"[a-z]+('[a-z]+)*", word) for word in canonical(spoken_words(text)))
