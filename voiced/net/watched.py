"""A stream that knows when it last heard of the far end."""

from __future__ import annotations

import trio


class WatchedStream(trio.abc.Stream):
    """Passes everything on, and notes signs of life.

    Attributes:
        last_byte_at: trio time of the last byte that came, at first of the opening.
        is_reading: somebody waits for bytes now; if not, silence says nothing about the far end.
        n_bytes: how many have come.
        is_cut: a write was begun and did not end, so that what follows would make no sense.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.last_byte_at = trio.current_time()
        self.is_reading = False
        self.n_bytes = 0
        self.is_cut = False

    def is_silent_since(self, n_bytes: int) -> bool:
        """Say whether nothing has come since there were `n_bytes`, though it would be read."""
        return self.is_reading and self.n_bytes == n_bytes

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`."""
        is_sent = False
        try:
            await self._stream.send_all(data)
            is_sent = True
        finally:
            self.is_cut = self.is_cut or not is_sent

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until `send_all` might not block."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return what has come."""
        self.is_reading = True
        try:
            data = await self._stream.receive_some(max_bytes)
        finally:
            self.is_reading = False
        if data:
            self.last_byte_at = trio.current_time()
            self.n_bytes += len(data)
        return data

    async def aclose(self) -> None:
        """Close at once, without TLS's goodbye, which the far end need not answer."""
        await trio.aclose_forcefully(self._stream)
