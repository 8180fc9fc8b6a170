"""A fake of ElevenLabs' text-to-speech socket with contexts; see `elevenlabs_wire` for its pages.

At most five contexts are open on a connection; a sixth closes it. A context ends when it was closed
and what was flushed has been spoken; closing does not stop that. Key: `xi-api-key`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from voiced.net.helpers import open_helpers
from voiced.testing.fake_voices.speaking import until_lost
from voiced.testing.fake_voices.tones import Pace, SpokenTones, speak_in_tones

if TYPE_CHECKING:
    from voiced.testing.fake_provider import FakeRequest, FakeResponse, FakeSocket

MOST_CONTEXTS = 5


@dataclass(slots=True)
class _Context:
    text: str = ""
    flushed: list[str] = field(default_factory=list)
    is_closed: bool = False
    changed: trio.Event = field(default_factory=trio.Event)


class FakeElevenLabs:
    """Fits `voiced.testing.fake_provider.FakeProvider`."""

    def __init__(self, pace: Pace = Pace(), *, key: str = "any") -> None:  # noqa: B008 - frozen
        self.said: list[str] = []
        self.stopped: list[str] = []
        """Contexts that were closed before all of them had been spoken."""
        self._pace = pace
        self._key = key

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer nothing but sockets."""
        del request
        await response.whole({"detail": "Not Found"}, status=404)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Speak in contexts."""
        if request.headers.get("xi-api-key") != self._key:
            await _end(socket, "invalid_api_key", "Invalid API key")
            return
        codec, _, rate = request.query.get("output_format", "mp3_44100").rpartition("_")
        connection = _Connection(self, socket, codec == "ulaw", int(rate), self._pace)
        await connection.run()


class _Connection:
    def __init__(
        self, fake: FakeElevenLabs, socket: FakeSocket, mulaw: bool, rate_hz: int, pace: Pace
    ) -> None:
        self._fake = fake
        self._socket = socket
        self._mulaw = mulaw
        self._rate_hz = rate_hz
        self._pace = pace
        self._contexts: dict[str, _Context] = {}

    async def run(self) -> None:
        async with open_helpers() as nursery:
            while await self._take(json.loads(await self._socket.receive()), nursery):
                pass

    async def _take(self, message: dict[str, Any], nursery: trio.Nursery) -> bool:
        if message.get("close_socket"):
            return False
        name = message.get("context_id", "default")
        context = self._contexts.get(name)
        if context is None and message.get("close_context"):
            return True
        if context is None:
            if len(self._contexts) == MOST_CONTEXTS:
                reason = f"Maximum simultaneous contexts exceeded ({MOST_CONTEXTS})"
                await _end(self._socket, "max_active_conversations", reason)
                return False
            context = self._contexts[name] = _Context()
            nursery.start_soon(until_lost, self._speak, name, context)
        context.text += message.get("text", "")
        if message.get("flush") and context.text.strip():
            context.flushed.append(context.text.strip())
            context.text = ""
        if message.get("close_context"):
            if context.is_closed:
                self._fake.stopped.append(name)
            context.is_closed = True
        context.changed.set()
        return True

    async def _speak(self, name: str, context: _Context) -> None:
        while True:
            while context.flushed:
                text = context.flushed.pop(0)
                self._fake.said.append(text)
                await self._say(name, speak_in_tones(text, self._rate_hz))
            if context.is_closed:
                break
            context.changed = trio.Event()
            await context.changed.wait()
        del self._contexts[name]
        await self._socket.send({"isFinal": True, "contextId": name})

    async def _say(self, name: str, tones: SpokenTones) -> None:
        await trio.sleep(self._pace.first_s)
        for start_s, data in tones.messages(self._pace.message_s, mulaw=self._mulaw):
            await self._socket.send(
                {
                    "audio": b64encode(data).decode(),
                    "isFinal": None,
                    "alignment": _alignment(tones, start_s, start_s + self._pace.message_s),
                    "normalizedAlignment": None,
                    "contextId": name,
                }
            )
            await trio.sleep(self._pace.each_s)


def _alignment(tones: SpokenTones, from_s: float, to_s: float) -> dict[str, list[Any]] | None:
    """Return the characters that begin within a message, each with its time in it."""
    characters = []
    for word, start_s, end_s in tones.words:
        each_s = (end_s - start_s) / len(word)
        spelled = [(letter, start_s + n * each_s, each_s) for n, letter in enumerate(word)]
        characters += [*spelled, (" ", end_s, 0.0)]
    # Rounded, so that no character lies in two messages or in none.
    from_s, to_s = round(from_s, 4), round(to_s, 4)
    within = [(c, at - from_s, each) for c, at, each in characters if from_s <= round(at, 4) < to_s]
    if not within:
        return None
    return {
        "chars": [c for c, _, _ in within],
        "charStartTimesMs": [round(at * 1000) for _, at, _ in within],
        "charDurationsMs": [round(each * 1000) for _, _, each in within],
    }


async def _end(socket: FakeSocket, error: str, message: str) -> None:
    await socket.send({"message": message, "error": error, "code": 1008})
    await socket.close(1008, message)
