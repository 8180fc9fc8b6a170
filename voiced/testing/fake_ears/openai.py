"""A fake of `/audio/transcriptions`, as OpenAI and Whisper servers have it."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING

import trio

from voiced.audio.wav import read_wav

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.testing.fake_provider.exchange import FakeRequest, FakeResponse, FakeSocket


class FakeTranscription:
    """Fits `FakeProvider`.

    Args:
        lines: what is said in each utterance, in order.
        key: that must come; "" for a server that wants none.
        latency_s: from a request to its answer.
    """

    def __init__(self, lines: Sequence[str] = (), *, key: str = "", latency_s: float = 0.2) -> None:
        self.lines = list(lines)
        self.key = key
        self.durations_s: list[float] = []
        self.forms: list[dict[str, str]] = []
        self._latency_s = latency_s

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Transcribe a file."""
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            await response.whole({"error": {"message": "Incorrect API key"}}, status=401)
            return
        if not request.path.endswith("/audio/transcriptions"):
            await response.whole({"error": {"message": "Not found"}}, status=404)
            return
        form, wav = _parts(request)
        pcm, rate_hz = read_wav(wav)
        self.forms.append(form)
        self.durations_s.append(round(len(pcm) / rate_hz, 3))
        text = self.lines[0] if self.lines else ""
        await trio.sleep(self._latency_s)
        if form.get("response_format") == "verbose_json":
            segment = {"text": f" {text}", "avg_logprob": -0.1, "no_speech_prob": 0.01}
            await response.whole({"text": text, "language": "en", "segments": [segment]})
        else:
            await response.whole({"text": text})
        if self.lines[:1] == [text]:  # told: it is not said again
            self.lines.pop(0)

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Speak no WebSocket."""
        del request
        await socket.close(1008)


def _parts(request: FakeRequest) -> tuple[dict[str, str], bytes]:
    """Take a multipart form apart: its fields, and the file."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + request.body)
    form, file = {}, b""
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        body = part.get_payload(decode=True)
        assert isinstance(body, bytes)
        if name == "file":
            file = body
        else:
            form[str(name)] = body.decode()
    return form, file
