"""The connections to a remote voice's socket: one for each text being spoken, kept for the next."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import trio

from voiced.errors import ProviderError
from voiced.net.helpers import open_helpers
from voiced.net.socket import open_provider_socket
from voiced.net.wire import INTERNET
from voiced.synthesizer.speech_connection import SpeechConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from voiced.net.peer import Peer
    from voiced.net.socket import ProviderSocket
    from voiced.net.wire import Wire
    from voiced.synthesizer.speech_session import SpeechSession

MOST_IDLE = 4
"""Idle connections beyond this are closed."""


class SpeechSockets:
    """A provider's connections; made by `open_speech_sockets`."""

    def __init__(
        self,
        connections: trio.Nursery,
        peer: Peer,
        session: Callable[[], SpeechSession],
        open_socket: Callable[[], AbstractAsyncContextManager[ProviderSocket]],
    ) -> None:
        # The nursery is that of the live connections: they outlive the text they were opened for.
        self._connections = connections
        self._peer = peer
        self._session = session
        self._open_socket = open_socket
        self._n_opening = 0  # before they are needed
        self._n_awaited = 0  # of these, by somebody who needs them now
        self._arrivals = trio.lowlevel.ParkingLot()
        self._idle: list[SpeechConnection] = []  # the last one was used last

    @asynccontextmanager
    async def speak(self, text: str) -> AsyncIterator[SpeechConnection]:
        """Have `text` spoken; fits `voiced.synthesizer.remote.Speak`. Raises ProviderError."""
        connection = await self._get()
        try:
            connection.begin(text)
            yield connection
        finally:
            connection.end()
            self._keep(connection)

    def anticipate(self) -> None:
        """Open a connection if none waits. Neither waits nor raises."""
        waits = any(connection.may_begin for connection in self._idle)
        if not waits and self._n_opening < MOST_IDLE:
            self._connections.start_soon(self._open_early, name=f"warm {self._peer.provider}")

    async def _open_early(self) -> None:
        """What goes wrong is left to be met when the connection is needed."""
        self._n_opening += 1
        try:
            with suppress(ProviderError):
                self._keep(await self._connect())
        finally:
            self._n_opening -= 1
            self._arrivals.unpark_all()

    async def _get(self) -> SpeechConnection:
        """Return a connection: one that waits, one that is being opened already, or a new one."""
        while (connection := self._take_idle()) is None:
            if self._n_opening <= self._n_awaited:
                return await self._connect()
            self._n_awaited += 1
            try:
                await self._arrivals.park()
            finally:
                self._n_awaited -= 1
        return connection

    async def _connect(self) -> SpeechConnection:
        new = SpeechConnection(self._session(), self._peer)
        run = partial(new.serve_speech, self._open_socket)
        connection: SpeechConnection = await self._connections.start(
            run, name=f"voice {self._peer.provider}"
        )
        return connection

    def _take_idle(self) -> SpeechConnection | None:
        for connection in reversed(self._idle):
            if connection.may_begin:
                self._idle.remove(connection)
                return connection
        return None

    def _keep(self, connection: SpeechConnection) -> None:
        self._idle = [one for one in self._idle if one.is_open]
        if connection.is_open:
            self._idle.append(connection)
            if len(self._idle) > MOST_IDLE:
                self._idle.pop(0).close()
        elif connection.is_spoilt:
            connection.close()
            self.anticipate()


@asynccontextmanager
async def open_speech_sockets(
    url: str,
    *,
    peer: Peer,
    headers: Mapping[str, str],
    session: Callable[[], SpeechSession],
    connect_s: float,
    wire: Wire = INTERNET,
) -> AsyncIterator[SpeechSockets]:
    """Give the connections to `url`, none at first; leaving the context closes them.

    Args:
        url: of the socket, with its query.
        peer: whose it is.
        headers: sent with the handshake, the key among them.
        session: makes the state of one connection.
        connect_s: limit of connecting, seconds.
        wire: how to get there.
    """
    open_socket = partial(
        open_provider_socket, url, peer=peer, headers=headers, connect_s=connect_s, wire=wire
    )
    async with open_helpers() as connections:
        yield SpeechSockets(connections, peer, session, open_socket)
