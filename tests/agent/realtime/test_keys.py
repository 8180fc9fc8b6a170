"""Keys of a realtime conversation."""

import pytest

from voiced.agent.realtime.keys import Keys


@pytest.fixture
def keys():
    return Keys()


def test_keys_are_one_number_until_their_end(keys):
    assert keys.press("4", 1.0)
    assert keys.press("2", 1.5)
    assert keys.take(1.5) == ""
    keys.press("#", 2.0)
    assert keys.take(2.0) == "42"
    assert keys.take(9.0) == ""


def test_a_number_is_whole_when_no_further_key_comes(keys):
    keys.press("7", 1.0)
    keys.take_interruption()
    assert keys.due_at == 4.0
    assert keys.take(3.9) == ""
    assert keys.take(4.0) == "7"


def test_each_key_interrupts_and_is_looked_at_at_once(keys):
    assert keys.due_at == float("inf")
    keys.press("7", 1.0)
    assert keys.due_at == float("-inf")
    assert keys.take_interruption()
    assert not keys.take_interruption()
