"""The chat completions API of OpenAI, and of all who speak it. Pure.

https://platform.openai.com/docs/api-reference/chat/create and .../chat/streaming. Where others
differ, and are taken as they are:

* Ollama (docs/openai.md of its repository), llama.cpp (tools/server/README.md): a call comes whole
  in one chunk, several of them under one `index`; `finish_reason` may be `stop` all the same.
* vLLM (docs.vllm.ai, "OpenAI-Compatible Server"): the last chunk has `"choices": null` or none.
* Groq (console.groq.com/docs/openai) and llama.cpp: `{"error": ...}` as a chunk.
* Several leave a call's `id` out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from voiced.agent.answer_wire import Trouble
from voiced.agent.messages import Message, ToolCall, ToolRound
from voiced.agent.model.wire import (
    Finished,
    StopReason,
    ThoughtFilter,
    Usage,
    alternating,
    parse_object,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voiced.agent.messages import ModelMessage
    from voiced.agent.model.wire import ModelRequest, ToolSpec
    from voiced.errors import TroubleKind
    from voiced.net.sse import SseEvent

_REASONS: Mapping[str, StopReason] = {
    "stop": "stop",
    "tool_calls": "tools",
    "function_call": "tools",
    "length": "length",
    "content_filter": "refused",
}


def request_body(
    request: ModelRequest, *, model: str, counts_tokens: bool, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the JSON body of a request.

    Args:
        request: what is asked.
        model: which model.
        counts_tokens: ask for the usage at the end of the stream.
        extra: more fields, which go before ours.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": request.system}]
        + [part for message in alternating(request.messages) for part in _message(message)],
        "stream": True,
    }
    if counts_tokens:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if not request.may_call:
            body["tool_choice"] = "none"
    return body | dict(extra)


def _message(message: ModelMessage) -> Iterator[dict[str, Any]]:
    match message:
        case Message(role=role, content=content):
            yield {"role": role, "content": content}
        case ToolRound(content=content, calls=calls, results=results):
            yield {
                "role": "assistant",
                "content": content or None,
                "tool_calls": [_call(call) for call in calls],
            }
            for result in results:
                yield {"role": "tool", "tool_call_id": result.call_id, "content": result.content}
        case _:
            assert_never(message)


def _call(call: ToolCall) -> dict[str, Any]:
    # What the model garbled must still be JSON for the servers that parse it again.
    arguments = call.arguments if parse_object(call.arguments) is not None else "{}"
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}


@dataclass(slots=True)
class _PartialCall:
    id: str
    name: str = ""
    arguments: str = ""


class ChatParser:
    """Parses one streamed answer. Fits `voiced.agent.answer_wire.AnswerParser`."""

    def __init__(self) -> None:
        self._thoughts = ThoughtFilter()
        self._said: list[str] = []
        self._calls: list[_PartialCall] = []
        self._by_index: dict[Any, _PartialCall] = {}
        self._reason: StopReason | None = None
        self._usage: Usage | None = None
        self._done = False

    @property
    def is_over(self) -> bool:
        """Whether `[DONE]` has come: the usage stands before it."""
        return self._done

    def feed(self, event: SseEvent) -> list[str | Trouble]:
        """Take an event."""
        if event.data.strip() == "[DONE]":
            self._done = True
            return []
        chunk = parse_object(event.data)
        if chunk is None:
            return [Trouble("garbage", "a chunk that is no JSON object")]
        if chunk.get("error"):
            return [_trouble(chunk["error"])]
        try:
            return list(self._take(chunk))
        except (TypeError, AttributeError, KeyError, ValueError):
            return [Trouble("garbage", "a chunk that is no chat completion")]

    def _take(self, chunk: Mapping[str, Any]) -> Iterator[str]:
        if usage := chunk.get("usage"):
            self._usage = Usage(
                prompt=int(usage.get("prompt_tokens") or 0),
                completion=int(usage.get("completion_tokens") or 0),
            )
        for choice in chunk.get("choices") or ():
            if choice.get("index") or 0:
                continue  # of several answers, which nobody has asked for
            delta = choice.get("delta") or {}
            yield from self._say(delta.get("content") or delta.get("refusal") or "")
            for part in delta.get("tool_calls") or ():
                self._add(part)
            if reason := choice.get("finish_reason"):
                self._reason = _REASONS.get(reason, "stop")

    def _say(self, text: str) -> Iterator[str]:
        if words := self._thoughts.feed(text):
            self._said.append(words)
            yield words

    def _add(self, part: Mapping[str, Any]) -> None:
        index, call_id = part.get("index"), str(part.get("id") or "")
        function = part.get("function") or {}
        call = self._by_index.get(index)
        begins = bool(call_id or (index is None and function.get("name")))
        if call is None or (begins and call_id not in ("", call.id)):
            call = _PartialCall(call_id or f"call_{len(self._calls) + 1}")
            self._calls.append(call)
            self._by_index[index] = call
        call.name += function.get("name") or ""
        arguments = function.get("arguments") or ""
        call.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments)

    def finish(self) -> Finished | Trouble:
        """Return the end."""
        if self._reason is None and not self._done:
            return Trouble("closed", "the answer broke off")
        calls = tuple(
            ToolCall(id=call.id, name=call.name, arguments=call.arguments.strip() or "{}")
            for call in self._calls
        )
        reason = self._reason or "stop"
        return Finished(
            reason="tools" if calls and reason == "stop" else reason,
            text="".join(self._said),
            calls=calls,
            usage=self._usage,
        )


def _trouble(error: Any) -> Trouble:
    """Return what an error within the stream means; its form is not documented."""
    if not isinstance(error, dict):
        return Trouble("failed", str(error))
    named = f"{error.get('type')} {error.get('code')} {error.get('status_code')}".lower()
    kind: TroubleKind = "overloaded"
    if "rate_limit" in named or "429" in named:
        kind = "rate_limited"
    elif "invalid_request" in named or "context_length" in named:
        kind = "bad_request"
    return Trouble(kind, str(error.get("message") or named))
