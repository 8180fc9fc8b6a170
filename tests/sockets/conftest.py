"""The daemon on real loopback sockets, with an emulated Telnyx or with one made by hand."""

import io
import json
import os
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
import trio

from tests.call.conftest import media_frame, start_message
from voiced.config import parse_config
from voiced.log import configure_logging
from voiced.server.daemon import Daemon, open_daemon
from voiced.testing.emulator import CONNECTION_ID, EmulatedTelnyx, open_emulator
from voiced.testing.network import open_loopback
from voiced.testing.telnyx_api.rest import serve_api

LIMIT_S = 90


@pytest.fixture(autouse=True)
def log_text():
    """Everything that is logged."""
    text = io.StringIO()
    configure_logging("debug", "json", text)
    yield text
    structlog.reset_defaults()


async def until(condition):
    """Wait until `condition()` is true; the test's own time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110  # what is waited for happens in the kernel
        await trio.sleep(0.002)


# An emulated Telnyx.


@dataclass
class House:
    """A daemon and an emulated Telnyx, which knows how to ring it."""

    daemon: Daemon
    telnyx: EmulatedTelnyx
    records: Any

    def documents(self):
        return [json.loads(path.read_text()) for path in self.records.glob("*/call.json")]


@pytest.fixture
def open_house(tmp_path):
    """Open a house: `async with open_house(server={...}) as house`; `tls` is the emulator's."""

    @asynccontextmanager
    async def opener(*, tls=None, server=None, telnyx_table=None, account=None, **tables):
        records = tmp_path / "records"
        with trio.fail_after(LIMIT_S):
            async with (
                open_loopback(tls) as network,
                open_emulator(network, account=account) as telnyx,
                serve_api(telnyx.app) as api_url,
            ):
                config = parse_config(
                    {
                        "server": {"bind": "127.0.0.1:0", **(server or {})},
                        "admin": {"bind": "127.0.0.1:0"},
                        "telnyx": {
                            "connection_id": CONNECTION_ID,
                            "api_key": telnyx.api_key,
                            "public_key": telnyx.public_key,
                            "api_base": api_url,
                            **(telnyx_table or {}),
                        },
                        "agent": {"provider": "echo"},
                        "inbound": {"max_lag_ms": 0},  # this machine may be busy
                        "records": {"path": str(records)},
                        **tables,
                    },
                    {},
                )
                async with open_daemon(config) as daemon:
                    scheme = "https" if tls else "http"
                    telnyx.webhook_url = f"{scheme}://{daemon.public.address}/telnyx/webhook"
                    yield House(daemon, telnyx, records)

    return opener


# A Telnyx made by hand.


class Wire:
    """A media socket from the far end, byte by byte."""

    def __init__(self, stream):
        self.stream = stream
        self._unread = b""

    async def send(self, payload, *, opcode=1, fin=True):
        await self.stream.send_all(frame(payload, opcode=opcode, fin=fin))

    async def receive(self):
        """Return (opcode, payload) of the next frame; None when the connection has ended."""
        head = await self._exactly(2)
        if head is None:
            return None
        size = head[1] & 127
        if size > 125:
            size = int.from_bytes(await self._exactly(2 if size == 126 else 8))
        return head[0] & 15, await self._exactly(size)

    async def receive_text(self):
        while True:
            received = await self.receive()
            if received is None or received[0] == 1:
                return None if received is None else json.loads(received[1])

    async def has_ended(self):
        """Read on until the far end closes; how it does so does not matter."""
        try:
            while await self.stream.receive_some(65536):
                pass
        except trio.BrokenResourceError:
            pass

    def reset(self):
        """Break the connection without a word (RST)."""
        self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.stream.socket.close()

    async def _exactly(self, size):
        while len(self._unread) < size:
            try:
                data = await self.stream.receive_some(65536)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                return None
            self._unread += data
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken


def frame(payload, *, opcode=1, fin=True):
    """Return a client's WebSocket frame (RFC 6455), masked with zeros."""
    data = payload.encode() if isinstance(payload, str) else payload
    if len(data) < 126:
        size = bytes([0x80 | len(data)])
    elif len(data) < 65536:
        size = bytes([0x80 | 126]) + len(data).to_bytes(2)
    else:
        size = bytes([0x80 | 127]) + len(data).to_bytes(8)
    return bytes([(0x80 if fin else 0) | opcode]) + size + bytes(4) + data


def upgrade(path, *more):
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: voiced",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *more,
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass
class Hand:
    """A daemon whose Telnyx is the test: it takes unsigned webhooks on loopback."""

    daemon: Daemon
    records: Any
    commands: list[tuple[str, str, dict[str, Any]]]
    network: Any
    n_webhooks: int = 0
    urls: dict[str, str] = field(default_factory=dict)

    @property
    def address(self):
        return self.daemon.public.address

    async def webhook(self, event_type, call="v3:hand", **payload):
        self.n_webhooks += 1
        data = {
            "record_type": "event",
            "event_type": event_type,
            "id": f"hook-{self.n_webhooks}",
            "occurred_at": "2026-11-22T10:00:00.000000Z",
            "payload": {
                "call_control_id": call,
                "call_leg_id": "leg",
                "call_session_id": "session",
                "connection_id": "1",
                "from": "+13125550100",
                "to": "+13125550199",
                **payload,
            },
        }
        url = f"http://{self.address}/telnyx/webhook"
        return await self.network.post(url, {}, json.dumps({"data": data}).encode())

    async def hang_up(self, call="v3:hand"):
        return await self.webhook("call.hangup", call, hangup_cause="normal_clearing")

    async def ring(self, call="v3:hand"):
        """Ring, and return the path of the media socket that the answer asks for."""
        await self.webhook("call.initiated", call, direction="incoming", state="parked")
        await until(lambda: any(c == (call, "answer") for c in self.sent()))
        (url,) = [b["stream_url"] for c, a, b in self.commands if (c, a) == (call, "answer")]
        return "/" + url.split("/", 3)[3]

    def sent(self):
        return [(call, action) for call, action, _ in self.commands]

    def actions(self, call="v3:hand"):
        return [action for c, action, _ in self.commands if c == call]

    async def connect(self, *, buffer_bytes=None):
        """Open a TCP connection to the public listener."""
        sock = trio.socket.socket()
        if buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        await sock.connect((self.address.host, self.address.port))
        return trio.SocketStream(sock)

    @asynccontextmanager
    async def wire(self, path, *, call="v3:hand", start=True, buffer_bytes=None):
        """Open a media socket at `path` and begin the stream."""
        async with await self.connect(buffer_bytes=buffer_bytes) as stream:
            wire = Wire(stream)
            await stream.send_all(upgrade(path))
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += await stream.receive_some(1)
            assert answer.startswith(b"HTTP/1.1 101"), answer
            if start:
                await wire.send(start_message(call))
            yield wire

    async def ended(self, call="v3:hand"):
        """Wait for the end of a call and return its reason."""
        await until(lambda: self.daemon.switchboard.find(call) is None)
        documents = [json.loads(path.read_text()) for path in self.records.glob("*/call.json")]
        (document,) = [d for d in documents if d["call_id"] == call]
        return document

    async def echoes(self, wire, chunk):
        """Send a frame and check that it comes back."""
        await wire.send(media_frame(chunk, os.urandom(160)))
        message = await wire.receive_text()
        return message is not None and message["event"] == "media"


@pytest.fixture
def open_hand(tmp_path):
    """Open a daemon by hand: `async with open_hand(call={...}) as hand`."""

    @asynccontextmanager
    async def opener(*, server=None, admin=None, **tables):
        commands: list[tuple[str, str, dict[str, Any]]] = []
        records = tmp_path / "records"

        async def telnyx(scope, receive, send):
            assert scope["type"] == "http"
            body = b""
            while True:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
            _, call, _, action = scope["path"].rsplit("/", 3)
            commands.append((call, action, json.loads(body)))
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"data":{"result":"ok"}}'})

        with trio.fail_after(LIMIT_S):
            async with open_loopback() as network, serve_api(telnyx) as api_url:
                config = parse_config(
                    {
                        "server": {"bind": "127.0.0.1:0", "insecure": True, **(server or {})},
                        "admin": {"bind": "127.0.0.1:0", **(admin or {})},
                        "telnyx": {"api_key": "k", "api_base": api_url},
                        "media": {"reconnect_s": 0},
                        "call": {"apology": ""},
                        "agent": {"provider": "echo"},
                        "inbound": {"max_lag_ms": 0},  # this machine may be busy
                        "records": {"path": str(records)},
                        **tables,
                    },
                    {},
                )
                async with open_daemon(config) as daemon:
                    yield Hand(daemon, records, commands, network)

    return opener
