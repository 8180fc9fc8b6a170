"""Anthropic's messages on the wire."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent.answer_wire import Trouble
from voiced.agent.messages import Message, ToolCall, ToolResult, ToolRound
from voiced.agent.model.anthropic_wire import MessageParser, request_body
from voiced.agent.model.wire import Finished, ModelRequest, ToolSpec, Usage
from voiced.net.sse import SseEvent
from voiced.testing.fake_models import fault_of_messages

LOOKUP = ToolSpec(name="lookup", description="Look up.", parameters={"type": "object"})
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}
ROUND = ToolRound(
    content="One moment.",
    calls=(ToolCall(id="a", name="lookup", arguments='{"n": 1}'),),
    results=(ToolResult(call_id="a", content="one"),),
    native=(THOUGHT,),
)


def user(text):
    return Message(role="user", content=text)


def agent(text):
    return Message(role="assistant", content=text)


def body(*messages, tools=(), may_call=True, caches=False, extra=None):
    request = ModelRequest(system="Be kind.", messages=messages, tools=tools, may_call=may_call)
    return request_body(request, model="m", max_tokens=100, caches=caches, extra=extra or {})


def text(words):
    return {"type": "text", "text": words}


def feed(*events):
    parser = MessageParser()
    pieces = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event)
        kind = "message" if isinstance(event, str) else event["type"]
        pieces += parser.feed(SseEvent(event=kind, data=data))
    return pieces, parser.finish()


def start(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, kind, **fields):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def ends(reason, tokens=5):
    usage = {"output_tokens": tokens}
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        {"type": "message_stop"},
    ]


BEGINS = {
    "type": "message_start",
    "message": {
        "usage": {"input_tokens": 7, "cache_read_input_tokens": 100, "output_tokens": 1},
    },
}


# -- requests ------------------------------------------------------------------------------------


def used(*call_ids, name="lookup"):
    return ToolRound(
        content="",
        calls=tuple(ToolCall(id=one, name=name, arguments="{}") for one in call_ids),
        results=tuple(ToolResult(call_id=one, content=f"of {one}") for one in call_ids),
    )


def test_calls_of_another_model_have_ids_that_this_one_takes():
    rounds = [used("functions.lookup:0", "call_1"), user("and?"), used("call_1"), user("bye")]
    made = body(user("hello"), *rounds, tools=[LOOKUP])
    assert fault_of_messages(made) == ""
    given = [block for message in made["messages"] for block in message["content"]]
    results = {block["tool_use_id"]: block["content"] for block in given if "content" in block}
    assert results == {
        "functions_lookup_0": "of functions.lookup:0",
        "call_1": "of call_1",
        "call_1_": "of call_1",
    }


def test_ids_stay_what_they_were_as_the_conversation_grows():
    rounds = [user("hello"), used("a"), user("and?"), used("a"), user("and?"), used("a")]
    assert body(*rounds)["messages"][:4] == body(*rounds[:4])["messages"][:4]


def test_one_that_has_no_tools_can_be_told_of_those_of_another():
    made = body(user("hello"), used("a"), user("and?"), used("b", name="hang_up"))
    assert fault_of_messages(made) == ""
    assert [tool["name"] for tool in made["tools"]] == ["lookup", "hang_up"]
    assert made["tool_choice"] == {"type": "none"}


def test_a_request_has_the_prompt_the_conversation_and_a_stream():
    assert body(user("hello"), agent("Hi."), user("bye")) == {
        "model": "m",
        "max_tokens": 100,
        "system": [text("Be kind.")],
        "messages": [
            {"role": "user", "content": [text("hello")]},
            {"role": "assistant", "content": [text("Hi.")]},
            {"role": "user", "content": [text("bye")]},
        ],
        "stream": True,
    }


def test_results_come_first_in_the_message_behind_their_calls():
    _, asked, answered = body(user("hello"), ROUND, user("well?"))["messages"]
    assert asked == {
        "role": "assistant",
        "content": [
            THOUGHT,
            text("One moment."),
            {"type": "tool_use", "id": "a", "name": "lookup", "input": {"n": 1}},
        ],
    }
    assert answered == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "one", "is_error": False},
            text("well?"),
        ],
    }


def test_words_behind_a_round_are_the_next_message():
    messages = body(user("hello"), ROUND, agent("One."), user("thanks"))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]


def test_a_round_without_words_has_no_empty_text():
    silent = ToolRound(content="", calls=ROUND.calls, results=ROUND.results)
    assert body(user("hello"), silent)["messages"][1]["content"][0]["type"] == "tool_use"


def test_garbled_arguments_go_back_as_none():
    calls = (ToolCall(id="a", name="lookup", arguments='{"n": '),)
    broken = ToolRound(content="", calls=calls, results=ROUND.results)
    assert body(user("hello"), broken)["messages"][1]["content"][0]["input"] == {}


def test_prompt_and_conversation_are_marked_for_the_cache():
    made = body(user("hello"), agent("Hi."), user("bye"), caches=True)
    marked = {"cache_control": {"type": "ephemeral"}}
    assert made["system"] == [text("Be kind.") | marked]
    assert made["messages"][-1]["content"] == [text("bye") | marked]
    assert made["messages"][0]["content"] == [text("hello")]


def test_tools_have_their_schema():
    made = body(user("hello"), tools=(LOOKUP,))
    assert made["tools"] == [
        {"name": "lookup", "description": "Look up.", "input_schema": {"type": "object"}}
    ]
    closed = body(user("hello"), tools=(LOOKUP,), may_call=False, extra={"temperature": 0})
    assert (closed["tool_choice"], closed["temperature"]) == ({"type": "none"}, 0)


# -- answers -------------------------------------------------------------------------------------


def test_text_comes_in_pieces_and_ends_with_its_usage():
    pieces, end = feed(
        BEGINS,
        start(0, type="text", text=""),
        {"type": "ping"},
        delta(0, "text_delta", text="Hel"),
        delta(0, "text_delta", text="lo."),
        {"type": "content_block_stop", "index": 0},
        *ends("end_turn"),
    )
    assert pieces == ["Hel", "lo."]
    assert end == Finished(reason="stop", text="Hello.", usage=Usage(prompt=107, completion=5))


def test_calls_are_put_together_from_their_pieces():
    _, end = feed(
        BEGINS,
        start(0, type="text", text=""),
        delta(0, "text_delta", text="One moment."),
        start(1, type="tool_use", id="a", name="lookup", input={}),
        delta(1, "input_json_delta", partial_json=""),
        delta(1, "input_json_delta", partial_json='{"n"'),
        delta(1, "input_json_delta", partial_json=": 1}"),
        start(2, type="tool_use", id="b", name="book", input={}),
        *ends("tool_use"),
    )
    assert (end.reason, end.text) == ("tools", "One moment.")
    assert end.calls == (
        ToolCall(id="a", name="lookup", arguments='{"n": 1}'),
        ToolCall(id="b", name="book", arguments="{}"),
    )


def test_thinking_is_not_spoken_and_kept_to_go_back():
    pieces, end = feed(
        BEGINS,
        start(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="h"),
        delta(0, "thinking_delta", thinking="m"),
        delta(0, "signature_delta", signature="sig"),
        start(1, type="redacted_thinking", data="..."),
        start(2, type="tool_use", id="a", name="lookup", input={}),
        *ends("tool_use"),
    )
    assert pieces == []
    assert end.native == (THOUGHT, {"type": "redacted_thinking", "data": "..."})


def test_what_is_not_known_is_passed_over():
    pieces, end = feed(
        BEGINS,
        start(0, type="hologram", light="green"),
        delta(0, "hologram_delta", light="red"),
        start(1, type="text", text="Hi."),
        delta(1, "citations_delta", citation={}),
        {"type": "weather"},
        *ends("end_turn"),
    )
    assert pieces == ["Hi."]
    assert end.text == "Hi."


@pytest.mark.parametrize(
    ("reason", "is_read_as"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refused"),
        ("pause_turn", "stop"),
        ("whim", "stop"),
    ],
)
def test_reasons_to_stop(reason, is_read_as):
    _, end = feed(BEGINS, *ends(reason))
    assert end.reason == is_read_as


@pytest.mark.parametrize(
    ("event", "trouble"),
    [
        ("not json", Trouble("garbage", "an event that is no JSON object")),
        (delta(3, "text_delta", text="x"),
         Trouble("garbage", "an event 'content_block_delta' that makes no sense")),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
         Trouble("overloaded", "Overloaded")),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}},
         Trouble("rate_limited", "slow")),
        ({"type": "error", "error": {"type": "new_error"}}, Trouble("failed", "new_error")),
    ],
)  # fmt: skip
def test_trouble_within_the_stream(event, trouble):
    pieces, _ = feed(event)
    assert pieces == [trouble]


def test_an_answer_without_an_end_has_broken_off():
    _, end = feed(BEGINS, start(0, type="text", text=""), delta(0, "text_delta", text="Hello, I"))
    assert end == Trouble("closed", "the answer broke off")


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(
                    [
                        "message_start",
                        "content_block_start",
                        "content_block_delta",
                        "message_delta",
                        "message_stop",
                        "error",
                        "x",
                    ]
                )
            },
            optional={
                "index": st.integers(0, 1) | st.none(),
                "content_block": st.dictionaries(
                    st.sampled_from(["type", "text", "id", "name"]),
                    st.sampled_from(["text", "tool_use", "thinking"]) | st.integers(),
                )
                | st.none(),
                "delta": st.dictionaries(
                    st.sampled_from(["type", "text", "partial_json", "stop_reason"]),
                    st.sampled_from(["text_delta", "input_json_delta", "x"]) | st.integers(),
                ),
                "error": st.none() | st.dictionaries(st.just("type"), st.text()),
                "message": st.none() | st.dictionaries(st.just("usage"), st.none()),
                "usage": st.dictionaries(st.just("output_tokens"), st.text() | st.integers()),
            },
        ),
        max_size=6,
    )
)
def test_any_events_may_come(events):
    parser = MessageParser()
    for event in events:
        for piece in parser.feed(SseEvent(event=event["type"], data=json.dumps(event))):
            assert isinstance(piece, str | Trouble)
    assert isinstance(parser.finish(), Finished | Trouble)
