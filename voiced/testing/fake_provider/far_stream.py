"""The fake's end of a connection, which can vanish or be reset."""

from __future__ import annotations

import socket
import struct

import trio


class FarEndLost(Exception):
    """The connection of the exchange is no more: its handler has nothing left to do."""


class FarStream(trio.abc.Stream):
    """A stream that may be put back into, frozen and reset."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._back = b""
        self._frozen = trio.Event()
        self._sending = trio.Lock()  # the handler and its fault may both have something to say

    def put_back(self, data: bytes) -> None:
        """Have `data` received once more, before anything else."""
        self._back = data + self._back

    def freeze(self) -> None:
        """Vanish: from now on nothing goes either way, and nobody is told."""
        self._frozen.set()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, unless frozen."""
        async with self._sending:
            if not self._frozen.is_set():
                await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until `send_all` might not block."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has come, unless frozen: then wait for ever."""
        if self._back:
            await trio.lowlevel.checkpoint()
            data, self._back = self._back, b""
            return data
        data = bytes(await self._stream.receive_some(max_bytes))
        if self._frozen.is_set():
            await trio.sleep_forever()
        return data

    async def aclose(self) -> None:
        """Close; what is frozen is only let go."""
        await trio.aclose_forcefully(self._stream)

    async def reset(self) -> None:
        """Lose the connection at once."""
        stream = self._stream
        below = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        if isinstance(below, trio.SocketStream):
            # Closing with a linger time of zero sends RST instead of FIN (socket(7)).
            below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(stream)
