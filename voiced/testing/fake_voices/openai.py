"""A fake of OpenAI's speech endpoint; see `openai_wire` for its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.testing.fake_voices.tones import Pace, speak_in_tones

if TYPE_CHECKING:
    from voiced.testing.fake_provider import FakeRequest, FakeResponse, FakeSocket

RATE_HZ = 24_000


class FakeOpenAISpeech:
    """Fits `voiced.testing.fake_provider.FakeProvider`."""

    def __init__(self, pace: Pace = Pace(), *, key: str = "any") -> None:  # noqa: B008 - frozen
        self.said: list[str] = []
        self._pace = pace
        self._key = key

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Hold no sockets."""
        del request
        await socket.close(1008)

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Speak, in pieces that end anywhere, also within a sample."""
        if request.method != "POST" or not request.path.endswith("/audio/speech"):
            await response.whole({"error": {"message": "Unknown request URL"}}, status=404)
            return
        if request.headers.get("authorization") != f"Bearer {self._key}":
            await response.whole({"error": {"code": "invalid_api_key"}}, status=401)
            return
        asked = request.json()
        if asked["response_format"] != "pcm" or not asked["input"] or len(asked["input"]) > 4096:
            await response.whole({"error": {"message": "invalid input"}}, status=400)
            return
        self.said.append(asked["input"])
        await trio.sleep(self._pace.first_s)
        await response.begin(content_type="audio/pcm")
        data = speak_in_tones(asked["input"], RATE_HZ).pcm.astype("<i2").tobytes()
        step = round(self._pace.message_s * RATE_HZ) * 2 + 1
        for start in range(0, len(data), step):
            await response.send(data[start : start + step])
            await trio.sleep(self._pace.each_s)
        await response.end()
