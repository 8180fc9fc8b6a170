"""A fake of Deepgram's streaming recognition (`/v1/listen`); see `voiced.recognizer.deepgram_wire`.

It checks what a client must do (key, query, text messages for control, ten seconds without audio)
and answers as the real one does: interim `Results` while somebody speaks, settled ones after
`endpointing` of silence or at `Finalize`, empty settled ones in silence, `UtteranceEnd`.
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

IDLE_S = 10.0
MOST_TOKENS = 500
INTERIM_S = 0.3
SILENT_S = 2.0
"""Settled results without words come so often while nobody speaks."""


class FakeDeepgram:
    """Fits `FakeProvider`.

    Args:
        lines: what the caller says, one for each stretch of speech.
        key: the account's.
        latency_s: from audio to the result of it.
    """

    def __init__(
        self, lines: Sequence[str] = (), *, key: str = "dg-key", latency_s: float = 0.1
    ) -> None:
        self.lines = list(lines)
        self.key = key
        self.controls: list[str] = []
        self.n_audio_bytes = 0
        self.n_open = 0
        self._latency_s = latency_s

    def refuses(self, request: FakeRequest) -> Answer | None:
        """Refuse a wrong key, an unknown encoding, and terms of which there are too many.

        Tokens are guessed: three characters each. Terms are for nova-3, keywords for others.
        """
        if request.headers.get("authorization") != f"Token {self.key}":
            return Answer(status=401, body='{"err_code":"INVALID_AUTH"}')
        if request.query.get("encoding") not in ("mulaw", "linear16"):
            return Answer(status=400, body='{"err_code":"Bad Request"}')
        terms, words = request.all_of("keyterm"), request.all_of("keywords")
        is_new = request.query.get("model", "").startswith("nova-3")
        if (words if is_new else terms) or sum(map(len, terms)) > 3 * MOST_TOKENS:
            return Answer(status=400, body='{"err_msg":"Keyterm limit exceeded"}')
        return None

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer what is no WebSocket."""
        del request
        await response.whole({"err_code": "Bad Request"}, status=400)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Recognize until `CloseStream`, or until the client leaves."""
        self.n_open += 1
        try:
            await _Session(self, request, socket, self._latency_s).run()
        finally:
            self.n_open -= 1


class _Session:
    def __init__(
        self, fake: FakeDeepgram, request: FakeRequest, socket: FakeSocket, latency_s: float
    ) -> None:
        self._fake = fake
        self._socket = socket
        self._latency_s = latency_s
        rate_hz = int(request.query["sample_rate"])
        decode = decode_ulaw if request.query["encoding"] == "mulaw" else decode_linear16
        self._ear = Ear(fake.lines, rate_hz=rate_hz, decode=decode)
        self._interim = request.query.get("interim_results") == "true"
        self._endpointing_s = int(request.query.get("endpointing", "10")) / 1000
        self._settled_s = 0.0
        self._told: tuple[str, ...] = ()
        self._told_s = 0.0

    async def run(self) -> None:
        while True:
            message: str | bytes | None = None
            with trio.move_on_after(IDLE_S):
                message = await self._socket.receive()
            if message is None:
                await self._socket.close(1011, "NET-0001")
                return
            if isinstance(message, bytes):
                self._fake.n_audio_bytes += len(message)
                for heard in self._ear.hear(message):
                    await self._consider(heard)
                continue
            kind = json.loads(message)["type"]
            self._fake.controls.append(kind)
            if kind in ("Finalize", "CloseStream"):
                await self._settle(self._ear.state(), from_finalize=kind == "Finalize")
            if kind == "CloseStream":
                await self._socket.send({"type": "Metadata", "duration": self._settled_s})
                return

    async def _consider(self, heard: Heard) -> None:
        unsettled_s = heard.now_s - self._settled_s
        if heard.words and not heard.is_speaking and heard.silent_s >= self._endpointing_s:
            await self._settle(heard, speech_final=True)
        elif heard.words and self._interim and heard.now_s - self._told_s >= INTERIM_S:
            self._told_s = heard.now_s
            await self._result(heard, is_final=False)
        elif not heard.words and unsettled_s >= SILENT_S:
            await self._settle(heard)

    async def _settle(self, heard: Heard, **flags: bool) -> None:
        await self._result(heard, is_final=True, **flags)
        self._settled_s = self._told_s = heard.now_s
        self._ear.settle()
        self._fake.lines = self._ear.lines

    async def _result(self, heard: Heard, *, is_final: bool, **flags: bool) -> None:
        text = " ".join(heard.words)
        alternative: dict[str, Any] = {
            "transcript": text,
            "confidence": 0.98 if text else 0.0,
            "words": [],
        }
        await trio.sleep(self._latency_s if text else 0)
        await self._socket.send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": round(heard.now_s - self._settled_s, 3),
                "start": round(self._settled_s, 3),
                "is_final": is_final,
                "speech_final": False,
                "from_finalize": False,
                "channel": {"alternatives": [alternative]},
                "metadata": {},
                **flags,
            }
        )
