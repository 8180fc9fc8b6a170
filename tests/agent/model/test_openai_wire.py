"""Chat completions on the wire: OpenAI's, and what others make of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.answer_wire import Trouble
from voiced.agent.messages import Message, ToolCall, ToolResult, ToolRound
from voiced.agent.model.openai_wire import ChatParser, request_body
from voiced.agent.model.wire import (
    Finished,
    ModelRequest,
    ThoughtFilter,
    ToolSpec,
    Usage,
)
from voiced.net.sse import SseEvent

LOOKUP = ToolSpec(name="lookup", description="Look up.", parameters={"type": "object"})
ROUND = ToolRound(
    content="One moment.",
    calls=(
        ToolCall(id="a", name="lookup", arguments='{"n": 1}'),
        ToolCall(id="b", name="lookup", arguments='{"n": '),
    ),
    results=(
        ToolResult(call_id="a", content="one"),
        ToolResult(call_id="b", content="no JSON", is_error=True),
    ),
)


def user(text):
    return Message(role="user", content=text)


def agent(text):
    return Message(role="assistant", content=text)


def body(*messages, tools=(), may_call=True, counts_tokens=True, extra=None):
    request = ModelRequest(system="Be kind.", messages=messages, tools=tools, may_call=may_call)
    return request_body(request, model="m", counts_tokens=counts_tokens, extra=extra or {})


def feed(*chunks):
    """Return the pieces of an answer and its end."""
    parser = ChatParser()
    pieces = []
    for chunk in chunks:
        data = chunk if isinstance(chunk, str) else json.dumps(chunk)
        pieces += parser.feed(SseEvent(event="message", data=data))
    return pieces, parser.finish()


def delta(reason=None, index=0, **fields):
    return {"choices": [{"index": index, "delta": fields, "finish_reason": reason}]}


def called(index, **fields):
    return delta(tool_calls=[{"index": index, **fields}])


# -- requests ------------------------------------------------------------------------------------


def test_a_request_has_the_prompt_the_conversation_and_a_stream():
    assert body(user("hello"), agent("Hi."), user("bye")) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": "bye"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_calls_and_results_stand_together():
    _, _, asked, one, two = body(user("hello"), ROUND)["messages"]
    assert asked["content"] == "One moment."
    assert [call["id"] for call in asked["tool_calls"]] == ["a", "b"]
    assert asked["tool_calls"][0]["function"] == {"name": "lookup", "arguments": '{"n": 1}'}
    assert asked["tool_calls"][1]["function"]["arguments"] == "{}"  # what is no JSON is not sent
    assert one == {"role": "tool", "tool_call_id": "a", "content": "one"}
    assert two["tool_call_id"] == "b"


def test_roles_take_turns_and_the_user_begins():
    messages = body(agent("Hello."), agent("Anybody?"), user("yes"), user("hello"))["messages"]
    assert [(m["role"], m["content"]) for m in messages[1:]] == [
        ("user", "(The caller is on the line.)"),
        ("assistant", "Hello.\nAnybody?"),
        ("user", "yes\nhello"),
    ]


def test_tools_are_functions():
    made = body(user("hello"), tools=(LOOKUP,))
    assert made["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "lookup",
                "description": "Look up.",
                "parameters": {"type": "object"},
            },
        }
    ]
    assert "tool_choice" not in made
    assert body(user("hello"), tools=(LOOKUP,), may_call=False)["tool_choice"] == "none"


def test_the_operators_own_fields_go_first():
    made = body(user("hello"), counts_tokens=False, extra={"stream": False, "seed": 1})
    assert (made["stream"], made["seed"]) == (False, 1)
    assert "stream_options" not in made


# -- answers -------------------------------------------------------------------------------------


def test_text_comes_in_pieces_and_ends_with_its_usage():
    pieces, end = feed(
        delta(role="assistant", content=""),
        delta(content="Hel"),
        delta(content="lo."),
        delta(reason="stop"),
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
        "[DONE]",
    )
    assert pieces == ["Hel", "lo."]
    assert end == Finished(
        reason="stop", text="Hello.", usage=Usage(prompt=9, completion=2), calls=()
    )


def test_calls_are_put_together_from_their_pieces():
    _, end = feed(
        called(0, id="a", type="function", function={"name": "lookup", "arguments": ""}),
        called(0, function={"arguments": '{"n"'}),
        called(1, id="b", type="function", function={"name": "book", "arguments": ""}),
        called(0, function={"arguments": ": 1}"}),
        delta(reason="tool_calls"),
        "[DONE]",
    )
    assert end.reason == "tools"
    assert end.calls == (
        ToolCall(id="a", name="lookup", arguments='{"n": 1}'),
        ToolCall(id="b", name="book", arguments="{}"),
    )


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(
            [
                called(0, id="x", function={"name": "lookup", "arguments": '{"n": 1}'}),
                called(0, id="y", function={"name": "lookup", "arguments": '{"n": 2}'}),
            ],
            id="ollama: whole calls under one index",
        ),
        pytest.param(
            [
                delta(
                    tool_calls=[
                        {"id": "x", "function": {"name": "lookup", "arguments": {"n": 1}}},
                        {"id": "y", "function": {"name": "lookup", "arguments": {"n": 2}}},
                    ]
                )
            ],
            id="no index, and arguments that are no text",
        ),
        pytest.param(
            [
                called(0, id="x", function={"name": "lookup", "arguments": '{"n": '}),
                called(0, id="x", function={"arguments": "1}"}),
                called(1, id="y", function={"name": "lookup", "arguments": '{"n": 2}'}),
            ],
            id="the id with every piece",
        ),
    ],
)
def test_calls_of_other_servers_are_understood(chunks):
    _, end = feed(*chunks, delta(reason="stop"), "[DONE]")
    assert end.reason == "tools"
    assert [(call.id, call.name, json.loads(call.arguments)) for call in end.calls] == [
        ("x", "lookup", {"n": 1}),
        ("y", "lookup", {"n": 2}),
    ]


def test_calls_without_ids_are_given_some():
    _, end = feed(
        called(0, function={"name": "lookup", "arguments": "{}"}),
        called(1, function={"name": "book", "arguments": "{}"}),
        delta(reason="tool_calls"),
    )
    assert [call.id for call in end.calls] == ["call_1", "call_2"]


def test_a_last_chunk_without_choices_is_none():
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    _, end = feed(delta(content="Hi."), delta(reason="stop"), {"choices": None, "usage": usage})
    assert end.usage == Usage(prompt=3, completion=1)


@pytest.mark.parametrize(
    ("reason", "is_read_as"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "refused"), ("eos", "stop")],
)
def test_reasons_to_stop(reason, is_read_as):
    _, end = feed(delta(content="Hi."), delta(reason=reason))
    assert end.reason == is_read_as


def test_a_refusal_is_spoken():
    pieces, _ = feed(delta(refusal="I cannot."), delta(reason="stop"))
    assert pieces == ["I cannot."]


def test_another_answer_beside_is_not_spoken():
    pieces, _ = feed(delta(index=1, content="No."), delta(content="Yes."), "[DONE]")
    assert pieces == ["Yes."]


@pytest.mark.parametrize(
    ("chunk", "trouble"),
    [
        ("not json", Trouble("garbage", "a chunk that is no JSON object")),
        ({"choices": [{"delta": "x"}]}, Trouble("garbage", "a chunk that is no chat completion")),
        ({"error": {"message": "busy", "type": "server_error"}}, Trouble("overloaded", "busy")),
        ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}},
         Trouble("rate_limited", "slow down")),
        ({"error": {"message": "too long", "code": "context_length_exceeded"}},
         Trouble("bad_request", "too long")),
        ({"error": "out of memory"}, Trouble("failed", "out of memory")),
    ],
)  # fmt: skip
def test_trouble_within_the_stream(chunk, trouble):
    pieces, _ = feed(chunk)
    assert pieces == [trouble]


def test_an_answer_without_an_end_has_broken_off():
    _, end = feed(delta(content="Hello, I"))
    assert end == Trouble("closed", "the answer broke off")


# -- thinking aloud ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<think>hm, he says hello</think>\n\nHello.", "Hello."),
        ("\n<think></think>Hello.", "Hello."),
        ("Hello.", "Hello."),
        ("<thin air", "<thin air"),
        ("Is 1 <think> 2?", "Is 1 <think> 2?"),
        ("<think>for ever", ""),
    ],
)
def test_thoughts_are_not_spoken(text, words):
    whole = ThoughtFilter()
    assert whole.feed(text).strip() == words
    by_letter = ThoughtFilter()
    assert "".join(by_letter.feed(letter) for letter in text).strip() == words


@given(st.text())
def test_anything_may_come_as_a_chunk(data):
    parser = ChatParser()
    for piece in parser.feed(SseEvent(event="message", data=data)):
        assert isinstance(piece, str | Trouble)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "index",
                    "tool_calls",
                    "function",
                    "content",
                    "usage",
                    "id",
                    "arguments",
                    "name",
                    "prompt_tokens",
                    "finish_reason",
                    "error",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(st.lists(json_values, max_size=4))
def test_any_json_may_come_as_chunks(values):
    parser = ChatParser()
    for value in values:
        for piece in parser.feed(SseEvent(event="message", data=json.dumps(value))):
            assert isinstance(piece, str | Trouble)
    assert isinstance(parser.finish(), Finished | Trouble)
