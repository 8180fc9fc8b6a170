"""How bytes get to a provider: TCP and TLS in a daemon, whatever a test gives in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import httpx
import trio

if TYPE_CHECKING:
    import ssl


class Address(NamedTuple):
    """Where a stream leads."""

    host: str
    port: int
    is_secure: bool


Connect: TypeAlias = Callable[[Address], Awaitable[trio.abc.Stream]]
"""Opens a stream, TLS begun where `is_secure`; the deadline is the caller's.

Raises OSError, ssl.SSLError, trio.BrokenResourceError.
"""


@cache
def tls_context() -> ssl.SSLContext:
    """Return the one TLS context for all providers, with httpx's authorities.

    Making one reads all certificates, which takes some 20 ms.
    """
    return httpx.create_ssl_context(trust_env=False)


async def connect_tcp(address: Address) -> trio.abc.Stream:
    """Open a TCP stream (the addresses of a host race each other), with TLS where wanted."""
    if not address.is_secure:
        return await trio.open_tcp_stream(address.host, address.port)
    stream = await trio.open_ssl_over_tcp_stream(
        address.host, address.port, ssl_context=tls_context(), https_compatible=True
    )
    is_open = False
    try:
        await stream.do_handshake()
        is_open = True
    finally:
        if not is_open:
            with trio.move_on_after(1, shield=True):
                await trio.aclose_forcefully(stream)
    return stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How a provider is reached.

    Attributes:
        connect: opens the streams of sockets.
        transport: carries HTTP requests; None for httpx's own.
    """

    connect: Connect = connect_tcp
    transport: httpx.AsyncBaseTransport | None = None


INTERNET = Wire()
