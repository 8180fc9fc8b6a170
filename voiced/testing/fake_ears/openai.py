"""A fake of `/audio/transcriptions`, as OpenAI and Whisper servers have it."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

import trio

from voiced.audio.wav import read_wav

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        self.forms: list[dict[str, Any]] = []
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
        if fault := fault_of_form(form):
            await response.whole({"error": {"message": fault}}, status=400)
            return
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


def fault_of_form(form: Mapping[str, Any]) -> str:
    """Return what OpenAI would not take of a form, "" if nothing."""
    if not form["model"].startswith("gpt-transcribe"):
        unknown = {"languages[]", "keywords[]"} & form.keys()
        return f"unknown parameter: {min(unknown)}" if unknown else ""
    unknown = {"language", "temperature", "include[]"} & form.keys()
    if unknown or form.get("response_format", "json") != "json":
        return f"unsupported parameter: {min(unknown, default='response_format')}"
    odd = [word for word in form.get("keywords[]", ()) if set("<>\r\n") & set(word)]
    return f"invalid keyword: {odd[0]}" if odd else ""


def _parts(request: FakeRequest) -> tuple[dict[str, Any], bytes]:
    """Take a multipart form apart: its fields, those that end with [] as lists, and the file."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + request.body)
    form: dict[str, Any] = {}
    file = b""
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        body = part.get_payload(decode=True)
        assert isinstance(body, bytes)
        if name == "file":
            file = body
        elif str(name).endswith("[]"):
            form.setdefault(str(name), []).append(body.decode())
        else:
            form[str(name)] = body.decode()
    return form, file
