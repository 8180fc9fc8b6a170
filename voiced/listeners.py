"""Listening sockets that we open ourselves, and Hypercorn serving on them.

Hypercorn's `send` is shielded without a deadline: a peer that stops reading would hold its task
for ever. TCP_USER_TIMEOUT on the listening socket, inherited by what it accepts, makes the kernel
give such a peer up (measured: 3000 ms releases the handler after 3.5 s).
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio import serve

from voiced.config import Bind, parse_bind
from voiced.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypercorn.typing import ASGIFramework

USER_TIMEOUT_MS = 3000
BACKLOG = 1024
MESSAGE_LIMIT_BYTES = 1024 * 1024
"""The largest media message: 30 s of 8 kHz G.711 is 320 kB of base64; L16 comes in 20 ms."""


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


async def serve_app(
    app: ASGIFramework,
    listener: Listener,
    *,
    tls: tuple[str, str] | None = None,
    graceful_timeout_s: float = 1.0,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` on `listener` until cancelled; `tls` is (certificate file, key file)."""
    config = HypercornConfig()
    # Hypercorn closes what it is given: it gets a duplicate of the descriptor.
    bind = f"fd://{listener.socket.dup().detach()}"
    config.bind = [bind]
    if tls is not None:
        config.certfile, config.keyfile = tls
    config.websocket_max_message_size = MESSAGE_LIMIT_BYTES
    config.websocket_ping_interval = 20.0
    config.graceful_timeout = graceful_timeout_s
    config.alpn_protocols = ["http/1.1"]
    config.include_server_header = False
    config.errorlog = None
    config.accesslog = None
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, app, config)
        task_status.started()
