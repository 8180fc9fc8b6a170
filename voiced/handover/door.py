"""The door for a newer process: a Unix socket in the runtime directory, for our own user only.

Who comes introduces itself and gets the listening sockets; once it can serve it says so, and this
process steps back: it accepts no connection any more, and becomes an elder. By the same socket the
newer one then brings webhooks and requests for calls that live here, and joins media sockets.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, assert_never

import trio

from voiced.errors import RemoteProtocolError, StartupError
from voiced.handover.stream import LineStream, peer_of
from voiced.handover.wire import (
    MOST_BYTES,
    VERSION,
    Answer,
    Drain,
    Go,
    Hello,
    Hurry,
    Offered,
    read_order,
    write_answer,
)
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from voiced.public.listeners import Stream

log = get_logger(__name__)

LONGEST_PATH = 107
"""Bytes in the name of a Unix socket (unix(7))."""

BACKLOG = 64
FIRST_BYTES_S = 10.0


class House:
    """What the newer process wants from this one, and what that means to us.

    Attributes:
        has_left: set once another process accepts in our place: we are an elder.
        taken: set once the guest that takes over has done so; a new event when that guest has gone.
        has_nobody_at_the_door: set once all is served that was accepted before.
        must_end: set by the newer process; then `limit_s` is how long calls may go on.
        must_hurry: set by the newer process: all calls end at once.
    """

    def __init__(
        self,
        listeners: Mapping[Offered, socket.socket],
        stop_accepting: Callable[[], None],
        on_leave: Callable[[int], None],
    ) -> None:
        """Make a house that serves.

        Args:
            listeners: the listening sockets.
            stop_accepting: called when connections must not be accepted any more.
            on_leave: called with the process id of the one that accepts in our place.
        """
        self.has_left = trio.Event()
        self.taken = trio.Event()
        self.has_nobody_at_the_door = trio.Event()
        self.must_end = trio.Event()
        self.must_hurry = trio.Event()
        self.limit_s = float("inf")
        self._listeners = listeners
        self._stop_accepting = stop_accepting
        self._on_leave = on_leave
        self._taker: LineStream | None = None

    def greet(self, guest: LineStream) -> tuple[Answer, list[socket.socket]]:
        """Return how we stand, and the sockets for the one who may take over.

        Where the one that had taken over has died nobody accepts, and the next one may.
        """
        if self._taker is not None:
            return Answer(state="elder" if self.taken.is_set() else "busy"), []
        self._taker = guest
        return Answer(state="serving", listeners=(*self._listeners,)), [*self._listeners.values()]

    def leave(self, guest: LineStream, pid: int) -> bool:
        """Step back for `guest`; False if it is not the one who takes over."""
        if guest is not self._taker or self.taken.is_set():
            return False
        self._stop_accepting()
        self._on_leave(pid)
        self.has_left.set()
        self.taken.set()
        log.info("handed over to a newer process", pid=pid)
        return True

    def forget(self, guest: LineStream) -> None:
        """A guest has gone; if it was to take over, or has, somebody else may."""
        if guest is not self._taker:
            return
        self._taker, self.taken = None, trio.Event()
        if self.has_left.is_set():
            log.warning("the process that had taken over has gone")
        else:
            log.warning("the newer process has given up; this one goes on")


class Door:
    """Serves the connections of newer processes."""

    def __init__(self, house: House, serve: Callable[[Stream, bytes], Awaitable[None]]) -> None:
        """Make a door of `house`; `serve` takes what is HTTP, with its first bytes."""
        self._house = house
        self._serve = serve

    async def handle(self, stream: Stream) -> None:
        """Serve one connection."""
        assert isinstance(stream, trio.SocketStream)
        pid, is_ours = peer_of(stream)
        if not is_ours:
            log.warning("a stranger at the handover socket", pid=pid)
            return
        first = b""
        with trio.move_on_after(FIRST_BYTES_S):
            first = bytes(await stream.receive_some(MOST_BYTES))
        if first.startswith(b"{"):
            await self._talk(LineStream(stream, first), pid)
        elif first:
            await self._serve(stream, first)

    async def _talk(self, guest: LineStream, pid: int) -> None:
        try:
            while (line := await guest.receive()) is not None:
                await self._obey(guest, line, pid)
        except RemoteProtocolError as error:
            log.warning("a newer process is not understood", reason=str(error))
        finally:
            self._house.forget(guest)

    async def _obey(self, guest: LineStream, line: bytes, pid: int) -> None:
        house = self._house
        match read_order(line):
            case Hello(version=version):
                if version != VERSION:
                    raise RemoteProtocolError(f"handover: version {version}, not {VERSION}")
                answer, sockets = house.greet(guest)
                await guest.send(write_answer(answer), sockets)
            case Go():
                if house.leave(guest, pid):
                    await guest.send(write_answer(Answer(state="gone")))
            case Drain(limit_s=limit_s):
                house.limit_s = limit_s
                house.must_end.set()
            case Hurry():
                house.must_hurry.set()
            case other:
                assert_never(other)


def require_ours(directory: Path) -> None:
    """Return if nobody but us can put a socket into `directory`.

    Raises:
        StartupError: somebody can, or there is no such directory.
    """
    try:
        status = directory.stat()
    except OSError as error:
        raise StartupError(
            f"[server] handover_path {directory}: {error.strerror}; name a directory of our own"
        ) from error
    if status.st_uid not in (0, os.getuid()) or status.st_mode & 0o022:
        raise StartupError(
            f"[server] handover_path {directory}: others may write there; chmod 700, or name a"
            " directory of our own"
        )


@contextmanager
def open_door_socket(directory: Path) -> Iterator[socket.socket]:
    """Listen on the socket of this process below `directory`; its name goes with it.

    Raises:
        StartupError: the directory cannot be used.
    """
    path = directory / f"{os.getpid()}.sock"
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise StartupError(f"[server] handover_path {directory}: too long for a Unix socket's name")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)  # of a process that had our number before
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StartupError(
            f"[server] handover_path {directory}: {error.strerror}; name a directory of our own"
        ) from error
    with listening:
        try:
            yield listening
        finally:
            path.unlink(missing_ok=True)
