"""Telnyx's REST API, as far as the emulator speaks it: a small ASGI application.

This module carries requests and answers, checks the key and counts; what they mean is the business
of its handlers (`calls`, `recordings` ...). It is served by Hypercorn on a real socket
(`serve_api`), or called in memory through `httpx.ASGITransport(app=telnyx.app)`.
"""

from __future__ import annotations

import hmac
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote

import httpx
import trio

from voiced.public.listeners import open_listener, serve_app
from voiced.testing.api import Answer, RateLimit, Request, refusal, throttled
from voiced.testing.commands import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from voiced.testing.api import Handler
    from voiced.testing.network import AsgiApp

LARGEST_BODY = 256 * 1024
"""Bytes; a command has a few hundred."""

_UNAUTHORIZED = Refused(
    status=401,
    code="10009",
    detail="The required authentication headers were either invalid or not included.",
)
_NOT_FOUND = Refused(
    status=404, code="10005", detail="The requested resource or URL could not be found."
)


class Gate(Protocol):
    """What the API needs to know."""

    @property
    def reply_s(self) -> float:
        """Return how long an answer takes."""
        ...

    def is_authorized(self, authorization: str) -> bool:
        """Tell whether a request's Authorization header holds the account's key."""
        ...


def bearer_matches(authorization: str, api_key: str) -> bool:
    """Compare an Authorization header with the key, in constant time."""
    return hmac.compare_digest(authorization.encode(), f"Bearer {api_key}".encode())


class RestApi:
    """The ASGI application.

    Args:
        gate: knows the account's key.
        handlers: asked in order, once the key has been checked.
        open_handlers: asked before, for what needs no key.
        requests_per_s: more are answered 429.
    """

    def __init__(
        self,
        gate: Gate,
        handlers: Sequence[Handler],
        *,
        open_handlers: Sequence[Handler] = (),
        requests_per_s: int = 500,
    ) -> None:
        self._gate = gate
        self._handlers = handlers
        self._open_handlers = open_handlers
        self._rate_limit = RateLimit(requests_per_s)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the lifespan."""
        await trio.lowlevel.checkpoint()
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            body = await _read_body(receive)
            if body is None:
                return
            request = _request(scope, body)
            within, headers = self._rate_limit.take(trio.current_time())
            answer = self._answer(request, scope) if within else throttled(1)
            await self._reply(answer, headers, send)

    def _answer(self, request: Request, scope: Any) -> Answer:
        answer = _first(self._open_handlers, request)
        if answer is not None:
            return answer
        given = {name.lower(): value for name, value in scope["headers"]}
        if not self._gate.is_authorized(given.get(b"authorization", b"").decode("latin-1")):
            return refusal(_UNAUTHORIZED)
        return _first(self._handlers, request) or refusal(_NOT_FOUND)

    async def _reply(self, answer: Answer, limits: dict[str, str], send: Any) -> None:
        if answer.is_dropped:
            await _drop(send)
        await trio.sleep(self._gate.reply_s if answer.delay_s is None else answer.delay_s)
        body = answer.content()
        headers = {"content-type": answer.content_type, "content-length": str(len(body))}
        headers |= limits | dict(answer.headers)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _first(handlers: Sequence[Handler], request: Request) -> Answer | None:
    answers = (handler(request) for handler in handlers)
    return next((answer for answer in answers if answer is not None), None)


def _request(scope: Any, body: bytes) -> Request:
    headers = {name.lower(): value for name, value in scope["headers"]}
    host = headers.get(b"host", b"").decode("latin-1")
    # The raw path, so that a slash inside a call_control_id is none of ours.
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").split("?")[0]
    return Request(
        method=scope["method"],
        path=tuple(unquote(part) for part in path.split("/")[1:]),
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
        body=body,
        base_url=f"{scope.get('scheme', 'http')}://{host}",
    )


async def _read_body(receive: Any) -> bytes | None:
    """Read a request's body, no more than is allowed; None if the client left before its end."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message.get("body", b""))[: LARGEST_BODY + 1 - len(body)]
        if not message.get("more_body", False):
            return body


async def _drop(send: Any) -> None:
    """Lose the connection in the middle of the answer, in memory as on a socket."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise httpx.ReadError("the emulated Telnyx dropped the connection")


async def _live(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@asynccontextmanager
async def serve_api(app: AsgiApp, *, bind: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve the API on a real socket with Hypercorn; yields its base URL (`http://.../v2`).

    Raises:
        StartupError: the address cannot be bound.
    """

    async def served(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except httpx.ReadError:
            # A planned drop: Hypercorn closes the connection of an unfinished answer.
            await trio.lowlevel.checkpoint()

    with open_listener(bind, "the emulated REST API") as listener:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_app, served, listener)
            yield f"http://{listener.address}/v2"
            nursery.cancel_scope.cancel()
