"""Sockets that are opened before they are needed, while a call rings."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from voiced.errors import ProviderError
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from voiced.net.socket import ProviderSocket

log = get_logger(__name__)

KEEP_S = 30.0
"""A call that has rung for so long is unlikely to be answered."""

KEEP_ALIVE_S = 4.0

MOST = 16
"""Sockets that may wait at a time."""


class _Spare:
    def __init__(self, socket: ProviderSocket, use: str) -> None:
        self.socket = socket
        self.use = use
        self.returned = trio.Event()
        self.waiting = trio.CancelScope(deadline=trio.current_time() + KEEP_S)


class Spares:
    """Open sockets of one provider that wait for their calls.

    Args:
        helpers: a nursery for as long as the provider is open.
        open_one: opens a socket for a use, as its address.
        keep_alive: message that keeps one; "" for none.
    """

    def __init__(
        self,
        helpers: trio.Nursery,
        open_one: Callable[[str], AbstractAsyncContextManager[ProviderSocket]],
        keep_alive: str = "",
    ) -> None:
        self._helpers = helpers
        self._open_one = open_one
        self._keep_alive = keep_alive
        self._ready: list[_Spare] = []
        self._n_expected = 0

    def expect(self, use: str = "") -> None:
        """Open one socket more, for a call that may come. Neither waits nor raises."""
        if self._n_expected < MOST:
            self._n_expected += 1
            self._helpers.start_soon(self._hold_one, use, name="spare socket")

    @asynccontextmanager
    async def borrow(self, use: str = "") -> AsyncIterator[ProviderSocket | None]:
        """Yield a socket that waits for that use, or None; it is closed behind the body."""
        await trio.lowlevel.checkpoint()
        spare = next((spare for spare in self._ready if spare.use == use), None)
        if spare is None:
            yield None
            return
        self._ready.remove(spare)
        spare.waiting.deadline = float("inf")
        try:
            yield spare.socket
        finally:
            spare.returned.set()

    async def _hold_one(self, use: str) -> None:
        is_expected = True
        try:
            async with self._open_one(use) as socket:
                spare = _Spare(socket, use)
                self._ready.append(spare)
                self._n_expected -= 1
                is_expected = False
                try:
                    with spare.waiting:
                        await self._keep(spare)
                finally:
                    if spare in self._ready:
                        self._ready.remove(spare)
        except ProviderError as error:
            log.info("no socket in advance", reason=str(error), kind=error.kind)
        finally:
            self._n_expected -= is_expected

    async def _keep(self, spare: _Spare) -> None:
        """Wait until the spare is given back; keep it alive until it is taken."""
        while self._keep_alive and spare in self._ready:
            with trio.move_on_after(KEEP_ALIVE_S):
                await spare.returned.wait()
                return
            if spare in self._ready:
                await spare.socket.send(self._keep_alive)
        await spare.returned.wait()
