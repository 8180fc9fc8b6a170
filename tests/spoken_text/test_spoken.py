"""Text for the ear, by examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.spoken_text import Speaker, for_the_ear
from voiced.spoken_text.numbers import cardinal, decimal, ordinal, year


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (1001, "one thousand one"),
        (21_340, "twenty-one thousand three hundred forty"),
        (2_000_005, "two million five"),
        (10**12, "one trillion"),
    ],
)
def test_cardinals(n, words):
    assert cardinal(n) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1, "first"),
        (2, "second"),
        (12, "twelfth"),
        (20, "twentieth"),
        (23, "twenty-third"),
        (30, "thirtieth"),
        (100, "one hundredth"),
        (108, "one hundred eighth"),
    ],
)
def test_ordinals(n, words):
    assert ordinal(n) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1984, "nineteen eighty-four"),
        (1905, "nineteen oh five"),
        (1900, "nineteen hundred"),
        (2000, "two thousand"),
        (2007, "two thousand seven"),
        (2026, "twenty twenty-six"),
        (1066, "ten sixty-six"),
    ],
)
def test_years(n, words):
    assert year(n) == words


def test_a_number_too_large_for_words_is_read_digit_by_digit():
    assert decimal("1" + "0" * 15).startswith("one zero zero")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        # numbers
        ("We have 3 rooms.", "We have three rooms."),
        ("1,250 and 2.5", "one thousand two hundred fifty and two point five"),
        ("It is -4 today", "It is minus four today"),
        ("the 1st and 22nd", "the first and twenty-second"),
        ("code 0042", "code zero zero four two"),
        ("order 123456789", "order one two three four five six seven eight nine"),
        ("open 9-5", "open nine to five"),
        ("3–4 days", "three to four days"),
        ("about 15% off", "about fifteen percent off"),
        ("5km, 20 mph", "five kilometers, twenty miles per hour"),
        ("24/7", "twenty-four seven"),
        ("in 1999.", "in nineteen ninety-nine."),
        ("COVID19 and B2B stay", "COVID19 and B2B stay"),
        ("version 1.2.3", "version 1.2.3"),
        # money
        ("$12.50", "twelve dollars and fifty cents"),
        ("$1", "one dollar"),
        ("$0.99", "ninety-nine cents"),
        ("$1.01", "one dollar and one cent"),
        ("£3.20 or €5", "three pounds and twenty pence or five euros"),
        ("$1,200.00", "one thousand two hundred dollars"),
        ("$3.2 million", "three point two million dollars"),
        # dates and times
        ("2026-11-22", "November twenty-second, twenty twenty-six"),
        ("3/4/2025", "March fourth, twenty twenty-five"),
        ("Nov. 5", "November fifth"),
        ("on December 31st, 2026.", "on December thirty-first, twenty twenty-six."),
        ("May 3 works", "May third works"),
        ("at 7:30 pm", "at seven thirty p.m."),
        ("at 7 PM", "at seven p.m."),
        ("from 9:00 to 17:05", "from nine o'clock to seventeen oh five"),
        # telephone numbers
        ("Call +13125550199.", "Call plus one, three one two, five five five, zero one nine nine."),
        ("(312) 555-0199", "three one two, five five five, zero one nine nine"),
        ("1-800-555-0100", "one, eight zero zero, five five five, zero one zero zero"),
        ("4 7 1 1", "four seven one one"),
        # abbreviations
        ("Dr. Lee and Mrs. Poe", "Doctor Lee and Missus Poe"),
        ("12 Main St. or St. Mary", "twelve Main Street or Saint Mary"),
        ("No. 5, Apt. 12", "number five, Apartment twelve"),
        ("e.g. Smith & Sons", "for example Smith and Sons"),
        # marks
        ("**Yes**, *really* `now`.", "Yes, really now."),
        ("# Hours\n- Monday\n- Friday", "Hours\nMonday\nFriday"),
        ("1. First\n2. Second", "First\nSecond"),
        ("See [our page](https://example.com/a?b=1).", "See our page."),
        ("https://www.example.com/path", "example dot com"),
        ("ann.lee@example.com", "ann dot lee at example dot com"),
        ("```\ncode\n```Done.", "Done."),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ", a, b, , one, two,"),
        ("2 * 3 * 4", "two * three * four"),
    ],
)  # fmt: skip
def test_written_is_said(written, said):
    assert for_the_ear(written) == said


def test_words_are_pronounced_as_the_list_says():
    speaker = Speaker({"Nguyen": "win", "SQL": "sequel", "SQL Server": "sequel server"})
    assert (
        speaker("Ms. nguyen uses SQL Server, not MySQL.")
        == "Miz win uses sequel server, not MySQL."
    )


@given(st.text(max_size=80))
def test_any_text_can_be_said(text):
    assert isinstance(for_the_ear(text), str)


@given(st.text(alphabet="abc xyz,.", max_size=60))
def test_plain_words_stay_as_they_are(text):
    assert for_the_ear(text) == " ".join(text.split(" ")).strip() or "  " in text
