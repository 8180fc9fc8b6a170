"""The media socket, noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.errors import MediaStreamClosed, RemoteProtocolError

if TYPE_CHECKING:
    from voiced.flight.notes import Notes
    from voiced.services.services import MediaSocket


class TappedSocket:
    """A media socket whose messages are noted. On the frame path, both ways."""

    def __init__(self, socket: MediaSocket, notes: Notes) -> None:
        self._socket = socket
        self._notes = notes
        self._is_lost = False

    async def receive_text(self) -> str:
        """Return the next message."""
        try:
            text = await self._socket.receive_text()
        except MediaStreamClosed as closed:
            self._note_loss(closed)
            raise
        except RemoteProtocolError as error:
            self._notes.note("garbled", reason=str(error))
            raise
        self._notes.message("rx", text)
        return text

    def send_text_nowait(self, text: str) -> bool:
        """Take one message to send."""
        self._notes.message("tx", text)  # before: what comes back must come after it
        return self._socket.send_text_nowait(text)

    async def flush(self) -> None:
        """Wait until every message is out."""
        try:
            await self._socket.flush()
        except MediaStreamClosed as closed:
            self._note_loss(closed)
            raise

    def _note_loss(self, closed: MediaStreamClosed) -> None:
        """Note that the socket is lost: by whoever learns it first, the reader or a sender."""
        if not self._is_lost:
            self._is_lost = True
            self._notes.note("close", code=closed.code)
