"""The fakes refuse what the real ones refuse."""

import httpx
import pytest

from voiced.testing.fake_brain import FakeBrain
from voiced.testing.fake_models import FakeChat, FakeClaude, fault_of_chat, fault_of_messages
from voiced.testing.fake_provider import FakeServer, open_memory_wire


def user(text):
    return {"role": "user", "content": text}


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}, {"id": "b"}]}


def result(call_id):
    return {"role": "tool", "tool_call_id": call_id, "content": "x"}


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([user("hello"), CALL, result("b"), result("a"), user("thanks")], ""),
        ([user("hello"), CALL, result("a"), user("well?")], "did not have response messages: b"),
        ([user("hello"), CALL], "did not have response messages"),
        ([user("hello"), result("a")], "must be a response to"),
        ([{"role": "user", "content": None}], "need content"),
    ],
)
def test_chat_wants_each_call_with_its_result(messages, fault):
    found = fault_of_chat({"model": "m", "messages": messages})
    assert (fault in found) if fault else not found
    assert fault_of_chat({"messages": messages})  # a model has to be named


def blocks(role, *content):
    return {"role": role, "content": list(content)}


def text(words):
    return {"type": "text", "text": words}


USE = {"type": "tool_use", "id": "a", "name": "x", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
ODD = USE | {"id": "functions.x:0"}
OF_ODD = RESULT | {"tool_use_id": "functions.x:0"}


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([blocks("user", text("hi")), blocks("assistant", USE), blocks("user", RESULT)], ""),
        ([blocks("assistant", text("hi"))], "first message"),
        ([blocks("user", text("hi")), blocks("assistant", text("ho"))], "prefill"),
        ([blocks("user", text(" "))], "non-empty"),
        (
            [blocks("user", text("hi")), blocks("assistant", USE), blocks("user", text("well?"))],
            "`tool_use` ids were found without",
        ),
        (
            [
                blocks("user", text("hi")),
                blocks("assistant", USE),
                blocks("user", text("well?"), RESULT),
            ],
            "`tool_use` ids were found without",
        ),
        (
            [blocks("user", text("hi")), blocks("assistant", ODD), blocks("user", OF_ODD)],
            "should match pattern",
        ),
        (
            [
                blocks("user", text("hi")),
                *(blocks("assistant", USE), blocks("user", RESULT)) * 2,
            ],
            "must be unique",
        ),
    ],
)
def test_claude_wants_results_first_and_roles_in_turn(messages, fault):
    body = {"model": "m", "max_tokens": 9, "messages": messages, "tools": [{"name": "x"}]}
    found = fault_of_messages(body)
    assert (fault in found) if fault else not found
    assert fault_of_messages({"model": "m", "messages": messages})  # max_tokens is required


def test_claude_wants_the_tools_that_were_used():
    messages = [blocks("user", text("hi")), blocks("assistant", USE), blocks("user", RESULT)]
    found = fault_of_messages({"model": "m", "max_tokens": 9, "messages": messages})
    assert "must define tools" in found


CHAT = {"model": "m", "messages": [user("hello")]}
CLAUDE = {"model": "m", "max_tokens": 9, "messages": [blocks("user", text("hi"))]}
NAMED = {"x-api-key": "k", "anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("fake", "path", "headers", "body", "status"),
    [
        (FakeChat(key="k"), "/v1/chat/completions", {"authorization": "Bearer k"}, CHAT, 200),
        (FakeChat(key="k"), "/v1/chat/completions", {"authorization": "Bearer x"}, CHAT, 401),
        (FakeChat(), "/v1/chat/completions", {}, {"messages": []}, 400),
        (FakeChat(), "/v1/models", {}, {}, 404),
        (FakeClaude(), "/v1/messages", NAMED, CLAUDE, 200),
        (FakeClaude(key="k2"), "/v1/messages", NAMED, CLAUDE, 401),
        (FakeClaude(), "/v1/messages", {"x-api-key": "k"}, CLAUDE, 400),
        (FakeClaude(), "/v1/complete", NAMED, CLAUDE, 404),
        (FakeBrain(lambda _: [], token="k"), "/", {}, {"protocol": "voiced-agent-1"}, 401),
        (FakeBrain(lambda _: []), "/", {}, {"protocol": "voiced-agent-0"}, 400),
    ],
)
async def test_statuses(autojump_clock, fake, path, headers, body, status):
    async with (
        open_memory_wire(FakeServer(fake)) as wire,
        httpx.AsyncClient(transport=wire.transport, base_url="http://fake") as client,
    ):
        answer = await client.post(path, headers=headers, json=body)
    assert answer.status_code == status
