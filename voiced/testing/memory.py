"""A network without sockets: the daemon's core, called directly, for whole calls on virtual time.

Webhooks go through the ASGI application; media sockets are a pair of channels lent to the call as
the real endpoint lends its own. WebSocket framing is not part of it: the socket tests cover that.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from voiced.errors import MediaStreamClosed, RemoteProtocolError, TelnyxError
from voiced.testing.network import AsgiNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.server.core import Core
    from voiced.testing.network import Headers

_UNREAD = 10_000
"""Messages that may lie unread: minutes of audio, and an end to what a leak can take."""

_NORMAL = 1000
_ABNORMAL = 1006
_GOING_AWAY = 1001


class CoreNetwork(AsgiNetwork):
    """Carries webhooks and media sockets to a core."""

    def __init__(self, core: Core) -> None:
        super().__init__(core.app)
        self._media = core.media
        self.open_sockets: list[MemorySocket] = []
        """Our ends of the media sockets that are open."""

    @asynccontextmanager
    async def open_websocket(self, url: str, headers: Headers) -> AsyncIterator[MemorySocket]:
        """Dial a media socket; leaving the context closes it. Raises TelnyxError when refused."""
        del headers
        call = self._media.claim(urlsplit(url).path)
        if call is None:
            await trio.lowlevel.checkpoint()
            raise TelnyxError("media socket not opened: HTTP status 403")
        near, far = _pair()

        async def carry() -> None:
            try:
                await call.media.lend(far)
            finally:
                far.close(_GOING_AWAY)

        with call.media.reserve():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(carry, name="media carrier")
                self.open_sockets.append(near)
                try:
                    yield near
                finally:
                    self.open_sockets.remove(near)
                    near.close(_NORMAL)


class MemorySocket:
    """One end of an in-memory socket; fits both the daemon's and the emulator's protocol."""

    def __init__(
        self,
        outgoing: trio.MemorySendChannel[str | bytes],
        incoming: trio.MemoryReceiveChannel[str | bytes],
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self.close_code = _ABNORMAL
        """With what this end was closed."""
        self.peer: MemorySocket = self

    async def send_text(self, text: str) -> None:
        """Send one text message; raises MediaStreamClosed."""
        await self.send(text)

    async def send(self, message: str | bytes) -> None:
        """Send one message; raises MediaStreamClosed."""
        try:
            await self._outgoing.send(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise MediaStreamClosed(self.peer.close_code) from None

    def send_text_nowait(self, text: str) -> bool:
        """Take one message to send; False when the far end has gone, which `flush` tells."""
        try:
            self._outgoing.send_nowait(text)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True

    async def flush(self) -> None:
        """Raise MediaStreamClosed: there is nothing to wait for, or nobody any more."""
        await trio.lowlevel.checkpoint()
        raise MediaStreamClosed(self.peer.close_code)

    async def receive(self) -> str | bytes:
        """Return the next message; raises MediaStreamClosed."""
        try:
            return await self._incoming.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise MediaStreamClosed(self.peer.close_code) from None

    async def receive_text(self) -> str:
        """Return the next message; raises MediaStreamClosed, RemoteProtocolError (not text)."""
        message = await self.receive()
        if isinstance(message, bytes):
            raise RemoteProtocolError("media socket: a binary message; Telnyx sends text only")
        return message

    async def reset(self) -> None:
        """Lose the socket at once."""
        await trio.lowlevel.checkpoint()
        self.close(_ABNORMAL)

    def close(self, code: int) -> None:
        """Close this end with `code`; what it was closed with first counts."""
        if self.close_code == _ABNORMAL:
            self.close_code = code
        self._outgoing.close()
        self._incoming.close()


def _pair() -> tuple[MemorySocket, MemorySocket]:
    # As TCP does, this takes more than anybody leaves unread in a test.
    to_far, from_near = trio.open_memory_channel[str | bytes](_UNREAD)
    to_near, from_far = trio.open_memory_channel[str | bytes](_UNREAD)
    near, far = MemorySocket(to_far, from_far), MemorySocket(to_near, from_near)
    near.peer, far.peer = far, near
    return near, far
