"""Fake language models: OpenAI's chat completions and Anthropic's messages, over HTTP.

Both follow the same script, one `ModelTurn` for each request, and refuse what the real ones refuse:
a call without its result, a conversation that does not begin with the user, a missing key ...

    server = FakeServer(FakeChat([ModelTurn("Hello. How can I help?")]))
    async with serve_fake(server) as host:
        ...                                     # [agent] base_url = "http://{host}/v1"
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from voiced.testing.fake_provider import FakeRequest, FakeResponse, FakeSocket

PIECE_CHARS = 7


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """One answer of the model.

    Attributes:
        text: its words.
        calls: tools to call, each a name and its arguments (an object, or a text as it is).
        thinking: what Claude thinks before.
        first_s: from the request to the first piece.
        piece_s: between pieces.
        lingers_s: from the last piece to the end of the stream.
        stop: the reason to stop, as the provider calls it; "" for what fits.
    """

    text: str = ""
    calls: Sequence[tuple[str, Mapping[str, Any] | str]] = ()
    thinking: str = ""
    first_s: float = 0.0
    piece_s: float = 0.0
    lingers_s: float = 0.0
    stop: str = ""


Script: TypeAlias = "Iterable[ModelTurn] | Callable[[Mapping[str, Any]], ModelTurn]"
"""Answers in order, then "I have nothing more to say."; or made of each request's body."""


class _Scripted:
    """What both fakes have in common."""

    def __init__(self, script: Script) -> None:
        self._respond = script if callable(script) else None
        self._turns = deque(() if callable(script) else script)
        self._n_calls = 0

    def next(self, body: Mapping[str, Any]) -> ModelTurn:
        """Return the next answer."""
        if self._respond is not None:
            return self._respond(body)
        return self._turns.popleft() if self._turns else ModelTurn("I have nothing more to say.")

    def call_id(self, prefix: str) -> str:
        """Return a new id for a call."""
        self._n_calls += 1
        return f"{prefix}_{self._n_calls}"


class FakeChat:
    """Chat completions, at any path that ends in `/chat/completions`.

    https://platform.openai.com/docs/api-reference/chat
    """

    def __init__(self, script: Script = (), *, key: str = "") -> None:
        """Answer by `script`; with a `key` nobody else's is taken."""
        self._script = _Scripted(script)
        self._key = key

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Close it: there are no sockets here."""
        del request
        await socket.close(1008, "no such endpoint")

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer a request."""
        if request.method != "POST" or not request.path.endswith("/chat/completions"):
            await response.whole({"error": {"message": "not found"}}, status=404)
            return
        if self._key and request.headers.get("authorization") != f"Bearer {self._key}":
            await _refuse_chat(response, 401, "Incorrect API key provided", "invalid_api_key")
            return
        body = request.json()
        if fault := fault_of_chat(body):
            await _refuse_chat(response, 400, fault, "invalid_request_error")
            return
        turn = self._script.next(body)
        await _stream(response, turn, self._chunks(body, turn))

    def _chunks(self, body: Mapping[str, Any], turn: ModelTurn) -> Iterator[str]:
        def chunk(delta: Mapping[str, Any], reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return _data(_CHUNK | {"choices": [choice]})

        yield chunk({"role": "assistant", "content": ""})
        for piece in _pieces(turn.text):
            yield chunk({"content": piece})
        for index, (name, arguments) in enumerate(turn.calls):
            opened = {"name": name, "arguments": ""}
            call_id = self._script.call_id("call")
            begun = {"index": index, "id": call_id, "type": "function", "function": opened}
            yield chunk({"tool_calls": [begun]})
            for piece in _pieces(_text(arguments)):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield chunk({}, turn.stop or ("tool_calls" if turn.calls else "stop"))
        if body.get("stream_options", {}).get("include_usage"):
            usage = {"prompt_tokens": _tokens(body["messages"]), "completion_tokens": 10}
            yield _data(_CHUNK | {"choices": [], "usage": usage})
        yield "data: [DONE]\n\n"


class FakeClaude:
    """Anthropic's messages, at `/v1/messages`.

    https://platform.claude.com/docs/en/api/messages
    """

    def __init__(self, script: Script = (), *, key: str = "") -> None:
        """Answer by `script`; with a `key` nobody else's is taken."""
        self._script = _Scripted(script)
        self._key = key

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Close it: there are no sockets here."""
        del request
        await socket.close(1008, "no such endpoint")

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer a request."""
        if request.method != "POST" or request.path != "/v1/messages":
            await response.whole({"error": {"message": "not found"}}, status=404)
            return
        key = request.headers.get("x-api-key")
        if not key or (self._key and key != self._key):
            await _refuse_claude(response, 401, "authentication_error", "invalid x-api-key")
            return
        body = request.json()
        fault = fault_of_messages(body)
        if "anthropic-version" not in request.headers:
            fault = "anthropic-version: header is required"
        if fault:
            await _refuse_claude(response, 400, "invalid_request_error", fault)
            return
        turn = self._script.next(body)
        await _stream(response, turn, self._events(body, turn))

    def _events(self, body: Mapping[str, Any], turn: ModelTurn) -> Iterator[str]:
        usage = {"input_tokens": _tokens(body["messages"]), "output_tokens": 1}
        begun = {"type": "message", "role": "assistant", "content": [], "usage": usage}
        yield _event("message_start", message=begun)
        yield _event("ping")
        for index, (block, deltas) in enumerate(self._blocks(turn)):
            yield _event("content_block_start", index=index, content_block=block)
            for delta in deltas:
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        stop = turn.stop or ("tool_use" if turn.calls else "end_turn")
        yield _event("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": 10})
        yield _event("message_stop")

    def _blocks(self, turn: ModelTurn) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        if turn.thinking:
            yield (
                {"type": "thinking", "thinking": "", "signature": ""},
                [
                    {"type": "thinking_delta", "thinking": turn.thinking},
                    {"type": "signature_delta", "signature": f"signed {turn.thinking}"},
                ],
            )
        if turn.text:
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(turn.text)]
            yield {"type": "text", "text": ""}, deltas
        for name, arguments in turn.calls:
            block = {"type": "tool_use", "id": self._script.call_id("toolu"), "name": name}
            yield (
                block | {"input": {}},
                [
                    {"type": "input_json_delta", "partial_json": piece}
                    for piece in ("", *_pieces(_text(arguments)))
                ],
            )


# -- what the real ones refuse ---------------------------------------------------------------------


def fault_of_chat(body: Mapping[str, Any]) -> str:
    """Return what OpenAI would not take of a request, "" if nothing."""
    if not body.get("model"):
        return "you must provide a model parameter"
    open_calls: list[str] = []
    for message in body.get("messages") or ():
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                return "messages with role 'tool' must be a response to a message with 'tool_calls'"
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return f"tool_call_ids did not have response messages: {', '.join(open_calls)}"
        open_calls = [call["id"] for call in message.get("tool_calls") or ()]
        if not open_calls and not isinstance(message.get("content"), str):
            return "messages with role other than 'tool' need content"
    return f"tool_call_ids did not have response messages: {open_calls}" if open_calls else ""


def fault_of_messages(body: Mapping[str, Any]) -> str:
    """Return what Anthropic would not take of a request, "" if nothing."""
    if not body.get("model") or not body.get("max_tokens"):
        return "model, max_tokens: field required"
    messages = body.get("messages") or []
    if not messages or messages[0]["role"] != "user":
        return "messages: first message must use the user role"
    if messages[-1]["role"] != "user":
        return "this model does not support assistant message prefill"
    wanted: list[str] = []
    used: list[str] = []
    for message in messages:
        blocks = message["content"]
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return "messages: text content blocks must be non-empty"
        given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        n_given = len(given)
        if any(block["type"] != "tool_result" for block in blocks[:n_given]) or given != wanted:
            return "`tool_use` ids were found without `tool_result` blocks immediately after"
        wanted = [block["id"] for block in blocks if block["type"] == "tool_use"]
        used += wanted
    return _fault_of_ids(used, has_tools=bool(body.get("tools")))


def _fault_of_ids(used: Sequence[str], *, has_tools: bool) -> str:
    if any(not re.fullmatch(r"[a-zA-Z0-9_-]+", one) for one in used):
        return "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    if len(set(used)) < len(used):
        return "`tool_use` ids must be unique"
    if used and not has_tools:
        return "Requests which include `tool_use` or `tool_result` blocks must define tools"
    return ""


# -- how it is sent --------------------------------------------------------------------------------

_CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}


async def _stream(response: FakeResponse, turn: ModelTurn, events: Iterator[str]) -> None:
    await trio.sleep(turn.first_s)
    await response.begin()
    for event in events:
        await response.send(event)
        await trio.sleep(turn.piece_s)
    await trio.sleep(turn.lingers_s)
    await response.end()


async def _refuse_chat(response: FakeResponse, status: int, message: str, code: str) -> None:
    await response.whole({"error": {"message": message, "code": code}}, status=status)


async def _refuse_claude(response: FakeResponse, status: int, kind: str, message: str) -> None:
    error = {"type": kind, "message": message}
    await response.whole({"type": "error", "error": error}, status=status)


def _data(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE_CHARS] for start in range(0, len(text), PIECE_CHARS)]


def _text(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _tokens(messages: Any) -> int:
    return len(json.dumps(messages)) // 4
