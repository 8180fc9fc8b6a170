"""The words that a synthesizer tells, brought onto the text that was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.record.word_times import Word, word_ends


def told(*words):
    """Each word ends a second after the one before it."""
    return [Word(word, float(n)) for n, word in enumerate(words, 1)]


def ends(text, *words, complete=True):
    return word_ends(text, told(*words), complete=complete)


def test_the_same_words_have_the_times_that_were_told():
    assert ends("We are open.", "We", "are", "open.") == [1, 2, 3]


def test_case_and_punctuation_make_no_difference():
    assert ends("Yes, we ARE open!", "yes", "we", "are", "open") == [1, 2, 3, 4]


def test_a_sign_that_is_not_spoken_ends_with_the_word_before_it():
    assert ends("Open - until six", "open", "until", "six") == [1, 1, 2, 3]
    assert ends("- Open", "open") == [0, 1]


def test_one_word_that_is_spoken_as_several_ends_with_the_last_of_them():
    assert ends("It costs $12.50 today.", "it", "costs", "twelve", "dollars", "fifty", "today") == [
        1,
        2,
        5,
        6,
    ]


def test_several_words_that_are_spoken_otherwise_are_divided_by_their_letters():
    assert ends("Call 555 0123 now.", "call", "five", "five", "six", "one", "now") == [1, 3, 5, 6]


def test_what_is_spoken_otherwise_has_no_time_before_a_later_word_proves_it():
    text = "It costs $12.50 today."
    assert ends(text, "it", "costs", "twelve", complete=False) == [1, 2]
    assert ends(text, "it", "costs", "twelve", "dollars", "today", complete=False) == [1, 2, 4, 5]


def test_words_not_told_yet_have_no_time():
    assert ends("one two three", "one", "two", complete=False) == [1, 2]
    assert ends("no no no please", "no", "no", complete=False) == [1, 2]
    assert ends("one two three", complete=False) == []


def test_words_that_were_never_told_have_no_time_either():
    assert ends("one two three", "one", "two") == [1, 2]


def test_times_never_fall():
    words = [Word("one", 2.0), Word("two", 1.0), Word("three", 3.0)]
    assert word_ends("one two three", words, complete=True) == [2, 2, 3]


@pytest.mark.parametrize("complete", [True, False])
@given(st.text(max_size=60), st.lists(st.text(max_size=8), max_size=12))
def test_whatever_is_told_each_word_has_at_most_one_time_and_none_is_later_than_the_last(
    complete, text, words
):
    result = word_ends(text, told(*words), complete=complete)
    assert len(result) <= len(text.split())
    assert result == sorted(result)
    assert all(0 <= end <= len(words) for end in result)
