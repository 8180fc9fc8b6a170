"""How the emulated Telnyx reaches the daemon: over real sockets, or in memory.

`LoopbackNetwork` posts with httpx and dials with trio-websocket. `AsgiNetwork` calls the daemon's
ASGI app directly, in the caller's own tasks: no socket and no thread, so that a whole call runs on
Trio's virtual clock. Both queue as many WebSocket messages as Hypercorn does and block behind that.

Errors of both: TelnyxError when the daemon cannot be reached or refuses the socket,
MediaStreamClosed when an open socket closes. Deadlines belong to the caller.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

import httpx
import trio
import trio_websocket

from voiced.errors import MediaStreamClosed, TelnyxError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

Headers: TypeAlias = Mapping[str, str]
Message: TypeAlias = MutableMapping[str, Any]
AsgiApp: TypeAlias = Callable[
    [Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]

_CONNECTING_S = 5.0
_CLOSING_S = 2.0
_HYPERCORN_QUEUE = 10


class MediaSocket(Protocol):
    """One open WebSocket; closed by leaving the context that gave it."""

    async def send_text(self, text: str) -> None:
        """Send one text frame. Raises MediaStreamClosed."""
        ...

    async def receive(self) -> str | bytes:
        """Return the next message. Raises MediaStreamClosed when there is none any more."""
        ...

    async def reset(self) -> None:
        """Lose the connection at once, without a closing handshake."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


class Network(Protocol):
    """Carries webhooks and media sockets to the daemon."""

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes = b"") -> Fetched:
        """Ask for a document. Raises TelnyxError when there was no answer."""
        ...

    async def post(self, url: str, headers: Headers, body: bytes) -> int:
        """Post a webhook; returns the HTTP status. Raises TelnyxError when there was no answer."""
        ...

    def open_websocket(
        self, url: str, headers: Headers
    ) -> AbstractAsyncContextManager[MediaSocket]:
        """Dial a media socket; leaving the context closes it. Raises TelnyxError when refused."""
        ...


# -- real sockets -----------------------------------------------------------------------------


class LoopbackNetwork:
    """Real sockets. Made by `open_loopback`, which also closes it."""

    def __init__(self, client: httpx.AsyncClient, tls: ssl.SSLContext | None) -> None:
        self._client = client
        self._tls = tls

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes = b"") -> Fetched:
        """Ask for a document. Raises TelnyxError when there was no answer."""
        try:
            answer = await self._client.request(method, url, headers=dict(headers), content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TelnyxError(f"no answer to a {method}: {error!r}") from error
        return Fetched(
            status=answer.status_code,
            content_type=answer.headers.get("content-type", ""),
            body=answer.content,
        )

    async def post(self, url: str, headers: Headers, body: bytes) -> int:
        """Post a webhook; returns the HTTP status. Raises TelnyxError when there was no answer."""
        return (await self.fetch("POST", url, headers, body)).status

    @asynccontextmanager
    async def open_websocket(self, url: str, headers: Headers) -> AsyncIterator[MediaSocket]:
        """Dial a media socket; leaving the context closes it. Raises TelnyxError when refused."""
        parts = urlsplit(url)
        extra = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        # trio-websocket leaves the TCP socket open when the server refuses, or closes first: so the
        # stream is ours, and we close it.
        stream = await self._connect(parts)
        connection = None
        reason = f"no answer within {_CONNECTING_S:g} s"
        try:
            async with trio.open_nursery() as nursery:
                with trio.move_on_after(_CONNECTING_S):
                    connection = await trio_websocket.wrap_client_stream(
                        nursery, stream, parts.netloc, _target(parts), extra_headers=extra
                    )
                if connection is not None:
                    try:
                        yield _RealSocket(connection, stream)
                    finally:
                        with trio.move_on_after(_CLOSING_S, shield=True):
                            await connection.aclose()
                nursery.cancel_scope.cancel()
        except* trio_websocket.HandshakeError as refused:
            reason = repr(refused.exceptions[0])
        finally:
            with trio.move_on_after(_CLOSING_S, shield=True):
                await trio.aclose_forcefully(stream)
        if connection is None:
            raise TelnyxError(f"media socket not opened: {reason}")

    async def _connect(
        self, parts: SplitResult
    ) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        """Open the TCP stream, with TLS for wss."""
        secure = parts.scheme == "wss"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        try:
            with trio.fail_after(_CONNECTING_S):
                if not secure:
                    return await trio.open_tcp_stream(host, port)
                return await trio.open_ssl_over_tcp_stream(
                    host, port, ssl_context=self._tls, https_compatible=True
                )
        except (OSError, ValueError, trio.TooSlowError) as error:
            raise TelnyxError(f"media socket not opened: {error!r}") from error


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class _RealSocket:
    def __init__(
        self,
        connection: trio_websocket.WebSocketConnection,
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
    ) -> None:
        self._connection = connection
        self._stream = stream

    async def send_text(self, text: str) -> None:
        try:
            await self._connection.send_message(text)
        except trio_websocket.ConnectionClosed as error:
            raise _closed(error) from error

    async def receive(self) -> str | bytes:
        try:
            message: str | bytes = await self._connection.get_message()
        except trio_websocket.ConnectionClosed as error:
            raise _closed(error) from error
        return message

    async def reset(self) -> None:
        stream = self._stream
        transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        # Closing with a linger time of zero sends RST instead of FIN (socket(7)).
        transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(stream)


def _closed(error: trio_websocket.ConnectionClosed) -> MediaStreamClosed:
    if error.reason is None:
        return MediaStreamClosed(1006)
    return MediaStreamClosed(error.reason.code, error.reason.reason or "")


@asynccontextmanager
async def open_loopback(tls: ssl.SSLContext | None = None) -> AsyncIterator[LoopbackNetwork]:
    """Open a network of real sockets; `tls` says whom to trust (default: the usual authorities)."""
    verify: ssl.SSLContext | bool = tls if tls is not None else True
    async with httpx.AsyncClient(verify=verify, timeout=None, trust_env=False) as client:
        yield LoopbackNetwork(client, tls)


# -- in memory --------------------------------------------------------------------------------


class AsgiNetwork:
    """The daemon's ASGI app, called directly.

    An exception of the app surfaces where the emulator called it, so that a test sees it.

    Args:
        app: may be set later (`network.app = ...`), before the first call rings.
    """

    def __init__(self, app: AsgiApp | None = None) -> None:
        self.app = app

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes = b"") -> Fetched:
        """Ask for a document. Raises TelnyxError when there was no answer."""
        status, content_type, content = 0, "", b""
        asked = False
        answered = trio.Event()

        async def receive() -> Message:
            nonlocal asked
            if asked:
                await answered.wait()
                return {"type": "http.disconnect"}
            asked = True
            await trio.lowlevel.checkpoint()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, content_type, content
            await trio.lowlevel.checkpoint()
            if message["type"] == "http.response.start":
                status = message["status"]
                named = {bytes(name).lower(): bytes(value) for name, value in message["headers"]}
                content_type = named.get(b"content-type", b"").decode("latin-1")
                return
            content += bytes(message.get("body", b""))
            if not message.get("more_body", False):
                answered.set()

        await self._require_app()(_scope("http", url, headers, method=method), receive, send)
        if not answered.is_set():
            raise TelnyxError(f"no answer to a {method}: the app gave none")
        return Fetched(status=status, content_type=content_type, body=content)

    async def post(self, url: str, headers: Headers, body: bytes) -> int:
        """Post a webhook; returns the HTTP status. Raises TelnyxError when there was no answer."""
        return (await self.fetch("POST", url, headers, body)).status

    @asynccontextmanager
    async def open_websocket(self, url: str, headers: Headers) -> AsyncIterator[MediaSocket]:
        """Dial a media socket; leaving the context closes it. Raises TelnyxError when refused."""
        app = self._require_app()
        scope = _scope("websocket", url, headers)
        refusal = ""
        async with trio.open_nursery() as nursery:
            socket = _AsgiSocket()
            nursery.start_soon(socket.run_app, app, scope)
            refusal = await socket.connect()
            if not refusal:
                try:
                    yield socket
                finally:
                    with trio.move_on_after(_CLOSING_S, shield=True):
                        await socket.disconnect()
            nursery.cancel_scope.cancel()
        if refusal:
            raise TelnyxError(f"media socket not opened: {refusal}")

    def _require_app(self) -> AsgiApp:
        if self.app is None:
            raise TelnyxError("AsgiNetwork has no app yet: set network.app before ringing")
        return self.app


class _AsgiSocket:
    """Both ends of an in-memory WebSocket; the app's end is `run_app`."""

    def __init__(self) -> None:
        self._to_app_in, self._to_app = trio.open_memory_channel[Message](_HYPERCORN_QUEUE)
        self._from_app_in, self._from_app = trio.open_memory_channel[Message](_HYPERCORN_QUEUE)
        self._app_done = trio.Event()
        self._closed: MediaStreamClosed | None = None

    async def run_app(self, app: AsgiApp, scope: Message) -> None:
        """Run the app until it returns; then its end of the socket is closed."""
        try:
            with self._from_app_in:
                await app(scope, self._app_receives, self._app_sends)
        finally:
            self._app_done.set()

    async def connect(self) -> str:
        """Return "" when the app has accepted the socket, else why not."""
        await self._to_app_in.send({"type": "websocket.connect"})
        try:
            message = await self._from_app.receive()
        except trio.EndOfChannel:
            return "HTTP status 500"
        if message["type"] == "websocket.accept":
            return ""
        return f"HTTP status {message.get('status', 403)}"

    async def send_text(self, text: str) -> None:
        """Send one text frame. Raises MediaStreamClosed."""
        await trio.lowlevel.checkpoint()
        if self._closed is not None or self._app_done.is_set():
            raise self._closed or MediaStreamClosed(1000)
        await self._to_app_in.send({"type": "websocket.receive", "text": text, "bytes": None})

    async def receive(self) -> str | bytes:
        """Return the next message. Raises MediaStreamClosed when there is none any more."""
        await trio.lowlevel.checkpoint()
        if self._closed is not None:
            raise self._closed
        try:
            message = await self._from_app.receive()
        except trio.ClosedResourceError:
            raise MediaStreamClosed(1006) from None
        except trio.EndOfChannel:
            # Hypercorn closes with 1000 when the app has returned, or crashed.
            message = {"type": "websocket.close"}
        if message["type"] == "websocket.send":
            text: str | None = message.get("text")
            return text if text is not None else bytes(message["bytes"])
        self._closed = MediaStreamClosed(message.get("code", 1000), message.get("reason") or "")
        raise self._closed

    async def reset(self) -> None:
        """Tell the app that the socket is lost, as Hypercorn does, and wait."""
        self._closed = MediaStreamClosed(1006)
        await self.disconnect(1006)

    async def disconnect(self, code: int = 1005) -> None:
        """Tell the app that the socket is gone, as Telnyx leaves it (no code: 1005), and wait."""
        self._from_app.close()
        if not self._app_done.is_set():
            await self._to_app_in.send({"type": "websocket.disconnect", "code": code})
        self._to_app_in.close()
        await self._app_done.wait()

    async def _app_receives(self) -> Message:
        try:
            return await self._to_app.receive()
        except trio.EndOfChannel:
            await trio.lowlevel.checkpoint()
            return {"type": "websocket.disconnect", "code": 1005}

    async def _app_sends(self, message: Message) -> None:
        try:
            await self._from_app_in.send(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()  # as Hypercorn: sends to a gone peer are lost


def _scope(kind: str, url: str, headers: Headers, *, method: str = "") -> Message:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    raw_headers = [(b"host", parts.netloc.encode("ascii"))]
    raw_headers += [(k.lower().encode("ascii"), v.encode("latin-1")) for k, v in headers.items()]
    scope: Message = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": raw_headers,
        "client": ("192.0.2.1", 40000),
        "server": (parts.hostname, port),
        "extensions": {},
    }
    if method:
        scope["method"] = method
    else:
        scope["subprotocols"] = []
        scope["extensions"] = {"websocket.http.response": {}}
    return scope
