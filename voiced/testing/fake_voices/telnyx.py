"""A fake of Telnyx's text-to-speech socket; see `telnyx_wire` for its pages.

The first message must be a space. Texts are spoken in order, streamed as the Natural voices are:
audio without its text, then the text without audio, then the end. `force` stops them; what was on
its way still comes.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import trio

from voiced.net.helpers import open_helpers
from voiced.testing.fake_voices.speaking import until_lost
from voiced.testing.fake_voices.tones import Pace, speak_in_tones

if TYPE_CHECKING:
    from voiced.testing.fake_provider import FakeRequest, FakeResponse, FakeSocket


class FakeTelnyxVoice:
    """Fits `voiced.testing.fake_provider.FakeProvider`; `hellos` are the first messages."""

    def __init__(self, pace: Pace = Pace(), *, streams: bool = True) -> None:  # noqa: B008 - frozen
        """Stream, or give each text's audio in one message with it."""
        self.said: list[str] = []
        self.stopped: list[str] = []
        """Texts that were stopped."""
        self.hellos: list[dict[str, Any]] = []
        self._pace = pace
        self._streams = streams

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer nothing but sockets."""
        del request
        await response.whole({"errors": []}, status=404)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Speak texts in order."""
        hello = json.loads(await socket.receive())
        if hello.get("text") != " ":
            await socket.send({"error": "Missing handshake"})
            return
        self.hellos.append(hello)
        texts_in, texts = trio.open_memory_channel[str](100)
        worker = _Worker(self, socket, request, self._pace, streams=self._streams)
        async with open_helpers() as nursery:
            nursery.start_soon(until_lost, worker.run, texts)
            while True:
                message = json.loads(await socket.receive())
                if message.get("force"):
                    await worker.stop()
                elif message.get("text") == "":
                    break
                elif message.get("text"):
                    texts_in.send_nowait(message["text"])


class _Worker:
    def __init__(
        self,
        fake: FakeTelnyxVoice,
        socket: FakeSocket,
        request: FakeRequest,
        pace: Pace,
        *,
        streams: bool,
    ) -> None:
        self._fake = fake
        self._socket = socket
        self._is_mulaw = request.query.get("audio_format") == "mulaw"
        self._rate_hz = int(request.query.get("sample_rate", "24000"))
        self._pace = pace
        self._streams = streams
        self._speaking = trio.CancelScope()
        self._present = ""

    async def run(self, texts: trio.MemoryReceiveChannel[str]) -> None:
        async for text in texts:
            self._present = text
            with trio.CancelScope() as self._speaking:
                self._fake.said.append(text)
                await self._say(text)
            self._present = ""

    async def stop(self) -> None:
        if self._present:
            self._fake.stopped.append(self._present)
            self._speaking.cancel()
            tones = speak_in_tones(self._present, self._rate_hz)
            *_, (_, late) = tones.messages(self._pace.message_s, mulaw=self._is_mulaw)
            await self._audio(late, None)

    async def _say(self, text: str) -> None:
        await trio.sleep(self._pace.first_s)
        tones = speak_in_tones(text, self._rate_hz)
        message_s = self._pace.message_s if self._streams else len(tones.pcm) / self._rate_hz
        for _, data in tones.messages(message_s, mulaw=self._is_mulaw):
            await self._audio(data, None if self._streams else text)
            await trio.sleep(self._pace.each_s)
        if self._streams:
            await self._audio(None, text)
        await self._socket.send({"audio": None, "text": "", "isFinal": True})

    async def _audio(self, data: bytes | None, text: str | None) -> None:
        audio = None if data is None else b64encode(data).decode()
        message = {"audio": audio, "text": text, "isFinal": False, "cached": False}
        await self._socket.send(message)
