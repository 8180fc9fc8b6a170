"""Which of the words that an agent expects are told, and how many of them."""

import pytest

from voiced.recognizer.hints import Room, hints, is_telling, telling_words


@pytest.mark.parametrize(
    ("term", "told"),
    [
        ("calzone", True),
        ("Luigi's", True),
        ("two calzone please", True),
        ("Müller", True),
        ("Yes please.", False),
        ("I’d like that", False),
        ("10:30", False),
        ("", False),
    ],
)
def test_what_is_common_is_not_told(term, told):
    assert is_telling(term) is told


def test_terms_of_the_configuration_go_first_and_are_told_whatever_they_are():
    assert hints(("yes", " our  Luigi's"), ("no", "CALZONE", "calzone", "our Luigi's"), Room()) == (
        *("yes", "our Luigi's", "CALZONE"),
    )


@pytest.mark.parametrize(
    ("room", "told"),
    [
        (Room(n_terms=2), ("margherita", "calzone")),
        (Room(term_chars=8), ("calzone", "marinara", "bufala")),
        (Room(chars=18), ("margherita", "calzone")),
        (Room(forbidden="zr"), ("bufala",)),
    ],
)
def test_what_has_no_room_is_left_out(room, told):
    assert hints((), ("margherita", "calzone", "marinara", "bufala"), room) == told


@pytest.mark.parametrize(
    ("terms", "room", "fault"),
    [
        (("a", "b", "c"), Room(n_terms=2), "has 3 terms; the provider takes 2"),
        (("abcd",), Room(term_chars=3), "'abcd' has 4 characters; the provider takes 3"),
        (("ab", "cd"), Room(chars=3), "has 4 characters; the provider takes some 3"),
        (("a,b",), Room(forbidden=","), "'a,b' has a ',', which the provider does not take"),
        ((" ",), Room(), "' ' is no word or phrase of one line"),
        (("a\nb",), Room(), "is no word or phrase of one line"),
    ],
)
def test_terms_that_a_provider_would_refuse_are_refused_before(terms, room, fault):
    with pytest.raises(ValueError, match=fault):
        room.checked(terms)
    assert Room().checked(("calzone",)) == ("calzone",)


def test_who_takes_no_phrases_is_told_their_words():
    told = telling_words(("two Calzone please", "calzone quattro stagioni"))
    assert told == ("Calzone", "quattro", "stagioni")
