"""Feeds systemd's watchdog, as long as the daemon answers.

What must be proved is not that the process runs, but that a request is accepted, served and
answered while calls are live: so the food is an answer to `GET /livez`, by the admin listener's own
socket, for which the loop turns, connections are accepted and the switchboard is asked for its
calls. A daemon that hangs is killed and started anew by systemd; the next one ends its legs.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from voiced.config import parse_bind
from voiced.log import get_logger

if TYPE_CHECKING:
    from voiced.config import Bind
    from voiced.server.supervisor import Supervisor

log = get_logger(__name__)

_ASK = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def feed(supervisor: Supervisor, admin: Bind) -> None:
    """Feed until cancelled; returns at once if there is no watchdog.

    Args:
        supervisor: who wants to be fed.
        admin: address of the admin listener.
    """
    interval_s = supervisor.feed_interval_s
    if not interval_s:
        return
    while True:
        due = trio.current_time() + interval_s
        if await _answers(admin, due):
            supervisor.alive()
        else:
            log.error("the watchdog goes hungry: /livez does not answer")
        await trio.sleep_until(due)


async def _answers(admin: Bind, deadline: float) -> bool:
    host = parse_bind(admin.reachable).host
    with trio.CancelScope(deadline=deadline), suppress(OSError, trio.BrokenResourceError):
        async with await trio.open_tcp_stream(host, admin.port) as stream:
            await stream.send_all(_ASK)
            return bytes(await stream.receive_some(64)).startswith(b"HTTP/1.1 200")
    return False
