"""A fake of AssemblyAI's Universal-Streaming; see `voiced.recognizer.assemblyai_wire`.

It checks key, query and the length of each piece of audio, and tells turns as the real one does:
words so far while somebody speaks, the whole turn after `min_turn_silence` or at `ForceEndpoint`,
and nothing at all where nobody speaks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trio

from voiced.audio.g711 import decode_ulaw
from voiced.testing.fake_ears.ear import Ear, Heard, decode_linear16

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.testing.fake_provider.exchange import FakeRequest, FakeResponse, FakeSocket

INTERIM_S = 0.3
MOST_TERMS = 100
LONGEST_TERM = 50
SHORTEST_S = 0.05
LONGEST_S = 1.0


class FakeAssemblyAi:
    """Fits `FakeProvider`.

    Args:
        lines: what the caller says, one for each stretch of speech.
        key: the account's.
        latency_s: from audio to the words of it.
    """

    def __init__(
        self, lines: Sequence[str] = (), *, key: str = "aai-key", latency_s: float = 0.1
    ) -> None:
        self.lines = list(lines)
        self.key = key
        self.controls: list[str] = []
        self._latency_s = latency_s

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer what is no WebSocket."""
        del request
        await response.whole({"error": "Bad Request"}, status=400)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Recognize until `Terminate`, or until the client leaves."""
        if request.headers.get("authorization") != self.key:
            await socket.close(4001, "Not Authorized")
        elif "speech_model" not in request.query:
            await socket.close(3006, "speech_model is required")
        elif _are_too_many(json.loads(request.query.get("keyterms_prompt", "[]"))):
            await socket.close(3006, "keyterms_prompt exceeds its limits")
        else:
            await _Session(self, request, socket, self._latency_s).run()


def _are_too_many(terms: Sequence[str]) -> bool:
    return len(terms) > MOST_TERMS or any(len(term) > LONGEST_TERM for term in terms)


class _Session:
    def __init__(
        self, fake: FakeAssemblyAi, request: FakeRequest, socket: FakeSocket, latency_s: float
    ) -> None:
        self._fake = fake
        self._socket = socket
        self._latency_s = latency_s
        rate_hz = int(request.query["sample_rate"])
        is_mulaw = request.query["encoding"] == "pcm_mulaw"
        self._bytes_per_s = rate_hz * (1 if is_mulaw else 2)
        decode = decode_ulaw if is_mulaw else decode_linear16
        self._ear = Ear(fake.lines, rate_hz=rate_hz, decode=decode)
        self._silence_s = int(request.query.get("min_turn_silence", "400")) / 1000
        self._formats = request.query.get("format_turns") == "true"
        self._told_s = 0.0
        self._turn = 0

    async def run(self) -> None:
        await self._socket.send({"type": "Begin", "id": "0", "expires_at": 1})
        while True:
            message = await self._socket.receive()
            if isinstance(message, bytes):
                if not SHORTEST_S <= len(message) / self._bytes_per_s <= LONGEST_S:
                    await self._socket.close(3007, "Input Duration Error")
                    return
                for heard in self._ear.hear(message):
                    await self._consider(heard)
                continue
            kind = json.loads(message)["type"]
            self._fake.controls.append(kind)
            heard = self._ear.state()
            if kind in ("ForceEndpoint", "Terminate") and heard.words:
                await self._end_turn(heard)
            if kind == "Terminate":
                await self._socket.send({"type": "Termination", "audio_duration_seconds": 1})
                return

    async def _consider(self, heard: Heard) -> None:
        if heard.words and not heard.is_speaking and heard.silent_s >= self._silence_s:
            await self._end_turn(heard)
        elif heard.words and heard.now_s - self._told_s >= INTERIM_S:
            self._told_s = heard.now_s
            await self._tell(heard, end_of_turn=False)

    async def _end_turn(self, heard: Heard) -> None:
        await self._tell(heard, end_of_turn=True)
        if self._formats:
            await self._tell(heard, end_of_turn=True, is_formatted=True)
        self._turn += 1
        self._ear.settle()
        self._fake.lines = self._ear.lines

    async def _tell(self, heard: Heard, *, end_of_turn: bool, is_formatted: bool = False) -> None:
        each_s = (heard.ends_s - heard.begins_s) / len(heard.words)
        words: list[dict[str, Any]] = [
            {
                "text": word,
                "start": round(1000 * (heard.begins_s + n * each_s)),
                "end": round(1000 * (heard.begins_s + (n + 1) * each_s)),
                "confidence": 0.97,
                "word_is_final": end_of_turn or n < len(heard.words) - 1,
            }
            for n, word in enumerate(heard.words)
        ]
        finished = [word["text"] for word in words if word["word_is_final"]]
        text = " ".join(finished)
        await trio.sleep(self._latency_s)
        await self._socket.send(
            {
                "type": "Turn",
                "turn_order": self._turn,
                "turn_is_formatted": is_formatted,
                "end_of_turn": end_of_turn,
                "transcript": f"{text.capitalize()}." if is_formatted else text,
                "end_of_turn_confidence": 0.9 if end_of_turn else 0.1,
                "words": words,
                "utterance": text if end_of_turn else "",
            }
        )
