"""A fake provider's server: HTTP/1.1 and WebSockets on any stream, real or in memory."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import h11
import trio
from trio_websocket import ConnectionClosed, wrap_server_stream

from voiced.net.helpers import open_helpers
from voiced.testing.fake_provider.exchange import FakeRequest, FakeResponse, FakeSocket
from voiced.testing.fake_provider.far_stream import FarEndLost, FarStream
from voiced.testing.fake_provider.faults import Answer, FaultPlan, Refuse

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from voiced.testing.fake_provider.faults import Fault

READ_BYTES = 65536
CLOSING_S = 1.0

UNREAD_MESSAGES = 10_000
"""A handler that does not read must not keep pings from being answered."""


class FakeProvider(Protocol):
    """What makes a server this or that provider; both methods run once for each exchange."""

    async def answer(self, request: FakeRequest, response: FakeResponse) -> None:
        """Answer a request. May raise FarEndLost."""
        ...

    async def converse(self, request: FakeRequest, socket: FakeSocket) -> None:
        """Hold a WebSocket, which is closed (1000) when this returns. May raise FarEndLost."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """A fake that refuses some handshakes and requests: for their key, mostly."""

    def refuses(self, request: FakeRequest) -> Answer | None:
        """Return the answer in place of the handshake, or None to go on."""
        ...


class FakeServer:
    """Serves one fake provider, which may be `Choosy`.

    Attributes:
        plan: the faults of the exchanges to come.
        requests: every request and handshake that came, in order.
        n_connections: streams that were ever opened.
    """

    def __init__(self, provider: FakeProvider, faults: Iterable[Fault | None] = ()) -> None:
        self.plan = FaultPlan(faults)
        self.requests: list[FakeRequest] = []
        self.n_connections = 0
        self._provider = provider

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection; closes `stream`."""
        self.n_connections += 1
        far = FarStream(stream)
        try:
            while await self._serve_one(far):
                pass
        except (FarEndLost, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            with trio.move_on_after(CLOSING_S, shield=True):
                await far.aclose()

    async def _serve_one(self, stream: FarStream) -> bool:
        """Serve one exchange; say whether another may follow on the stream."""
        engine = h11.Connection(h11.SERVER)
        read = await _read_request(stream, engine)
        if read is None:
            return False
        request, raw = read
        if request.method == "HEAD":  # a client warms its connection
            await stream.send_all(_head(engine, 200, []) + _end(engine))
            return True
        self.requests.append(request)
        fault = self.plan.next()
        if fault is None and isinstance(self._provider, Choosy):
            fault = self._provider.refuses(request)
        if isinstance(fault, Refuse):
            await stream.reset()
            return False
        if isinstance(fault, Answer):
            await _refuse(stream, engine, fault)
            return not request.is_upgrade
        if request.is_upgrade:
            stream.put_back(raw)
            await self._converse(request, stream, fault)
            return False
        if engine.trailing_data[0]:
            stream.put_back(engine.trailing_data[0])
        response = FakeResponse(engine, stream, fault)
        await _struck_by(response.watch, lambda: self._provider.answer(request, response))
        return engine.our_state is h11.DONE

    async def _converse(self, request: FakeRequest, stream: FarStream, fault: Fault | None) -> None:
        async with trio.open_nursery() as nursery:
            proposal = await wrap_server_stream(nursery, stream, message_queue_size=UNREAD_MESSAGES)
            try:
                connection = await proposal.accept()
                socket = FakeSocket(connection, stream, fault)
                await _struck_by(socket.watch, lambda: self._provider.converse(request, socket))
            except (FarEndLost, ConnectionClosed):
                pass
            else:
                with trio.move_on_after(CLOSING_S):
                    await connection.aclose()
            nursery.cancel_scope.cancel()


async def _struck_by(
    fault: Callable[[], Awaitable[None]], handler: Callable[[], Awaitable[None]]
) -> None:
    """Run `handler`, beside a fault that may strike at its time. Raises FarEndLost."""
    lost = False

    async def until_lost(task: Callable[[], Awaitable[None]], *, is_last: bool) -> None:
        nonlocal lost
        try:
            await task()
        except FarEndLost:
            lost = True
            is_last = True
        if is_last:
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: until_lost(fault, is_last=False))
        await until_lost(handler, is_last=True)
    if lost:
        raise FarEndLost


async def _read_request(
    stream: FarStream, engine: h11.Connection
) -> tuple[FakeRequest, bytes] | None:
    """Return the next request and its bytes; None at the end of the stream, or of sense."""
    raw, body = b"", b""
    request: h11.Request | None = None
    while True:
        await trio.lowlevel.checkpoint()
        try:
            event = engine.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Request):
            request = event
            if any(name == b"upgrade" for name, _ in event.headers):
                return _request(event, b""), raw
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return _request(request, body), raw
        elif event is h11.NEED_DATA:
            data = bytes(await stream.receive_some(READ_BYTES))
            raw += data
            engine.receive_data(data)
        else:
            return None


def _request(event: h11.Request, body: bytes) -> FakeRequest:
    return FakeRequest(
        method=event.method.decode(),
        target=event.target.decode("latin-1"),
        headers={name.decode(): value.decode("latin-1") for name, value in event.headers},
        body=body,
        at=trio.current_time(),
    )


async def _refuse(stream: FarStream, engine: h11.Connection, answer: Answer) -> None:
    body = answer.body.encode()
    headers = [("content-type", "text/plain"), ("content-length", str(len(body)))]
    if answer.retry_after:
        headers.append(("retry-after", answer.retry_after))
    head = _head(engine, answer.status, headers)
    await stream.send_all(head + (engine.send(h11.Data(data=body)) or b"") + _end(engine))


def _head(engine: h11.Connection, status: int, headers: list[tuple[str, str]]) -> bytes:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return engine.send(h11.Response(status_code=status, headers=raw)) or b""


def _end(engine: h11.Connection) -> bytes:
    return engine.send(h11.EndOfMessage()) or b""


@asynccontextmanager
async def serve_fake(
    server: FakeServer, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve on a real loopback socket, with TLS if asked to; yields `127.0.0.1:port`."""
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = sockets[0].socket.getsockname()[1]
    listeners: list[trio.abc.Listener[Any]] = [
        one if tls is None else trio.SSLListener(one, tls, https_compatible=True) for one in sockets
    ]
    async with open_helpers() as nursery:
        await nursery.start(trio.serve_listeners, server.serve, listeners)
        yield f"127.0.0.1:{port}"
