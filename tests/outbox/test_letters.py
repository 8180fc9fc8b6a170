"""What is written down of a letter, and when it is tried again."""

import pytest

from voiced.outbox.letters import LONGEST_WAIT_S, Letter, item_of, read_letter, shown, wait_s

LETTER = Letter(
    key="ended_a",
    kind="order.outcome",
    url="https://crm.example/hook/secret?key=secret",
    content={"id": "a"},
    at=5.0,
    attempts=2,
    failure="answered with 500",
)


def test_a_letter_comes_back_as_it_was_written_down():
    assert read_letter("ended_a", item_of(LETTER)) == LETTER


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "gossip"},
        {"directory": "../x"},
        {"directory": ".."},
        {"content": []},
        {"at": "now"},
        {"at": True},
        {"attempts": 1.5},
        {"is_dead": 1},
        {"url": None},
    ],
)
def test_a_line_that_is_no_letter_is_none(change):
    assert read_letter("a", item_of(LETTER) | change) is None


def test_waits_double_up_to_a_limit_and_differ():
    assert [wait_s(n, 1.0) for n in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert [wait_s(n, 0.0) for n in (1, 2, 3, 4)] == [0.5, 1, 2, 4]
    assert wait_s(1000, 1.0) == LONGEST_WAIT_S


def test_an_operator_is_shown_no_more_of_an_address_than_its_host():
    assert "secret" not in str(shown(LETTER))
    assert "secret" not in repr(LETTER)
    assert shown(LETTER)["host"] == "crm.example"
