"""What the console prints of its call."""

import pytest

from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallEnded,
    CallerSaid,
    TransferBegan,
    TransferEnded,
)
from voiced.record.latency import Latency
from voiced.testing.console.telling import ConsoleTeller

LATENCY = Latency(
    endpointing_s=0.3,
    recognizer_s=0.0,
    model_s=0.4,
    synthesizer_s=0.1,
    pacing_s=0.001,
    lead_in_s=0.05,
)


def told(*events, tells_caller=False):
    lines: list[str] = []
    teller = ConsoleTeller(lines.append, tells_caller=tells_caller)
    for event in events:
        teller.note("v3:1", event)
    return lines, teller


def says(text="Hello.", latency=LATENCY):
    latency_s = None if latency is None else latency.total_s
    return AgentSpeaking(text=text, at=1.0, latency_s=latency_s, latency=latency)


def test_an_answer_tells_its_first_word_and_its_first_sound():
    lines, _ = told(says())
    assert lines == [
        "agent   Hello.  [first word after 0.70 s, first sound after 0.85 s: endpointing 0.30, "
        "model 0.40, synthesizer 0.10, lead-in 0.05]"
    ]


def test_a_greeting_was_waited_for_by_nobody():
    assert told(says(latency=None))[0] == ["agent   Hello."]


@pytest.mark.parametrize(
    ("heard", "heard_text", "line"),
    [
        ("all", "one two", None),
        ("part", "one", '        (you heard of it: "one")'),
        ("none", "", '        (you did not hear: "one two")'),
    ],
)
def test_what_was_not_heard_is_told(heard, heard_text, line):
    event = AgentHeard(text="one two", heard=heard, heard_text=heard_text, at=2.0)
    assert told(event)[0] == ([line] if line else [])


def test_what_was_typed_is_told_only_where_nobody_has_seen_it():
    said = CallerSaid(text="hello", confidence=1.0, at=1.0)
    assert told(said)[0] == []
    assert told(said, tells_caller=True)[0] == ["you     hello"]


def test_whether_the_agent_speaks_is_known():
    _, teller = told(says())
    assert teller.agent_speaks
    teller.note("v3:1", BargeIn(at=2.0))
    assert not teller.agent_speaks


def test_transfers_and_the_end_are_told():
    lines, teller = told(
        says(),
        TransferBegan(to="+13125550177", at=3.0),
        TransferEnded(outcome="busy", at=4.0),
        CallEnded(reason="agent_hung_up", evidence="", at=5.0),
    )
    assert lines[1:] == ["        (transferring to +13125550177)", "        (transfer: busy)"]
    assert teller.summary() == (
        "ended: the agent hung up · 1 answer after 0.85 s (median), 0.85 s (longest)"
    )
