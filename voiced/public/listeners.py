"""Listening sockets that we open ourselves, the accepting, and Hypercorn for one connection.

Hypercorn's `send` is shielded without a deadline: a peer that stops reading would hold its task
for ever. TCP_USER_TIMEOUT on the listening socket, inherited by what it accepts, makes the kernel
give such a peer up (measured: 3000 ms releases the handler after 3.5 s).

Hypercorn's own `serve` runs all connections in one nursery and lets the errors of each into it:
a `Connection` header that is not ASCII, from anybody, ends the server and every call with
it. So the connections are accepted here, each behind a guard of its own.
"""

from __future__ import annotations

import math
import socket
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.events import Closed, RawData, Updated
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from voiced.config import Bind, parse_bind
from voiced.errors import StartupError
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from hypercorn.events import Event
    from hypercorn.typing import ASGIFramework

log = get_logger(__name__)

USER_TIMEOUT_MS = 3000
BACKLOG = 1024
CLOSE_TIMEOUT_S = 1.0

READ_TIMEOUT_S = 10
"""A client that sends nothing for so long is dropped, unless it is being answered."""

Stream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"

Tls: TypeAlias = tuple[str, str]
"""Paths of the certificate chain and of the private key, PEM."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound, listening socket."""

    socket: socket.socket
    address: Bind
    """Where it listens, with the port that was really taken."""
    bind: str
    """As the configuration has it."""


@contextmanager
def open_listener(bind: str, key: str, given: socket.socket | None = None) -> Iterator[Listener]:
    """Bind and listen on `bind`; closed at the end. `key` names the setting in errors.

    A socket that is `given`, by systemd or by the process before, listens already and is used
    instead, wherever it is bound.

    Raises:
        StartupError: the address is taken, not ours, or not permitted.
    """
    wanted = parse_bind(bind)
    if given is not None:
        with given:
            given.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
            given.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            host, port = given.getsockname()[:2]
            yield Listener(given, Bind(host=host, port=port), bind)
        return
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(wanted)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StartupError(
            f"{key} = {bind}: {error.strerror}; free the port or choose another"
        ) from error
    with listening:
        yield Listener(listening, wanted._replace(port=listening.getsockname()[1]), bind)


def address_of(stream: Stream) -> str:
    """Return the address of who is at the far end; "" if nobody is any more."""
    socket = (stream.transport_stream if isinstance(stream, trio.SSLStream) else stream).socket
    try:
        return str(socket.getpeername()[0])
    except OSError:
        return ""


async def serve_connections(
    listener: Listener,
    handle: Callable[[Stream], Awaitable[None]],
    tls: Tls | None = None,
    accepting: trio.CancelScope | None = None,
    *,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept until cancelled, and run `handle` for each connection; what it raises is its own.

    Once `accepting` is cancelled, what has been accepted is served to its end, and no more.

    Raises:
        StartupError: certificate or key cannot be used.
    """

    async def guarded(stream: Stream) -> None:
        try:
            await handle(stream)
        except* Exception:  # beside a Cancelled, perhaps
            log.exception("connection failed by a fault of ours")
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as handlers:
        with accepting or trio.CancelScope():
            listeners = [_trio_listener(listener, tls)]
            await trio.serve_listeners(
                guarded, listeners, handler_nursery=handlers, task_status=task_status
            )


def _trio_listener(
    listener: Listener, tls: Tls | None
) -> trio.SocketListener | trio.SSLListener[trio.SocketStream]:
    """Return a Trio listener on a duplicate of the socket, which whoever serves it closes."""
    context = None if tls is None else _tls_context(*tls)
    sockets = trio.SocketListener(trio.socket.from_stdlib_socket(listener.socket.dup()))
    if context is None:
        return sockets
    return trio.SSLListener(sockets, context, https_compatible=True)


def _tls_context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # what Python has by default, but said
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A password, so that an encrypted key is an error and not a question on the terminal.
        context.load_cert_chain(certificate, key, password="-")
    except OSError as error:
        raise StartupError(
            f"[server] tls_certificate = {certificate}, tls_key = {key}: {_why(error)};"
            " name a PEM chain and its PEM key without a password"
        ) from error
    return context


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"cannot be used ({error.reason or 'PEM'})"
    return error.strerror or str(error)


class HttpEngine:
    """Hypercorn and an ASGI application, for one connection at a time."""

    def __init__(self, app: ASGIFramework, *, requests_per_connection: int = 1000) -> None:
        config = HypercornConfig()
        config.include_server_header = False
        config.errorlog = None
        config.accesslog = None
        config.read_timeout = READ_TIMEOUT_S
        config.keep_alive_timeout = READ_TIMEOUT_S
        config.keep_alive_max_requests = requests_per_connection
        self._config = config
        self._app = wrap_app(app, config.wsgi_max_body_size, "asgi")
        self._context = WorkerContext(None)

    async def wind_down(self) -> None:
        """Close the connections that idle, and the others after their request."""
        await self._context.terminated.set()

    async def serve(self, stream: Stream, admitted: Callable[[], None] | None = None) -> None:
        """Serve one connection to its end.

        The application finds `admitted` in the state of each request's scope, by this name.
        """
        await _HttpConnection(
            self._app,
            self._config,
            self._context,
            ConnectionState({"admitted": admitted} if admitted else {}),
            stream,  # type: ignore[arg-type]  # it takes both kinds
        ).run()


class _HttpConnection(TCPServer):
    """Hypercorn's, but for HTTP/2, which nobody needs here, and for some faults.

    It was not able to close: `Connection: close` was said, and then nothing happened. Before it
    closes the connection it tells the application of the disconnect, whereupon Quart-Trio cancels
    the request, and with it the task that was about to close.

    And its read timeout cut off answers that take long, because a client that listens says nothing:
    a stream of events, or an hour of audio over a slow line. While it cut off nobody who sent a
    byte of a header now and then, behind a first request.
    """

    _reading: trio.CancelScope | None = None
    _is_answering = False
    _header_by: float | None = None
    """Until when the next request's header must have come; None: it has."""

    async def _read_data(self) -> None:
        self.protocol.protocol._check_protocol = _stay_with_http_1  # type: ignore[union-attr,method-assign]
        self._header_by = self._soon()
        while True:
            data = b""
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                with trio.CancelScope(deadline=self._read_deadline()) as reading:
                    self._reading = reading
                    data = bytes(await self.stream.receive_some(MAX_RECV))
                if reading.cancelled_caught:
                    break
                await self.protocol.handle(RawData(data))
            if not data:
                break
        await self.protocol.handle(Closed())

    def _soon(self) -> float:
        return trio.current_time() + (self.config.read_timeout or math.inf)

    def _read_deadline(self) -> float:
        if self._is_answering:
            return math.inf
        return self._soon() if self._header_by is None else self._header_by

    def _answers(self, is_answering: bool) -> None:
        if self._is_answering is not is_answering:
            self._is_answering = is_answering
            if self._reading is not None:
                self._reading.deadline = self._read_deadline()

    async def protocol_send(self, event: Event) -> None:
        """Send data or close."""
        if isinstance(event, RawData):
            self._answers(True)
        elif isinstance(event, Updated):
            self._header_by = self._soon() if event.idle else None
            self._answers(False)
        limit_s = CLOSE_TIMEOUT_S if isinstance(event, Closed) else math.inf
        with trio.move_on_after(limit_s, shield=isinstance(event, Closed)):
            await super().protocol_send(event)


async def _stay_with_http_1(request: object) -> None:
    """Change to no other protocol, whatever a request asks for."""
    del request
    await trio.lowlevel.checkpoint()


async def serve_app(
    app: ASGIFramework,
    listener: Listener,
    *,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` on `listener` by Hypercorn until cancelled."""
    await serve_connections(listener, HttpEngine(app).serve, task_status=task_status)
