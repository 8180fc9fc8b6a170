"""One session with the Realtime API: its socket, and what the API has made in it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from voiced.agent.realtime import wire
from voiced.agent.realtime.telling import items_of
from voiced.audio.g711 import encode_ulaw
from voiced.errors import ProviderError

if TYPE_CHECKING:
    from voiced.agent.memory import Entry
    from voiced.audio.frame import Frame
    from voiced.net.peer import Peer
    from voiced.net.socket import ProviderSocket

MESSAGE_BYTES = 320
"""Of audio, 40 ms: half the messages of single frames, for 20 ms that nobody notices."""


class Session:
    """Closed by whoever has opened its socket. What sends or receives raises ProviderError."""

    def __init__(self, socket: ProviderSocket, peer: Peer, ready_by: float) -> None:
        """Expect the API to have it set up by `ready_by`, trio time."""
        self.ready_by = ready_by
        self.is_ready = False
        """Whether it is as we want it: conversation and audio may come."""
        self.items: set[str] = set()
        """The model's that had audio; those of another session it does not know."""
        self.spoken_in: set[str] = set()
        """Responses that had audio and are not done."""
        self._socket = socket
        self._peer = peer
        self._sending = trio.Lock()
        self._receiving = trio.CancelScope()

    async def next_event(self, until: float) -> wire.ServerEvent | None:
        """Return what the API says next; None when `until` has come, or `wake` was called."""
        with trio.CancelScope(deadline=until) as self._receiving:
            message = await self._socket.receive()
            try:
                return wire.parse(message)
            except ValueError as error:
                raise self._peer.failed("garbage", str(error)) from error
        return None

    def wake(self) -> None:
        """Have `next_event` return: there is something else to look at."""
        self._receiving.cancel()

    async def send(self, message: str) -> None:
        """Send one message; one at a time."""
        async with self._sending:
            await self._socket.send(message)

    async def tell(self, entry: Entry) -> None:
        """Let the model know of what was said or done."""
        for item in items_of(entry):
            await self.send(item)

    async def send_audio(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        """Send the caller's audio; of a socket that takes none whoever receives is told."""
        payload = b""
        with frames, suppress(ProviderError):
            async for frame in frames:
                payload += encode_ulaw(frame.pcm)
                if len(payload) >= MESSAGE_BYTES:
                    await self.send(wire.audio_append(payload))
                    payload = b""
