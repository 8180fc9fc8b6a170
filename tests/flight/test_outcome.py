"""Outcomes: what is compared, and how a difference is shown."""

import pytest

from voiced.flight.entries import Entry
from voiced.flight.outcome import Line, Outcome, compare, find_outcome, read_outcome, time_code

RECORD = {
    "duration_s": 65.4321,
    "end": {"reason": "agent_hung_up", "evidence": "..."},
    "hangup_confirmed": True,
    "barge_ins": [{"at_s": 3.5, "false_alarm": False}],
    "turns": [
        {"who": "agent", "at_s": 1.0, "text": "Hello.", "heard": "part", "heard_text": "Hel"},
        {"who": "caller", "at_s": 4.0, "text": "yes"},
    ],
}
ENTRIES = [
    Entry(at_s=0.1, kind="request", data={"action": "answer", "body": '{"command_id":"1","x":1}'}),
    Entry(at_s=1.1, kind="tx", data={"m": '{"event":"media","media":{"payload":""}}'}),
    Entry(at_s=1.2, kind="tx", data={"m": '{"event":"mark","mark":{"name":"e0:1"}}'}),
    Entry(at_s=3.5, kind="tx", data={"m": '{"event":"clear"}'}),
    Entry(at_s=3.6, kind="rx", data={"m": "{}"}),
]


def texts(lines):
    return [line.text for line in lines]


def test_an_outcome_is_what_was_said_heard_asked_and_sent():
    outcome = find_outcome(ENTRIES, RECORD)
    assert texts(outcome.conversation) == [
        'agent: "Hello.", heard "Hel"',
        "barge-in",
        'caller: "yes"',
    ]
    assert texts(outcome.commands) == ["answer x=1"]
    assert texts(outcome.media) == ["mark e0:1", "clear"]
    assert texts(outcome.end) == ["agent_hung_up"]


def test_an_outcome_can_be_kept_and_read_again():
    outcome = find_outcome(ENTRIES, RECORD)
    assert compare(read_outcome(outcome.document()), outcome) == []


@pytest.mark.parametrize("document", [{}, {"conversation": 1}, {"conversation": [[1]]}])
def test_what_is_no_outcome_is_a_value_error(document):
    with pytest.raises(ValueError, match=r"outcome|unpack"):
        read_outcome(document)


def outcome_of(*conversation):
    lines = tuple(Line(at_s=float(at), text=text) for at, text in enumerate(conversation))
    return Outcome(conversation=lines, commands=(), media=(), end=())


def test_times_do_not_count():
    later = Outcome(conversation=(Line(at_s=9.0, text="a"),), commands=(), media=(), end=())
    assert compare(outcome_of("a"), later) == []


def test_a_difference_is_shown_with_its_surroundings_and_times():
    before = outcome_of("a", "b", "c", "d", "e", "f")
    after = outcome_of("a", "b", "c", "x", "e", "f")
    assert compare(before, after) == [
        "conversation:",
        "  0:01.000  b",
        "  0:02.000  c",
        "- 0:03.000  d",
        "+ 0:03.000  x",
        "  0:04.000  e",
        "  0:05.000  f",
    ]


def test_distant_differences_are_shown_apart():
    before = outcome_of(*"abcdefghij")
    after = outcome_of(*"Xbcdefghi")
    assert "  ..." in compare(before, after)


def test_a_time_code_has_minutes():
    assert time_code(62.3456) == "1:02.346"
    assert time_code(59.9999) == "1:00.000"
