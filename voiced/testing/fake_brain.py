"""A brain as the agent `http` asks one, in Python, for tests.

server = FakeServer(FakeBrain(lambda request: [("say", {"text": "Hello."})]))
async with serve_fake(server) as host:
    ...                                     # [agent] url = "http://{host}/"
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from voiced.agent.http_wire import PROTOCOL

if TYPE_CHECKING:
    from voiced.testing.fake_provider import FakeRequest, FakeResponse, FakeSocket

Event: TypeAlias = tuple[str, Mapping[str, Any]]
Respond: TypeAlias = Callable[[Mapping[str, Any]], Iterable[Event]]
"""Makes the events of an answer, without `end`, from a request; `("wait", {"s": 1})` waits."""


class FakeBrain:
    """Answers as it is told; `end` comes by itself."""

    def __init__(self, respond: Respond, *, token: str = "") -> None:
        """Answer by `respond`; with a `token` nobody else is answered."""
        self._respond = respond
        self._token = token

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Close it: there are no sockets here."""
        del request
        await socket.close(1008, "no such endpoint")

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer a request."""
        if self._token and request.headers.get("authorization") != f"Bearer {self._token}":
            await response.whole("who are you?", status=401)
            return
        body = request.json()
        if body["protocol"] != PROTOCOL:
            await response.whole(f"speak {PROTOCOL}", status=400)
            return
        await response.begin()
        for name, data in (*self._respond(body), ("end", {})):
            if name == "wait":
                await trio.sleep(data["s"])
            else:
                await response.send(f"event: {name}\ndata: {json.dumps(data)}\n\n")
        await response.end()
