"""Anthropic's Messages API. Pure.

https://platform.claude.com/docs/en/api/messages (requests),
https://platform.claude.com/docs/en/build-with-claude/streaming (events: new ones and new kinds of
blocks and deltas may come at any time and are to be passed over; an `error` may come after the
status 200), https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
(results directly behind their calls, in one message, in front of any text),
https://platform.claude.com/docs/en/build-with-claude/extended-thinking (thinking goes back with the
results, unchanged), https://platform.claude.com/docs/en/build-with-claude/prompt-caching.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from voiced.agent.answer_wire import Trouble
from voiced.agent.messages import Message, ToolCall, ToolRound
from voiced.agent.model.wire import (
    Finished,
    StopReason,
    Usage,
    alternating,
    parse_object,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from voiced.agent.messages import ModelMessage
    from voiced.agent.model.wire import ModelRequest, ToolSpec
    from voiced.errors import TroubleKind
    from voiced.net.sse import SseEvent

VERSION = "2023-06-01"
"""Header `anthropic-version`: https://platform.claude.com/docs/en/api/versioning."""

_REASONS: Mapping[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tools",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}

# https://platform.claude.com/docs/en/api/errors
_TROUBLES: Mapping[str, TroubleKind] = {
    "overloaded_error": "overloaded",
    "api_error": "overloaded",
    "timeout_error": "too_slow",
    "rate_limit_error": "rate_limited",
    "authentication_error": "unauthorized",
    "billing_error": "unauthorized",
    "permission_error": "unauthorized",
    "invalid_request_error": "bad_request",
    "not_found_error": "bad_request",
    "request_too_large": "bad_request",
}

_NOT_OF_IDS = re.compile(r"[^a-zA-Z0-9_-]")

_CACHED = {"cache_control": {"type": "ephemeral"}}


def request_body(
    request: ModelRequest, *, model: str, max_tokens: int, caches: bool, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the JSON body of a request.

    Args:
        request: what is asked.
        model: which model.
        max_tokens: of the answer, thinking included.
        caches: let the provider keep tools, prompt and conversation for the next request.
        extra: more fields, which go before ours.
    """
    messages = _messages(request)
    system: dict[str, Any] = {"type": "text", "text": request.system}
    if caches:
        system |= _CACHED
        messages[-1]["content"][-1] |= _CACHED
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": max_tokens,
        "system": [system],
        "messages": messages,
        "stream": True,
    }
    if tools := [_tool(tool) for tool in request.tools] or _tools_used(messages):
        body["tools"] = tools
        if not (request.tools and request.may_call):
            body["tool_choice"] = {"type": "none"}
    return body | dict(extra)


def _messages(request: ModelRequest) -> list[dict[str, Any]]:
    """Return the messages, roles in turn: what one role says in a row is one message."""
    result: list[dict[str, Any]] = []
    ids: set[str] = set()
    for message in alternating(request.messages):
        for role, blocks in _blocks(message, ids):
            if result and result[-1]["role"] == role:
                result[-1]["content"] += blocks
            else:
                result.append({"role": role, "content": blocks})
    return result


def _blocks(message: ModelMessage, ids: set[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    match message:
        case Message(role=role, content=content):
            yield role, [{"type": "text", "text": content}]
        case ToolRound(content=content, calls=calls, results=results, native=native):
            said = [{"type": "text", "text": content}] if content.strip() else []
            named = {call.id: _fresh_id(call.id, ids) for call in calls}
            asked = [_call(call, named[call.id]) for call in calls]
            yield "assistant", [*(dict(block) for block in native), *said, *asked]
            yield (
                "user",
                [
                    {
                        "type": "tool_result",
                        "tool_use_id": named[result.call_id],
                        "content": result.content,
                        "is_error": result.is_error,
                    }
                    for result in results
                ],
            )
        case _:
            assert_never(message)


def _fresh_id(call_id: str, taken: set[str]) -> str:
    """Return an id that is taken here: of letters, digits, _ and -, and of one call only.

    Models whose conversation this one goes on with number their calls anew in each answer, or call
    them `functions.lookup:0`.
    """
    fresh = _NOT_OF_IDS.sub("_", call_id) or "_"
    while fresh in taken:
        fresh += "_"
    taken.add(fresh)
    return fresh


def _call(call: ToolCall, call_id: str) -> dict[str, Any]:
    given = parse_object(call.arguments) or {}
    return {"type": "tool_use", "id": call_id, "name": call.name, "input": given}


def _tools_used(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return tools that another model has used: without them their calls would be refused."""
    blocks = (block for message in messages for block in message["content"])
    names = dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use")
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": dict(tool.parameters),
    }


@dataclass(slots=True)
class _Block:
    """A content block that is still coming; `native` is what it began with."""

    native: dict[str, Any]
    input: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return str(self.native.get("type"))

    def append(self, key: str, text: str) -> None:
        self.native[key] = self.native.get(key, "") + text


class MessageParser:
    """Parses one streamed answer. Fits `voiced.agent.answer_wire.AnswerParser`."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._prompt = self._completion = 0
        self._reason: StopReason | None = None
        self.is_over = False
        """Whether `message_stop` has come."""

    def feed(self, event: SseEvent) -> list[str | Trouble]:
        """Take an event."""
        data = parse_object(event.data)
        if data is None:
            return [Trouble("garbage", "an event that is no JSON object")]
        try:
            return self._take(data)
        except (TypeError, AttributeError, KeyError, ValueError):
            return [Trouble("garbage", f"an event {data.get('type')!r} that makes no sense")]

    def _take(self, data: Mapping[str, Any]) -> list[str | Trouble]:
        match data.get("type"):
            case "message_start":
                self._count(data["message"].get("usage") or {})
            case "content_block_start":
                return self._begin(data["index"], dict(data["content_block"]))
            case "content_block_delta":
                return self._add(self._blocks[data["index"]], data["delta"])
            case "message_delta":
                self._count(data.get("usage") or {})
                if reason := data["delta"].get("stop_reason"):
                    self._reason = _REASONS.get(reason, "stop")
            case "message_stop":
                self.is_over = True
            case "error":
                error = data["error"]
                kind = _TROUBLES.get(error.get("type"), "failed")
                return [Trouble(kind, str(error.get("message") or error.get("type")))]
            case _:  # `ping`, `content_block_stop`, and what is yet to be invented
                pass
        return []

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Take the counts, which are those of the whole answer so far."""
        parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        self._prompt = sum(int(usage.get(part) or 0) for part in parts) or self._prompt
        self._completion = int(usage.get("output_tokens") or self._completion)

    def _begin(self, index: int, native: dict[str, Any]) -> list[str | Trouble]:
        if index in self._blocks:
            raise ValueError("a block begins twice")
        block = _Block(native)
        text = native.get("text", "") if block.kind == "text" else ""
        pieces: list[str | Trouble] = ["" + text] if text else []
        self._blocks[int(index)] = block
        return pieces

    def _add(self, block: _Block, delta: Mapping[str, Any]) -> list[str | Trouble]:
        match delta.get("type"):
            case "text_delta":
                block.append("text", delta["text"])
                return [delta["text"]]
            case "input_json_delta":
                block.input.append(delta["partial_json"])
            case "thinking_delta":
                block.append("thinking", delta["thinking"])
            case "signature_delta":
                block.append("signature", delta["signature"])
            case _:
                pass
        return []

    def finish(self) -> Finished | Trouble:
        """Return the end."""
        if not self.is_over and self._reason is None:
            return Trouble("closed", "the answer broke off")
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        asked = [block for block in blocks if block.kind == "tool_use"]
        if not all(block.native.get("id") and block.native.get("name") for block in asked):
            return Trouble("garbage", "a call of a tool without its name")
        calls = tuple(_called(block) for block in asked)
        return Finished(
            reason="tools" if calls and self._reason == "stop" else self._reason or "stop",
            text="".join(block.native.get("text", "") for block in blocks if block.kind == "text"),
            calls=calls,
            native=tuple(
                block.native for block in blocks if block.kind in ("thinking", "redacted_thinking")
            ),
            usage=Usage(prompt=self._prompt, completion=self._completion),
        )


def _called(block: _Block) -> ToolCall:
    text = "".join(block.input).strip() or json.dumps(block.native.get("input") or {})
    return ToolCall(id=block.native["id"], name=block.native["name"], arguments=text)
