"""Telnyx's REST API in a replay: each attempt of a command is answered as it was recorded."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

import httpx
import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.flight.entries import Entry
    from voiced.flight.reading import FlightRecording

USUAL_REPLY_S = 0.05
"""To a command that was not sent when the call was recorded; it is then taken."""

USUAL_JITTER = 0.5

_USUAL_BODY = b'{"data":{"result":"ok"}}'


class RecordedApi(httpx.AsyncBaseTransport):
    """Fits httpx. The n-th attempt of an action is answered as the n-th one was."""

    def __init__(self, recording: FlightRecording, heard: Callable[[str, Any], None]) -> None:
        """Answer from `recording`; `heard` is told each action and its body."""
        answers = {entry.data["n"]: entry for entry in recording.of("reply", "no_reply")}
        self._attempts: dict[str, deque[tuple[Entry, Entry | None]]] = defaultdict(deque)
        for request in recording.of("request"):
            answer = answers.get(request.data["n"])
            self._attempts[_action(request.data["path"])].append((request, answer))
        self._drawn = deque(entry.data["drawn"] for entry in recording.of("jitter"))
        self._heard = heard

    def jitter(self) -> float:
        """Return the random part of a wait, as it was drawn."""
        return self._drawn.popleft() if self._drawn else USUAL_JITTER

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer after the time that it took."""
        action = _action(request.url.path)
        body = await request.aread()
        self._heard(action, json.loads(body) if body else {})
        attempts = self._attempts[action]
        if not attempts:
            await trio.sleep(USUAL_REPLY_S)
            return _response(200, {}, _USUAL_BODY)
        asked, answer = attempts.popleft()
        if answer is None:
            await trio.sleep_forever()  # until whoever asked gives up, as then
        await trio.sleep(answer.at_s - asked.at_s)
        if answer.kind == "no_reply":
            raise _transport_error(answer.data["error"])
        data = answer.data
        return _response(data["status"], data["headers"], data["body"].encode())


def _action(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _response(status: int, headers: dict[str, str], body: bytes) -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def _transport_error(name: str) -> httpx.HTTPError:
    kind = getattr(httpx, name, httpx.TransportError)
    if not (isinstance(kind, type) and issubclass(kind, httpx.RequestError)):
        kind = httpx.TransportError
    return kind("as recorded")
