"""The public listener: one port for webhooks and media sockets.

Looks at the first bytes of each connection and sends it to its engine: a media socket to
`voiced.public.media_socket`, everything else to Hypercorn and the Quart application. Hypercorn gets
it once the whole header has come, which has one deadline: its own is for each read, so that a
client that sends a byte now and then would keep a connection for hours.

Hypercorn serves one request per connection here: a proxy that reused a connection for a media
socket, after a webhook, would otherwise reach the wrong engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import trio

from voiced.public.crowd import Crowd
from voiced.public.listeners import HttpEngine, address_of
from voiced.public.media_socket import MEDIA_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypercorn.typing import ASGIFramework

    from voiced.public.listeners import Stream
    from voiced.public.media_socket import MediaEndpoint

FIRST_BYTES_TIMEOUT_S = 10.0
"""For TLS, and for the header of a request."""

HEADER_LIMIT_BYTES = 64 * 1024

_MEDIA_REQUEST = f"GET {MEDIA_PREFIX}".encode()


class FrontDoor:
    """Sends each connection to its engine."""

    def __init__(self, app: ASGIFramework, media: MediaEndpoint) -> None:
        self._media = media
        self._http = HttpEngine(app, requests_per_connection=1)
        self._crowd = Crowd()

    async def handle(self, stream: Stream) -> None:
        """Serve one connection."""
        with self._crowd.join(address_of(stream)) as guest:
            await self.serve(stream, await _first_bytes(stream), guest.leave)

    async def serve(
        self, stream: Stream, first: bytes, admitted: Callable[[], None] | None = None
    ) -> None:
        """Serve one connection of which the first bytes were read.

        `admitted` is called once it has turned out to be a call's media socket.
        """
        if first.startswith(_MEDIA_REQUEST):
            await self._media.serve(stream, first, admitted)
        elif first:
            await self._http.serve(cast("Stream", _Rejoined(stream, first)))


async def _first_bytes(stream: Stream) -> bytes:
    """Return the beginning of a connection: that of a media socket, or a whole header.

    b"" if it does not come in time; a header that is too long is Hypercorn's to refuse.
    """
    first = b""
    with trio.move_on_after(FIRST_BYTES_TIMEOUT_S):
        try:
            if isinstance(stream, trio.SSLStream):
                await stream.do_handshake()
            while not _is_enough(first):
                data = await stream.receive_some(HEADER_LIMIT_BYTES)
                if not data:
                    break
                first += data
        except trio.BrokenResourceError:
            return b""
        return first
    return b""


def _is_enough(first: bytes) -> bool:
    if len(first) < len(_MEDIA_REQUEST) and _MEDIA_REQUEST.startswith(first):
        return False
    is_media = first.startswith(_MEDIA_REQUEST)
    return is_media or b"\r\n\r\n" in first or len(first) > HEADER_LIMIT_BYTES


class _Rejoined:
    """A stream of which some bytes were read: they come first, the rest is the stream's own."""

    def __init__(self, stream: Stream, first: bytes) -> None:
        self._stream = stream
        self._first = first

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return what comes next."""
        if self._first:
            await trio.lowlevel.checkpoint()
            n_bytes = len(self._first) if max_bytes is None else max_bytes
            data, self._first = self._first[:n_bytes], self._first[n_bytes:]
            return data
        return await self._stream.receive_some(max_bytes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
