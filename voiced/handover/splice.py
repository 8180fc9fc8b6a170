"""Joins a connection to a Unix socket: bytes both ways, until either end closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from pathlib import Path

READ_BYTES = 64 * 1024
CONNECT_S = 2.0


async def splice(near: trio.abc.Stream, path: Path, first: bytes) -> None:
    """Carry all that comes on `near`, `first` before it, to the socket at `path`, and back.

    Nothing has a deadline here: the process at `path` watches its calls as it does its own, and the
    connection's own limits (TCP_USER_TIMEOUT) hold.
    """
    far: trio.SocketStream | None = None
    with trio.move_on_after(CONNECT_S):
        try:
            far = await trio.open_unix_socket(str(path))
        except OSError:
            return  # it has just ended
    if far is None:
        return
    async with far, trio.open_nursery() as nursery:
        nursery.start_soon(_pump, near, far, first, nursery.cancel_scope)
        nursery.start_soon(_pump, far, near, b"", nursery.cancel_scope)


async def _pump(
    source: trio.abc.ReceiveStream,
    target: trio.abc.SendStream,
    data: bytes | bytearray,
    both: trio.CancelScope,
) -> None:
    try:
        if data:
            await target.send_all(data)
        while data := await source.receive_some(READ_BYTES):
            await target.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    both.cancel()
