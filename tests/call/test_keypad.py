"""Keys that are told of twice, once, late or in any order: each reaches the dialogue once."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from voiced.call.keypad import SAME_WITHIN, Keypad

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def taken(*told):
    keypad = Keypad()
    return "".join(digit for digit, source, when in told if keypad.is_new(digit, source, when))


def told_by(source, digits, *, every_s=0.3, off_s=0.0):
    return [(digit, source, at(n * every_s + off_s)) for n, digit in enumerate(digits)]


@pytest.mark.parametrize("first", ["socket", "webhook"])
def test_a_key_that_both_tell_of_is_one(first):
    second = "webhook" if first == "socket" else "socket"
    assert taken(("5", first, at(0)), ("5", second, at(0.1))) == "5"


@pytest.mark.parametrize("source", ["socket", "webhook"])
def test_a_key_that_one_tells_of_is_one(source):
    assert taken(*told_by(source, "4711")) == "4711"


@pytest.mark.parametrize("source", ["socket", "webhook"])
def test_the_same_key_twice_from_one_source_is_two(source):
    assert taken(*told_by(source, "55")) == "55"


def test_a_double_key_that_both_tell_of_is_two_in_any_order():
    told = [*told_by("socket", "55"), *told_by("webhook", "55", off_s=0.05)]
    for order in permutations(told):
        assert taken(*order) == "55"


def test_all_of_one_source_may_come_before_all_of_the_other():
    socket, webhook = told_by("socket", "1980#"), told_by("webhook", "1980#", off_s=0.2)
    assert taken(*socket, *webhook) == taken(*webhook, *socket) == "1980#"


def test_what_one_source_has_lost_the_other_supplies():
    socket, webhook = told_by("socket", "4711"), told_by("webhook", "4711")
    del socket[1], webhook[2]
    assert sorted(taken(*socket, *webhook)) == sorted("4711")


def test_other_keys_and_other_times_are_other_keys():
    assert taken(("5", "socket", at(0)), ("6", "webhook", at(0))) == "56"
    much_later = at(SAME_WITHIN.total_seconds() + 0.1)
    assert taken(("5", "socket", at(0)), ("5", "webhook", much_later)) == "55"


def test_a_key_without_a_time_is_paired_with_none():
    assert taken(("5", "socket", None), ("5", "webhook", at(0))) == "55"


def test_what_is_remembered_is_bounded():
    keypad = Keypad()
    for n in range(10_000):
        assert keypad.is_new(str(n % 10), "socket", at(n))
    assert not keypad.is_new("9", "webhook", at(9999))
    assert keypad.is_new("0", "webhook", at(0))  # long forgotten
