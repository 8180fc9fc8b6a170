"""The digit collector: keys and times in, whole numbers out."""

import pytest

from voiced.turns.digits import DigitCollector
from voiced.turns.expect import ExpectDigits


def press_all(collector, keys, *, step_s=0.5):
    """Press keys, one each half second; return what each of them completed."""
    return [collector.press(key, i * step_s) for i, key in enumerate(keys)]


@pytest.mark.parametrize(
    ("rules", "keys", "numbers"),
    [
        ({"max_length": 4}, "4711", [None, None, None, "4711"]),
        ({"max_length": 1}, "12", ["1", "2"]),
        ({}, "42#", [None, None, "42"]),
        ({"terminator": "*"}, "4#*", [None, None, "4#"]),
        ({"terminator": ""}, "4#", [None, None]),
        ({}, "#", ["#"]),
        ({"max_length": 2}, "12#", [None, "12", "#"]),
        ({"max_length": 2}, "1234", [None, "12", None, "34"]),
    ],
)
def test_a_number_is_complete_with_its_length_or_its_terminator(rules, keys, numbers):
    assert press_all(DigitCollector(ExpectDigits(**rules)), keys) == numbers


def test_a_number_is_due_when_no_further_key_comes():
    collector = DigitCollector(ExpectDigits(inter_digit_timeout_s=2.0))
    assert collector.due_at == float("inf")
    collector.press("4", 10.0)
    collector.press("2", 11.0)
    assert (collector.is_collecting, collector.due_at) == (True, 13.0)
    assert collector.take() == "42"
    assert (collector.is_collecting, collector.due_at) == (False, float("inf"))
    assert collector.take() == ""


def test_what_was_keyed_ahead_of_a_question_counts():
    collector = DigitCollector(ExpectDigits())
    collector.press("4", 0.0)
    collector.expect(ExpectDigits(max_length=2))
    assert collector.press("2", 1.0) == "42"


def test_a_terminator_out_of_habit_after_a_full_number_is_known_as_such():
    collector = DigitCollector(ExpectDigits(max_length=2, inter_digit_timeout_s=2.0))
    press_all(collector, "12")
    assert collector.is_habit("#", 2.0)
    assert not collector.is_habit("1", 2.0)
    assert not collector.is_habit("#", 3.0)
