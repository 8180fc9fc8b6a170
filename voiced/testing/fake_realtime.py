"""A fake of OpenAI's Realtime API: hears by level, answers by script in tones, minds the protocol.

    fake = FakeRealtime([RealtimeTurn("Hello."), RealtimeTurn("You are welcome.")])
    async with serve_fake(FakeServer(fake)) as host:
        ...                                     # [agent] url = "ws://{host}/v1/realtime"

What the real one refuses is refused: a beta session, audio before the session is set up, a response
while another is being made, an item truncated behind its end, a tool's output that nobody waits
for. `faults` has what was done against the protocol.
https://developers.openai.com/api/reference/resources/realtime/client-events
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import trio

from voiced.audio.g711 import decode_ulaw, encode_ulaw
from voiced.net.helpers import open_helpers
from voiced.testing.fake_provider import FarEndLost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voiced.testing.fake_provider import FakeRequest, FakeResponse, FakeSocket

RATE_HZ = 8000
LETTERS_PER_S = 16.0
PIECE_S = 0.2
VOICE = 300.0 * 300.0
"""Power from which the caller is heard."""

SILENCE_S = 0.5
FASTER = 4.0
"""How much faster than it plays speech is sent."""


@dataclass(frozen=True, slots=True)
class RealtimeTurn:
    """One response of the model, and what it understood before.

    Attributes:
        text: its words, spoken in a tone.
        calls: tools to call after them, each a name and its arguments.
        heard: the transcript of the caller's turn that it answers.
        first_s: from the end of the caller's turn to the first audio.
        fails: the code of an error in place of an answer.
        stopped_by: why the answer stays incomplete: "content_filter", "max_output_tokens".
        is_written: whether the caller's turn is transcribed.
        used_up_s: the account's share is used up with it, and comes back after so long.
    """

    text: str = ""
    calls: Sequence[tuple[str, Mapping[str, Any]]] = ()
    heard: str = "hello"
    first_s: float = 0.2
    fails: str = ""
    stopped_by: str = ""
    is_written: bool = True
    used_up_s: float = 0.0


@dataclass(slots=True)
class _Item:
    n_samples: int = 0


@dataclass(slots=True)
class Session:
    """What is known of one session."""

    config: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    truncations: list[tuple[str, int]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    audio: bytes = field(default=b"", repr=False)


class FakeRealtime:
    """Fits `voiced.testing.fake_provider.FakeProvider`."""

    def __init__(self, script: Iterable[RealtimeTurn] = (), *, key: str = "") -> None:
        """Respond by `script`, then with nothing to say; with a `key` nobody else is let in."""
        self.script = deque(script)
        self.sessions: list[Session] = []
        self.faults: list[str] = []
        self.spoken: list[list[bytes]] = []
        self._key = key

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Refuse: there are only sockets here."""
        del request
        await response.whole({"error": {"message": "not found"}}, status=404)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Hold a session."""
        if request.path != "/v1/realtime" or not request.query.get("model"):
            await socket.close(4004, "no such endpoint")
            return
        if self._key and request.headers.get("authorization") != f"Bearer {self._key}":
            await socket.send(_event("error", error=_error("invalid_api_key", "bad key")))
            await socket.close(3000, "invalid_request_error.invalid_api_key")
            return
        session = Session()
        self.sessions.append(session)
        async with open_helpers() as nursery:
            await _Engine(self, session, socket, nursery).run()


class _Engine:
    """One session at work."""

    def __init__(
        self, fake: FakeRealtime, session: Session, socket: FakeSocket, nursery: trio.Nursery
    ) -> None:
        self._fake = fake
        self._session = session
        self._socket = socket
        self._nursery = nursery
        self._items: dict[str, _Item] = {}
        self._n = 0
        self._response = ""
        self._speaking = trio.CancelScope()
        self._cancelled_by = "turn_detected"
        self._hears_voice = False
        self._silence_s = 0.0
        self._calls: set[str] = set()

    async def run(self) -> None:
        await self._send("session.created", session={"type": "realtime", "id": self._id("sess")})
        while True:
            message = json.loads(await self._socket.receive())
            if message["type"] == "input_audio_buffer.append":
                await self._hear(b64decode(message["audio"], validate=True))
            else:
                self._session.messages.append(message)
                await self._obey(message)

    async def _obey(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "session.update":
                await self._configure(message["session"])
            case "response.create":
                await self._create(message.get("response") or {})
            case "conversation.item.create":
                await self._add(message["item"])
            case "conversation.item.truncate":
                await self._truncate(message)
            case "response.cancel":
                await self._cancel()
            case kind:
                await self._refuse("invalid_value", f"unknown event {kind}")

    async def _configure(self, config: Mapping[str, Any]) -> None:
        if self._session.config and config.get("type") == "realtime":
            heard = config.get("audio", {}).get("input", {})
            self._session.config["audio"]["input"].update(heard)
            await self._send("session.updated", session=self._session.config)
            return
        audio = config.get("audio", {})
        formats = [audio.get(way, {}).get("format", {}).get("type") for way in ("input", "output")]
        if config.get("type") != "realtime" or formats != ["audio/pcmu"] * 2:
            await self._refuse("invalid_value", "no GA session in mu-law")
            return
        self._session.config = dict(config)
        await self._send("session.updated", session=config)

    async def _add(self, item: Mapping[str, Any]) -> None:
        if item["type"] == "function_call_output":
            if item["call_id"] not in self._calls:
                await self._refuse("invalid_tool_call_id", "nobody has called for this")
                return
            self._calls.discard(item["call_id"])
            self._session.outputs.append((item["call_id"], item["output"]))
        elif item["type"] == "function_call":
            self._calls.add(item["call_id"])
        else:
            (content,) = item["content"]
            kind = "output_text" if item["role"] == "assistant" else "input_text"
            if content["type"] != kind:
                await self._refuse("invalid_value", f"{item['role']} has {content['type']}")
                return
            self._session.texts.append((item["role"], content["text"]))
        await self._send("conversation.item.added", item={**item, "id": self._id("item")})

    async def _truncate(self, message: Mapping[str, Any]) -> None:
        item = self._items.get(message["item_id"])
        if item is None:
            await self._refuse("item_truncate_invalid_item_id", "there is no such item")
        elif message["audio_end_ms"] > item.n_samples * 1000 // RATE_HZ:
            await self._refuse("invalid_value", "audio_end_ms is behind the end of the audio")
        else:
            self._session.truncations.append((message["item_id"], message["audio_end_ms"]))
            await self._send(
                "conversation.item.truncated",
                item_id=message["item_id"],
                content_index=message["content_index"],
                audio_end_ms=message["audio_end_ms"],
            )

    async def _create(self, wanted: Mapping[str, Any]) -> None:
        if self._response:
            await self._refuse("conversation_already_has_active_response", "one at a time")
            return
        self._session.instructions.append(wanted.get("instructions", ""))
        self._respond(self._next())

    async def _cancel(self) -> None:
        if not self._response:
            await self._refuse("response_cancel_not_active", "there is no response to cancel")
            return
        self._cancelled_by = "client_cancelled"
        self._speaking.cancel()

    def _next(self) -> RealtimeTurn:
        return self._fake.script.popleft() if self._fake.script else RealtimeTurn()

    # -- hearing ---------------------------------------------------------------------------------

    async def _hear(self, payload: bytes) -> None:
        if not self._session.config:
            await self._refuse("invalid_value", "audio before the session is set up")
            return
        self._session.audio += payload
        pcm = decode_ulaw(payload).astype(np.float32)
        hears = self._session.config["audio"]["input"]["turn_detection"] is not None
        is_voice = hears and float(pcm @ pcm) / max(1, len(pcm)) > VOICE
        if is_voice:
            self._silence_s = 0.0
            if not self._hears_voice:
                self._hears_voice = True
                await self._send("input_audio_buffer.speech_started", item_id="", audio_start_ms=0)
                self._speaking.cancel()
        elif self._hears_voice:
            self._silence_s += len(payload) / RATE_HZ
            if self._silence_s >= SILENCE_S:
                self._hears_voice = False
                await self._understand()

    async def _understand(self) -> None:
        item_id, turn = self._id("item"), self._next()
        await self._send("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=0)
        await self._send("input_audio_buffer.committed", item_id=item_id)
        if turn.is_written:
            await self._send(
                "conversation.item.input_audio_transcription.completed",
                item_id=item_id,
                content_index=0,
                transcript=turn.heard,
            )
        self._respond(turn)

    # -- speaking --------------------------------------------------------------------------------

    def _respond(self, turn: RealtimeTurn) -> None:
        self._response, self._speaking = self._id("resp"), trio.CancelScope()
        self._cancelled_by = "turn_detected"
        self._nursery.start_soon(self._speak, turn, self._response, self._speaking)

    async def _speak(self, turn: RealtimeTurn, response_id: str, scope: trio.CancelScope) -> None:
        with suppress(FarEndLost):
            await self._make_response(turn, response_id, scope)

    async def _make_response(
        self, turn: RealtimeTurn, response_id: str, scope: trio.CancelScope
    ) -> None:
        await self._send("response.created", response={"id": response_id, "status": "in_progress"})
        left = {"limit": 100, "remaining": 0 if turn.used_up_s else 99}
        limits = [{"name": "tokens", "reset_seconds": turn.used_up_s, **left}]
        await self._send("rate_limits.updated", rate_limits=limits)
        output: list[dict[str, Any]] = []
        with scope:
            await trio.sleep(turn.first_s)
            if turn.text:
                await self._say(turn.text, response_id)
            for name, arguments in turn.calls:
                call_id = self._id("call")
                self._calls.add(call_id)
                output.append(
                    {
                        "type": "function_call",
                        "call_id": call_id,
                        "name": name,
                        "arguments": json.dumps(arguments),
                    }
                )
        status = "completed"
        details: dict[str, Any] | None = None
        if scope.cancelled_caught:
            status = "cancelled"
            details = {"type": "cancelled", "reason": self._cancelled_by}
        elif turn.fails:
            details = {"type": "failed", "error": {"type": "server_error", "code": turn.fails}}
            status = "failed"
        elif turn.stopped_by:
            details = {"type": "incomplete", "reason": turn.stopped_by}
            status = "incomplete"
        self._response = ""
        await self._send(
            "response.done",
            response={
                "id": response_id,
                "status": status,
                "status_details": details,
                "output": output,
                "usage": {"total_tokens": 10},
            },
        )

    async def _say(self, text: str, response_id: str) -> None:
        item_id = self._id("item")
        item = self._items[item_id] = _Item()
        names = {"response_id": response_id, "item_id": item_id, "output_index": 0}
        names["content_index"] = 0
        pieces = _tone(len(text) / LETTERS_PER_S)
        self._fake.spoken.append(pieces)
        words = text.split(" ")
        n_words = math.ceil(len(words) / max(1, len(pieces)))
        for number, piece in enumerate(pieces):
            spoken = words[number * n_words : (number + 1) * n_words]
            if spoken:
                delta = ("" if number == 0 else " ") + " ".join(spoken)
                await self._send("response.output_audio_transcript.delta", delta=delta, **names)
            item.n_samples += len(piece)
            audio = b64encode(piece).decode()
            await self._send("response.output_audio.delta", delta=audio, **names)
            await trio.sleep(PIECE_S / FASTER)
        await self._send("response.output_audio.done", **names)
        await self._send("response.output_audio_transcript.done", transcript=text, **names)

    # -- the wire --------------------------------------------------------------------------------

    def _id(self, prefix: str) -> str:
        self._n += 1
        return f"{prefix}_{len(self._fake.sessions)}_{self._n}"

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(_event(kind, **fields))

    async def _refuse(self, code: str, message: str) -> None:
        self._fake.faults.append(f"{code}: {message}")
        await self._send("error", error=_error(code, message))


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": "event", **fields}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"type": "invalid_request_error", "code": code, "message": message, "param": None}


def _tone(seconds: float) -> list[bytes]:
    """Return a tone of 300 Hz in pieces."""
    n_samples = math.ceil(seconds * RATE_HZ)
    phase = np.arange(n_samples) * (2 * math.pi * 300 / RATE_HZ)
    payload = encode_ulaw((8000 * np.sin(phase)).astype(np.int16))
    size = int(PIECE_S * RATE_HZ)
    return [payload[start : start + size] for start in range(0, n_samples, size)]
