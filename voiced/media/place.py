"""Where a call is lent its media sockets: one live connection at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from voiced.leg.leg import EndReason
from voiced.log import get_logger
from voiced.services.services import LentSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voiced.services.services import MediaSocket

log = get_logger(__name__)


class MediaPlace:
    """One call's place for a media socket. The endpoint lends, the call takes from `sockets`."""

    def __init__(
        self,
        note: Callable[[MediaSocket], MediaSocket],
        end_call: Callable[[EndReason, str], None],
    ) -> None:
        """Make a free place; `note` returns a socket whose messages are written down."""
        self._note = note
        self._end_call = end_call
        self._lent, self.sockets = trio.open_memory_channel["LentSocket"](1)
        self._released = trio.Event()
        self.is_free = True

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Hold the place for a connection; before the next wait, so that no second one gets it."""
        self.is_free = False
        try:
            yield
        finally:
            self.is_free = True

    async def lend(self, socket: MediaSocket) -> None:
        """Lend the call its media socket; returns once the call has let go of it.

        Run by the media endpoint, in its own task. If that task is cancelled, the socket is lost.
        """
        self._released = released = trio.Event()
        try:
            self._lent.send_nowait(LentSocket(self._note(socket), released.set))
            await released.wait()
        except trio.WouldBlock:
            log.warning("media socket not wanted: the call has not taken the one before")
        except trio.ClosedResourceError:
            log.debug("media socket not wanted: the call has ended meanwhile")
        finally:
            if not released.is_set():
                self._end_call(EndReason.MEDIA_LOST, "the web server closed the media socket")

    def close(self) -> None:
        """The call is over: let go of the socket, used or not, and want no other."""
        self._released.set()
        self._lent.close()
        self.sockets.close()
