"""Lines, sockets and the far end's identity on a Unix socket."""

from __future__ import annotations

import array
import os
import socket
import struct
from typing import TYPE_CHECKING

import trio

from voiced.errors import RemoteProtocolError
from voiced.handover.wire import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SOCKETS = 8
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid (unix(7))


class LineStream:
    """Whole lines from a stream that was read up to `unread`."""

    def __init__(self, stream: trio.SocketStream, unread: bytes = b"") -> None:
        self.stream = stream
        self._unread = unread

    async def receive(self) -> bytes | None:
        """Return the next line; None when the far end has gone.

        Raises:
            RemoteProtocolError: the line is too long.
        """
        while b"\n" not in self._unread:
            if len(self._unread) > MOST_BYTES:
                raise RemoteProtocolError("handover: the line is too long")
            try:
                data = await self.stream.receive_some(MOST_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return None
            if not data:
                return None
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    async def send(self, line: bytes, sockets: Sequence[socket.socket] = ()) -> None:
        """Send a line, and sockets beside it; a far end that has gone does not matter."""
        rights = array.array("i", [one.fileno() for one in sockets])
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if sockets else []
        try:
            # A line is far smaller than the buffer: it goes out whole.
            await self.stream.socket.sendmsg([line], beside)
        except OSError:
            await trio.lowlevel.checkpoint()

    async def receive_with_sockets(self) -> tuple[bytes | None, list[socket.socket]]:
        """Return the next line, and the sockets that came beside it, which the caller closes."""
        size = socket.CMSG_LEN(MOST_SOCKETS * array.array("i").itemsize)
        try:
            data, beside, _, _ = await self.stream.socket.recvmsg(
                MOST_BYTES, size, socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return None, []
        descriptors = array.array("i")
        for level, kind, content in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                whole = len(content) - len(content) % descriptors.itemsize
                descriptors.frombytes(content[:whole])
        self._unread += data
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        return await self.receive(), sockets


def peer_of(stream: trio.SocketStream) -> tuple[int, bool]:
    """Return the process id of whoever is at the far end, and whether it is ours or root's."""
    raw = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return pid, uid in (0, os.getuid())
