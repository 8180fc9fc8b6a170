"""One connection to a remote voice's socket: a text at a time, with tasks that read and write."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

from voiced.errors import ProviderError
from voiced.synthesizer.speech_session import SpeechAudio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from voiced.net.peer import Peer
    from voiced.net.socket import ProviderSocket
    from voiced.synthesizer.speech_session import SpeechEvent, SpeechSession

SUSPECT_S = 1.5
"""A text that is given up after so long without a message was not given up for nothing: a
connection that may have died is not used again."""

MOST_UNREAD_BYTES = 8_000_000
"""Audio of one text that waits to be given; 1000 characters at 24 kHz are about 4 MB."""


class SpeechConnection:
    """Fits `voiced.synthesizer.remote.Speaking` for the text that was begun.

    A connection is read all the time, whether somebody waits for what comes or not: pings are
    answered, what comes late of a text that was cancelled is dropped, and one that dies is noticed
    while it is idle. Whoever speaks never writes itself: barge-in must not wait for a network.
    """

    def __init__(self, session: SpeechSession, peer: Peer) -> None:
        self._session = session
        self._peer = peer
        self._events: deque[SpeechEvent] = deque()
        self._n_unread = 0
        self._outbox: deque[str] = deque()
        self._news = trio.lowlevel.ParkingLot()
        self._mail = trio.lowlevel.ParkingLot()
        self._failure: ProviderError | None = None
        self._is_leaving = False
        self._last_at = 0.0  # when something came last, or was asked for

    # -- its tasks -------------------------------------------------------------------------------

    async def serve_speech(
        self,
        open_socket: Callable[[], AbstractAsyncContextManager[ProviderSocket]],
        *,
        task_status: trio.TaskStatus[SpeechConnection],
    ) -> None:
        """Connect, and serve until it is closed or lost. Raises ProviderError only before that."""
        async with open_socket() as socket:
            self._send(self._session.opening())
            task_status.started(self)
            async with trio.open_nursery() as nursery:
                for task in (self._read, self._write):
                    nursery.start_soon(self._until_over, task, socket, nursery.cancel_scope)
        self._fail(self._peer.failed("closed", "was closed here"))

    async def _until_over(
        self,
        task: Callable[[ProviderSocket], Awaitable[None]],
        socket: ProviderSocket,
        life: trio.CancelScope,
    ) -> None:
        try:
            await task(socket)
        except ProviderError as error:
            self._fail(error)
        life.cancel()

    async def _read(self, socket: ProviderSocket) -> None:
        while True:
            self._receive(await socket.receive())

    async def _write(self, socket: ProviderSocket) -> None:
        while self._outbox or not self._is_leaving:
            while self._outbox:
                await socket.send(self._outbox.popleft())
            if not self._is_leaving:
                await self._mail.park()

    def _receive(self, message: str | bytes) -> None:
        self._last_at = trio.current_time()
        try:
            events = self._session.receive(message)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"a message makes no sense ({type(error).__name__})"
            raise self._peer.failed("garbage", reason) from error
        for event in events:
            self._events.append(event)
            if isinstance(event, SpeechAudio):
                self._n_unread += len(event.data)
        if self._n_unread > MOST_UNREAD_BYTES:
            reason = f"more than {MOST_UNREAD_BYTES} bytes of audio for one text"
            raise self._peer.failed("garbage", reason)
        if events:
            self._news.unpark_all()

    def _fail(self, error: ProviderError) -> None:
        self._failure = self._failure or error
        self._news.unpark_all()

    def _send(self, messages: Sequence[str]) -> None:
        self._outbox += messages
        self._mail.unpark_all()

    # -- for whoever speaks ----------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether it is of use yet."""
        return self._failure is None and not self._session.is_spoilt and not self._is_leaving

    @property
    def is_spoilt(self) -> bool:
        """Whether it is open, but must not be used again."""
        return self._failure is None and self._session.is_spoilt

    @property
    def may_begin(self) -> bool:
        """Whether a text may be begun now."""
        return self.is_open and self._session.may_begin(trio.current_time())

    def begin(self, text: str) -> None:
        """Have a text spoken; none may be present. Does not wait."""
        self._events.clear()
        self._n_unread = 0
        self._last_at = trio.current_time()
        self._send(self._session.begin(text, self._last_at))

    async def next_event(self) -> SpeechEvent:
        """Return what comes next of the text. Raises ProviderError once nothing more will."""
        await trio.lowlevel.checkpoint()
        while not self._events:
            if self._failure is not None:
                raise self._failure
            await self._news.park()
        event = self._events.popleft()
        if isinstance(event, SpeechAudio):
            self._n_unread -= len(event.data)
        return event

    def end(self) -> None:
        """Stop the text if it is present yet; nothing of it comes through any more."""
        messages = self._session.cancel()
        self._send(messages)
        self._events.clear()
        if messages and trio.current_time() - self._last_at > SUSPECT_S:
            self.close()

    def close(self) -> None:
        """Close it: what was sent last still goes out, if the far end takes it at once."""
        self._is_leaving = True
        self._mail.unpark_all()
