"""What a new session is told of what was before."""

import json

import pytest

from voiced.agent.memory import AgentSpoke, CallerSpoke, Happened, UsedTools
from voiced.agent.messages import ToolCall, ToolResult
from voiced.agent.realtime.telling import items_of


def told(entry):
    """Return what the API would have in its conversation, one text each."""
    items = [json.loads(text)["item"] for text in items_of(entry)]
    return [
        (item["role"], item["content"][0]["text"]) if item["type"] == "message" else tuple(item)
        for item in items
    ]


@pytest.mark.parametrize(
    ("entry", "items"),
    [
        (CallerSpoke(text="Hello."), [("user", "Hello.")]),
        (CallerSpoke(text="It is", digits="42"), [("user", "It is (keys: 42)")]),
        (CallerSpoke(text=""), []),
        (AgentSpoke(heard="We are", unheard="open."), [("assistant", "We are")]),
        (AgentSpoke(heard="", unheard="Never heard."), []),
        (
            AgentSpoke(heard="We", doubtful="are open."),
            [
                ("assistant", "We"),
                ("user", "(It is not known whether the caller heard: are open.)"),
            ],
        ),
        (Happened(text="The transfer has failed."), [("user", "(The transfer has failed.)")]),
    ],
)
def test_words_are_told_as_far_as_they_were_heard(entry, items):
    assert told(entry) == items


def test_tools_are_told_with_what_came_of_them_and_those_without_are_left_out():
    calls = tuple(ToolCall(id=name, name="look_up", arguments="{}") for name in ("a", "b"))
    entry = UsedTools(
        said=AgentSpoke(heard="Let me see."),
        calls=calls,
        results=(ToolResult(call_id="a", content="found"),),
    )
    assert told(entry) == [
        ("assistant", "Let me see."),
        ("type", "call_id", "name", "arguments"),
        ("type", "call_id", "output"),
    ]
