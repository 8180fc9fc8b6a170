"""Telnyx's REST API, as far as the emulator speaks it: a small ASGI application.

Routes: `POST /v2/calls/{call_control_id}/actions/<action>` (PUT for `client_state_update`) and
`GET /v2/calls/{call_control_id}`; those about the account are in `voiced.testing.account`. It is
served by Hypercorn on a real socket (`serve_api`), or called in memory through
`httpx.ASGITransport(app=telnyx.app)`.
"""

from __future__ import annotations

import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import trio

from voiced.listeners import open_listener, serve_app
from voiced.testing.account import Answer as _Answer
from voiced.testing.commands import Refused
from voiced.testing.legs import Accepted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from voiced.testing.account import AccountApi
    from voiced.testing.faults import RestFault
    from voiced.testing.network import AsgiApp
    from voiced.testing.phone_leg import PhoneLeg

LARGEST_BODY = 256 * 1024
"""Bytes; a command has a few hundred."""

_PUT_ACTIONS = ("client_state_update",)


class Calls(Protocol):
    """What the API needs to know."""

    @property
    def account_api(self) -> AccountApi:
        """Return what answers questions about the account."""
        ...

    @property
    def reply_s(self) -> float:
        """Return how long an answer takes."""
        ...

    def is_authorized(self, authorization: str) -> bool:
        """Tell whether a request's Authorization header holds the account's key."""
        ...

    def find(self, call_control_id: str) -> PhoneLeg | None:
        """Return a live or recent call."""
        ...


def bearer_matches(authorization: str, api_key: str) -> bool:
    """Compare an Authorization header with the key, in constant time."""
    return hmac.compare_digest(authorization.encode(), f"Bearer {api_key}".encode())


class RestApi:
    """The ASGI application."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the lifespan."""
        await trio.lowlevel.checkpoint()
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        raw = await _read_body(receive)
        answer = self._authorize(scope) or self._about_account(scope) or _route(scope)
        if isinstance(answer, _Answer):
            await self._reply(answer, send)
            return
        call_control_id, action = answer
        call = self._calls.find(call_control_id)
        if call is None:
            detail = "The call_control_id provided was not valid."
            refused = Refused(status=422, code="90015", detail=detail, pointer="/call_control_id")
            await self._reply(_refuse(refused), send)
        elif not action:
            await self._reply(_status_of(call), send)
        else:
            await self._command(call, action, raw, send)

    async def _command(self, call: PhoneLeg, action: str, raw: bytes, send: Any) -> None:
        body = _parse(raw)
        if isinstance(body, Refused):
            call.seen(action, {}, body.status, verdict=body)
            call.ledger.violation(f"{action}: {body.code} {body.detail}")
            await self._reply(_refuse(body), send)
            return
        trouble = call.troubles.next(action)
        if trouble is not None:
            if trouble.carried_out:
                call.judge(action, body)
            await self._trouble(call, action, body, trouble, send)
            return
        verdict = call.judge(action, body)
        status = 200 if isinstance(verdict, Accepted) else verdict.status
        call.seen(action, body, status, verdict=verdict)
        ok = _Answer(status=200, body={"data": {"result": "ok"}})
        await self._reply(ok if isinstance(verdict, Accepted) else _refuse(verdict), send)

    async def _trouble(
        self, call: PhoneLeg, action: str, body: Mapping[str, Any], fault: RestFault, send: Any
    ) -> None:
        """Answer as the fault plan says."""
        await trio.lowlevel.checkpoint()
        match fault.trouble:
            case "throttle":
                call.seen(action, body, 429)
                await self._reply(_throttled(fault.reset_s), send)
            case "fail":
                call.seen(action, body, 500)
                detail = "An unexpected error occurred."
                await self._reply(_refuse(Refused(status=500, code="10007", detail=detail)), send)
            case "hang":
                call.seen(action, body, None)
                await trio.sleep(fault.hang_s)
                detail = "The request took too long."
                await self._reply(_refuse(Refused(status=503, code="10007", detail=detail)), send)
            case "drop":
                call.seen(action, body, None)
                await _drop(send)

    def _authorize(self, scope: Any) -> _Answer | None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self._calls.is_authorized(headers.get(b"authorization", b"").decode("latin-1")):
            return None
        detail = "The required authentication headers were either invalid or not included."
        return _refuse(Refused(status=401, code="10009", detail=detail))

    def _about_account(self, scope: Any) -> _Answer | None:
        ask = self._calls.account_api.answer
        return ask(scope["method"], scope["path"], scope["query_string"])

    async def _reply(self, answer: _Answer, send: Any) -> None:
        await trio.sleep(self._calls.reply_s)
        body = json.dumps(answer.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        headers |= answer.headers
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _route(scope: Any) -> _Answer | tuple[str, str]:
    """Return (call_control_id, action) of a path, action "" for the call itself."""
    match scope["path"].split("/"):
        case ["", "v2", "calls", call_control_id]:
            action, method = "", "GET"
        case ["", "v2", "calls", call_control_id, "actions", action]:
            method = "PUT" if action in _PUT_ACTIONS else "POST"
        case _:
            detail = "The requested resource or URL could not be found."
            return _refuse(Refused(status=404, code="10005", detail=detail))
    if scope["method"] != method:
        detail = f"Only {method} is allowed here."
        return _refuse(Refused(status=405, code="10030", detail=detail))
    return call_control_id, action


def _parse(raw: bytes) -> dict[str, Any] | Refused:
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Refused(status=400, code="10023", detail="The body is not a JSON object.")
    return body


def _refuse(refused: Refused) -> _Answer:
    return _Answer(status=refused.status, body=refused.body())


def _throttled(reset_s: int) -> _Answer:
    detail = "You have exceeded the maximum number of allowed requests."
    refused = Refused(status=429, code="10011", detail=detail)
    headers = {
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(reset_s),
    }
    return _Answer(status=429, body=refused.body(), headers=headers)


def _status_of(call: PhoneLeg) -> _Answer:
    return _Answer(status=200, body={"data": call.status()})


async def _read_body(receive: Any) -> bytes:
    """Read a request's body, and no more than is allowed of it."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))[: LARGEST_BODY + 1 - len(body)]
        if message["type"] != "http.request" or not message.get("more_body", False):
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
