"""Listening sockets that we open ourselves, the accepting, and Hypercorn for one connection.

Hypercorn's `send` is shielded without a deadline: a peer that stops reading would hold its task
for ever. TCP_USER_TIMEOUT on the listening socket, inherited by what it accepts, makes the kernel
give such a peer up (measured: 3000 ms releases the handler after 3.5 s).

Hypercorn's own `serve` runs all connections in one nursery and lets the errors of each into it:
a `Connection` header that is not ASCII, from anybody, ends the server and every call with
it. So the connections are accepted here, each behind a guard of its own.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from voiced.config import Bind, parse_bind
from voiced.errors import StartupError
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from hypercorn.typing import ASGIFramework

log = get_logger(__name__)

USER_TIMEOUT_MS = 3000
BACKLOG = 1024

READ_TIMEOUT_S = 10
"""A client that sends nothing for so long while its request is not whole, or idles, is dropped."""

Stream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"

Tls: TypeAlias = tuple[str, str]
"""Paths of the certificate chain and of the private key, PEM."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound, listening socket."""

    socket: socket.socket
    address: Bind
    """Where it listens, with the port that was really taken."""


@contextmanager
def open_listener(bind: str, key: str) -> Iterator[Listener]:
    """Bind and listen on `bind`; closed at the end. `key` names the setting in errors.

    Raises:
        StartupError: the address is taken, not ours, or not permitted.
    """
    wanted = parse_bind(bind)
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
        yield Listener(listening, wanted._replace(port=listening.getsockname()[1]))


async def serve_connections(
    listener: Listener,
    handle: Callable[[Stream], Awaitable[None]],
    tls: Tls | None = None,
    *,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept until cancelled, and run `handle` for each connection; what it raises is its own."""

    async def guarded(stream: Stream) -> None:
        try:
            await handle(stream)
        except Exception:
            log.exception("connection failed by a fault of ours")
        finally:
            await trio.aclose_forcefully(stream)

    await trio.serve_listeners(guarded, [_accepting(listener, tls)], task_status=task_status)


def _accepting(
    listener: Listener, tls: Tls | None
) -> trio.SocketListener | trio.SSLListener[trio.SocketStream]:
    """Return a Trio listener on a duplicate of the socket, which whoever serves it closes."""
    sockets = trio.SocketListener(trio.socket.from_stdlib_socket(listener.socket.dup()))
    if tls is None:
        return sockets
    config = HypercornConfig()  # for its choice of ciphers and versions
    config.certfile, config.keyfile = tls
    config.alpn_protocols = ["http/1.1"]
    context = config.create_ssl_context()
    assert context is not None
    return trio.SSLListener(sockets, context, https_compatible=True)


class HttpEngine:
    """Hypercorn and an ASGI application, for one connection at a time."""

    def __init__(self, app: ASGIFramework, *, requests_per_connection: int = 1000) -> None:
        config = HypercornConfig()
        config.include_server_header = False
        config.errorlog = None
        config.accesslog = None
        config.read_timeout = READ_TIMEOUT_S
        config.keep_alive_max_requests = requests_per_connection
        self._config = config
        self._app = wrap_app(app, config.wsgi_max_body_size, "asgi")
        self._context = WorkerContext(None)

    async def serve(self, stream: Stream) -> None:
        """Serve one connection to its end."""
        await TCPServer(
            self._app,
            self._config,
            self._context,
            ConnectionState({}),
            stream,  # type: ignore[arg-type]  # it takes both kinds
        ).run()


async def serve_app(
    app: ASGIFramework,
    listener: Listener,
    *,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` on `listener` by Hypercorn until cancelled."""
    await serve_connections(listener, HttpEngine(app).serve, task_status=task_status)
