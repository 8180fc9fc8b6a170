"""A fake of Telnyx's speech-to-text socket; see `voiced.recognizer.telnyx_wire`.

With the engine Deepgram it tells the end of speech and takes control messages; with any other it
tells words that are settled, and no more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trio

from voiced.audio.g711 import decode_ulaw
from voiced.testing.fake_ears.ear import Ear, Heard, decode_linear16
from voiced.testing.fake_provider.faults import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.testing.fake_provider.exchange import FakeRequest, FakeResponse, FakeSocket

INTERIM_S = 0.3
IDLE_S = 10.0
FORMATS = ("mulaw", "alaw", "linear16", "linear32", "mp3", "wav", "webm", "ogg", "flac", "opus")


class FakeTelnyxEars:
    """Fits `FakeProvider`.

    Args:
        lines: what the caller says, one for each stretch of speech.
        key: the account's.
        latency_s: from audio to the words of it.
    """

    def __init__(
        self, lines: Sequence[str] = (), *, key: str = "telnyx-key", latency_s: float = 0.1
    ) -> None:
        self.lines = list(lines)
        self.key = key
        self.controls: list[str] = []
        self._latency_s = latency_s

    def refuses(self, request: FakeRequest) -> Answer | None:
        """Refuse a wrong key."""
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return Answer(status=401, body='{"errors":[{"code":"10009"}]}')

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer what is no WebSocket."""
        del request
        await response.whole({"errors": [{"code": "10005"}]}, status=404)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Recognize until `CloseStream`, or until the client leaves."""
        if request.query.get("input_format") not in FORMATS:
            await _refuse(socket, "40001", "Unsupported input_format")
        elif "sample_rate" not in request.query:
            await _refuse(socket, "40003", "sample_rate is required")
        else:
            await _Session(self, request, socket, self._latency_s).run()


async def _refuse(socket: FakeSocket, code: str, detail: str) -> None:
    await socket.send({"errors": [{"code": code, "title": "Invalid", "detail": detail}]})
    await socket.close(1008)


class _Session:
    def __init__(
        self, fake: FakeTelnyxEars, request: FakeRequest, socket: FakeSocket, latency_s: float
    ) -> None:
        self._fake = fake
        self._socket = socket
        self._latency_s = latency_s
        rate_hz = int(request.query["sample_rate"])
        decode = decode_ulaw if request.query["input_format"] == "mulaw" else decode_linear16
        self._ear = Ear(fake.lines, rate_hz=rate_hz, decode=decode)
        self._is_deepgram = request.query.get("transcription_engine", "Deepgram") == "Deepgram"
        self._interim = request.query.get("interim_results") == "true"
        self._silence_s = int(request.query.get("endpointing", "100")) / 1000
        self._told_s = 0.0

    async def run(self) -> None:
        while True:
            message: str | bytes | None = None
            with trio.move_on_after(IDLE_S if self._is_deepgram else float("inf")):
                message = await self._socket.receive()
            if message is None:
                await self._socket.close(1011, "NET-0001")
                return
            if isinstance(message, bytes):
                for heard in self._ear.hear(message):
                    await self._consider(heard)
                continue
            kind = json.loads(message).get("type")
            self._fake.controls.append(kind)
            if kind == "CloseStream":
                return
            if kind == "Finalize" and self._is_deepgram:
                await self._settle(self._ear.state())

    async def _consider(self, heard: Heard) -> None:
        if heard.words and not heard.is_speaking and heard.silent_s >= self._silence_s:
            await self._settle(heard)
        elif heard.words and self._interim and heard.now_s - self._told_s >= INTERIM_S:
            self._told_s = heard.now_s
            await self._tell(heard, is_final=False)

    async def _settle(self, heard: Heard) -> None:
        await self._tell(heard, is_final=True)
        self._ear.settle()
        self._fake.lines = self._ear.lines

    async def _tell(self, heard: Heard, *, is_final: bool) -> None:
        text = " ".join(heard.words)
        told: dict[str, Any] = {
            "transcript": text,
            "is_final": is_final,
            "confidence": 0.98 if is_final and text else 0.0,
        }
        if self._is_deepgram:
            told["speech_final"] = is_final
        await trio.sleep(self._latency_s if text else 0)
        await self._socket.send(told)
