"""The way to a fake provider without sockets, so that its faults strike on Trio's virtual clock."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import trio
import trio.testing
from httpcore._backends.trio import TrioStream

from voiced.net.helpers import open_helpers
from voiced.net.wire import Address, Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.net.wire import Connect
    from voiced.testing.fake_provider.server import FakeServer


@asynccontextmanager
async def open_memory_wire(*servers: FakeServer, connect_s: float = 0.0) -> AsyncIterator[Wire]:
    """Yield a wire that leads to fake providers in memory; TLS is left out.

    Args:
        *servers: with one, every address leads there; with several, the host is the place in this
            list, as in `https://0/v1` and `wss://1/listen`.
        connect_s: how long a connection takes to be opened, seconds.
    """
    async with open_helpers() as nursery:

        async def connect(address: Address) -> trio.abc.Stream:
            await trio.sleep(connect_s)
            server = servers[int(address.host) if len(servers) > 1 else 0]
            near, far = trio.testing.memory_stream_pair()
            nursery.start_soon(server.serve, far, name=f"fake provider at {address.host}")
            return near

        transport = httpx.AsyncHTTPTransport(verify=False)
        # httpx has no parameter for it, and its transport maps httpcore's errors for us.
        transport._pool = httpcore.AsyncConnectionPool(network_backend=_Backend(connect))
        yield Wire(connect=connect, transport=transport)


class _Backend(httpcore.AsyncNetworkBackend):
    """httpcore's network, made of our streams."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's face
        *_: Any,
        **__: Any,
    ) -> httpcore.AsyncNetworkStream:
        try:
            with trio.fail_after(math.inf if timeout is None else timeout):
                return _Stream(await self._connect(Address(host, port, is_secure=False)))
        except trio.TooSlowError as error:
            raise httpcore.ConnectTimeout from error


class _Stream(TrioStream):
    """A stream in memory: no TLS, no socket."""

    async def start_tls(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        await trio.lowlevel.checkpoint()
        return self

    def get_extra_info(self, info: str) -> Any:
        del info
        return None
