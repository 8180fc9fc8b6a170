"""A daemon of fifty lines, so that the emulator is tested without the real one."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from voiced.testing.emulator import (
    CALLED_NUMBER,
    CONNECTION_ID,
    Account,
    EmulatedTelnyx,
    open_emulator,
)
from voiced.testing.network import AsgiNetwork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STREAM = {
    "stream_url": "ws://tiny.test/telnyx/media/token",
    "stream_bidirectional_mode": "rtp",
    "stream_bidirectional_codec": "PCMU",
}
WALL = 1_770_000_000.0


@dataclass
class Socket:
    """The daemon's end of a media socket."""

    receive: Callable[[], Awaitable[Any]]
    send_asgi: Callable[[Any], Awaitable[None]]
    frames: list[tuple[float, Any]] = field(default_factory=list)

    async def next(self) -> Any:
        """The next frame, None when the socket has closed."""
        message = await self.receive()
        if message["type"] == "websocket.disconnect":
            return None
        frame = json.loads(message["text"])
        self.frames.append((trio.current_time(), frame))
        return frame

    async def send(self, frame: Any) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await self.send_asgi({"type": "websocket.send", "text": text})

    async def play(self, payload: bytes) -> None:
        media = {"payload": base64.b64encode(payload).decode()}
        await self.send({"event": "media", "media": media})

    async def mark(self, name: str) -> None:
        await self.send({"event": "mark", "mark": {"name": name}})

    async def close(self, code: int = 1000) -> None:
        await self.send_asgi({"type": "websocket.close", "code": code})


async def listen(daemon: TinyDaemon, socket: Socket) -> None:
    """Hear the caller out."""
    while await socket.next() is not None:
        pass


class TinyDaemon:
    """Answers, streams, and does with the socket what `talk` says; plain ASGI."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.talk: Callable[[TinyDaemon, Socket], Awaitable[None]] = listen
        self.answers = True
        self.answer_body: dict[str, Any] = {}
        self.stream_body: dict[str, Any] = STREAM
        self.refuses_socket = False
        self.statuses: list[int] = []
        self.webhooks: list[tuple[float, dict[str, Any]]] = []
        self.replies: list[httpx.Response] = []
        self.sockets: list[Socket] = []
        self.call_control_id = ""
        self.telnyx: EmulatedTelnyx | None = None
        self.client: httpx.AsyncClient | None = None
        self._nursery = nursery

    @property
    def events(self) -> list[str]:
        return [body["data"]["event_type"] for _, body in self.webhooks]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._webhook(scope, receive, send)
            return
        await receive()
        if self.refuses_socket:
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        socket = Socket(receive, send)
        self.sockets.append(socket)
        await self.talk(self, socket)

    async def command(self, action: str, **body: Any) -> httpx.Response:
        assert self.client is not None
        path = f"/v2/calls/{self.call_control_id}/actions/{action}"
        reply = await self.client.post(path, json=body)
        self.replies.append(reply)
        return reply

    async def dial(self, to: str, **body: Any) -> httpx.Response:
        assert self.client is not None
        whole = {"connection_id": CONNECTION_ID, "from": CALLED_NUMBER, "to": to, **body}
        reply = await self.client.post("/v2/calls", json=whole)
        self.replies.append(reply)
        return reply

    def told(self, event_type: str) -> list[dict[str, Any]]:
        """The payloads of all events of a type, in order."""
        data = [body["data"] for _, body in self.webhooks]
        return [event["payload"] for event in data if event["event_type"] == event_type]

    async def _webhook(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status = self._verified(headers, body)
        if status == 200 and self.statuses:
            status = self.statuses.pop(0)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        if status == 200:
            self.webhooks.append((trio.current_time(), json.loads(body)))
            self._nursery.start_soon(self._react, json.loads(body)["data"])

    def _verified(self, headers: dict[str, str], body: bytes) -> int:
        assert self.telnyx is not None
        timestamp = headers["telnyx-timestamp"]
        if abs(int(timestamp) - WALL - trio.current_time()) > 300:
            return 403
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.telnyx.public_key))
        signature = base64.b64decode(headers["telnyx-signature-ed25519"])
        try:
            key.verify(signature, timestamp.encode() + b"|" + body)
        except Exception:
            return 401
        return 200

    async def _react(self, event: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.call_control_id = event["payload"]["call_control_id"]
        match event["event_type"]:
            case "call.initiated" if self.answers and event["payload"]["direction"] == "incoming":
                await self.command("answer", **self.answer_body)
            case "call.answered" if self.stream_body:
                await self.command("streaming_start", **self.stream_body)


@pytest.fixture
async def tiny(nursery, autojump_clock):
    """An emulated Telnyx and a tiny daemon, in memory, on the virtual clock."""
    async with _open_tiny(nursery) as daemon:
        yield daemon


@pytest.fixture
def open_tiny():
    """Open a tiny daemon at an account of your own."""
    return _open_tiny


@asynccontextmanager
async def _open_tiny(nursery: trio.Nursery, account: Account | None = None):
    daemon = TinyDaemon(nursery)
    account = account or Account(wall=lambda: WALL + trio.current_time())
    async with open_emulator(
        AsgiNetwork(daemon), "http://tiny.test/telnyx/webhook", account=account
    ) as telnyx:
        daemon.telnyx = telnyx
        headers = {"Authorization": f"Bearer {telnyx.api_key}"}
        transport = httpx.ASGITransport(app=telnyx.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="https://api.telnyx.test", headers=headers
        ) as daemon.client:
            yield daemon
