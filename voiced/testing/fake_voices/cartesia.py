"""A fake of Cartesia's text-to-speech socket; see `cartesia_wire` for its pages.

Contexts are spoken beside each other. One that is cancelled after it has begun to sound is spoken
to its end all the same; one that has not is not begun. Key: `X-API-Key`, refused by the handshake.
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


class FakeCartesia:
    """Fits `voiced.testing.fake_provider.FakeProvider`."""

    def __init__(
        self,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        *,
        most_contexts: int = 100,
    ) -> None:
        """Answer 429 to more than `most_contexts` at a time."""
        self.said: list[str] = []
        self.stopped: list[str] = []
        """Contexts that were cancelled."""
        self._pace = pace
        self._most_contexts = most_contexts

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer nothing but sockets."""
        del request
        await response.whole({"title": "Not found"}, status=404)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Speak in contexts."""
        del request
        waiting: set[str] = set()  # not begun to sound
        open_contexts: set[str] = set()
        async with open_helpers() as nursery:
            while True:
                message = json.loads(await socket.receive())
                name = message["context_id"]
                if message.get("cancel"):
                    self.stopped.append(name)
                    waiting.discard(name)
                elif len(open_contexts) == self._most_contexts:
                    await socket.send(_error(name, 429, "concurrency_limited", "Too many"))
                elif "transcript" not in message or message.get("voice", {}).get("id") == "":
                    await socket.send(_error(name, 400, "invalid_request", "Missing field"))
                else:
                    waiting.add(name)
                    open_contexts.add(name)
                    nursery.start_soon(
                        until_lost, self._speak, socket, message, waiting, open_contexts
                    )

    async def _speak(
        self,
        socket: FakeSocket,
        message: dict[str, Any],
        waiting: set[str],
        open_contexts: set[str],
    ) -> None:
        name, form = message["context_id"], message["output_format"]
        await trio.sleep(self._pace.first_s)
        if name in waiting:
            waiting.discard(name)
            self.said.append(message["transcript"])
            await self._say(socket, message, form)
            await _tell(socket, name, "done", done=True)
        open_contexts.discard(name)

    async def _say(self, socket: FakeSocket, message: dict[str, Any], form: dict[str, Any]) -> None:
        name = message["context_id"]
        tones = speak_in_tones(message["transcript"], form["sample_rate"])
        is_mulaw = form["encoding"] == "pcm_mulaw"
        for start_s, data in tones.messages(self._pace.message_s, mulaw=is_mulaw):
            await _tell(socket, name, "chunk", data=b64encode(data).decode(), step_time=12)
            until_s = round(start_s + self._pace.message_s, 4)
            words = [w for w in tones.words if round(start_s, 4) <= round(w[1], 4) < until_s]
            if message.get("add_timestamps") and words:
                times = {
                    "words": [word for word, _, _ in words],
                    "start": [start for _, start, _ in words],
                    "end": [end for _, _, end in words],
                }
                await _tell(socket, name, "timestamps", word_timestamps=times)
            await trio.sleep(self._pace.each_s)


async def _tell(
    socket: FakeSocket, context: str, kind: str, *, done: bool = False, **more: Any
) -> None:
    message = {"type": kind, "done": done, "status_code": 206, "context_id": context}
    await socket.send({**message, **more})


def _error(context: str, status: int, code: str, title: str) -> dict[str, Any]:
    return {
        "type": "error",
        "done": True,
        "status_code": status,
        "error_code": code,
        "title": title,
        "message": title,
        "request_id": "r",
        "context_id": context,
    }
