"""A fake of Deepgram's text-to-speech socket (Aura); see `deepgram_wire` for its pages.

What is flushed is spoken in order. A `Clear` stops it: one more message of audio, which was on its
way, then `Cleared`. More than 20 flushes in 60 s are answered by a warning, and not obeyed.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING

import trio

from voiced.net.helpers import open_helpers
from voiced.testing.fake_voices.speaking import until_lost
from voiced.testing.fake_voices.tones import Pace, speak_in_tones

if TYPE_CHECKING:
    from voiced.testing.fake_provider import FakeRequest, FakeResponse, FakeSocket

MOST_FLUSHES = 20
FLUSH_WINDOW_S = 60.0


class FakeAura:
    """Fits `voiced.testing.fake_provider.FakeProvider`."""

    def __init__(self, pace: Pace = Pace()) -> None:  # noqa: B008 - frozen
        self.said: list[str] = []
        self.stopped: list[str] = []
        """Texts that were cleared."""
        self._pace = pace

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer nothing but sockets."""
        del request
        await response.whole({"err_code": "NOT_FOUND"}, status=404)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Speak what is flushed."""
        await socket.send({"type": "Metadata", "request_id": "r", "model_name": "aura"})
        connection = _Connection(self, socket, request, self._pace)
        async with open_helpers() as nursery:
            nursery.start_soon(until_lost, connection.speak)
            await connection.listen()


class _Connection:
    def __init__(
        self, fake: FakeAura, socket: FakeSocket, request: FakeRequest, pace: Pace
    ) -> None:
        self._fake = fake
        self._socket = socket
        self._is_mulaw = request.query.get("encoding") == "mulaw"
        self._rate_hz = int(request.query.get("sample_rate", "24000"))
        self._pace = pace
        self._buffer = ""
        self._texts_in, self._texts = trio.open_memory_channel[str](100)
        self._speaking = trio.CancelScope()
        self._present = ""
        self._flushed_at: deque[float] = deque(maxlen=MOST_FLUSHES)
        self._sequence = 0

    async def listen(self) -> None:
        while True:
            message = json.loads(await self._socket.receive())
            match message["type"]:
                case "Speak":
                    self._buffer += message["text"]
                case "Flush":
                    await self._flush()
                case "Clear":
                    await self._clear()
                case "Close":
                    return
                case _:
                    await self._warn("UNPARSABLE_CLIENT_MESSAGE", "unknown type")

    async def _flush(self) -> None:
        now = trio.current_time()
        if len(self._flushed_at) == MOST_FLUSHES and now - self._flushed_at[0] < FLUSH_WINDOW_S:
            await self._warn("EXCEEDED_MAX_FLUSHES", "Flush messages exceeded the limit")
            return
        self._flushed_at.append(now)
        text, self._buffer = self._buffer, ""
        self._texts_in.send_nowait(text)

    async def _clear(self) -> None:
        self._buffer = ""
        while self._texts.statistics().current_buffer_used:
            self._texts.receive_nowait()
        if self._present:
            self._fake.stopped.append(self._present)
            self._speaking.cancel()
            tones = speak_in_tones(self._present, self._rate_hz)
            *_, (_, late) = tones.messages(self._pace.message_s, mulaw=self._is_mulaw)
            await self._socket.send(late)
        await self._number("Cleared")

    async def speak(self) -> None:
        async for text in self._texts:
            self._present = text
            with trio.CancelScope() as self._speaking:
                self._fake.said.append(text)
                await self._say(text)
                await self._number("Flushed")
            self._present = ""

    async def _say(self, text: str) -> None:
        await trio.sleep(self._pace.first_s)
        tones = speak_in_tones(text, self._rate_hz)
        for _, data in tones.messages(self._pace.message_s, mulaw=self._is_mulaw):
            await self._socket.send(data)
            await trio.sleep(self._pace.each_s)

    async def _number(self, kind: str) -> None:
        await self._socket.send({"type": kind, "sequence_id": self._sequence})
        self._sequence += 1

    async def _warn(self, code: str, description: str) -> None:
        await self._socket.send({"type": "Warning", "code": code, "description": description})
