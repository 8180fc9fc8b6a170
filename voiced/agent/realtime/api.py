"""How sessions with the Realtime API are opened, and what its errors mean."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from voiced.agent.realtime.wire import ApiError
    from voiced.errors import ProviderError, TroubleKind
    from voiced.net.peer import Peer
    from voiced.net.socket import ProviderSocket
    from voiced.net.spares import Spares

BUSY = "conversation_already_has_active_response"
"""We and the API's own turn detection have asked for a response at the same time."""

_FATAL: Mapping[str, TroubleKind] = {
    "session_expired": "closed",
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "unauthorized",
    "invalid_api_key": "unauthorized",
    "model_not_found": "bad_request",
    "server_error": "overloaded",
}
"""Codes of errors after which nothing comes of a session, and what they mean."""


class Api:
    """The API with one account and model, shared by all calls; `spares` are open already."""

    def __init__(
        self,
        peer: Peer,
        open_socket: Callable[[], AbstractAsyncContextManager[ProviderSocket]],
        spares: Spares,
    ) -> None:
        self.peer = peer
        self.spares = spares
        self._open_socket = open_socket
        self._used_up_until = 0.0

    @asynccontextmanager
    async def session(self) -> AsyncIterator[ProviderSocket]:
        """Yield a socket on which a session begins. Raises AgentFailed."""
        async with self.spares.borrow() as spare:
            if spare is not None:
                yield spare
                return
        async with self._open_socket() as socket:
            yield socket

    def used_up(self, for_s: float, now: float) -> None:
        """Take note that the account's share is used up for so long; 0 if it is not."""
        self._used_up_until = now + for_s

    def check(self, error: ApiError, now: float, *, is_ready: bool) -> None:
        """Raise what ends a session; most errors do not, once it `is_ready`."""
        if error.code in _FATAL:
            raise self.failure(error.code, f"{error.code}: {error.message}", now)
        if not is_ready:
            raise self.peer.failed("bad_request", error.message or error.kind)

    def failure(self, code: str, reason: str, now: float) -> ProviderError:
        """Return what an error of the API means; a rate limit is obeyed by all calls."""
        kind = _FATAL.get(code, "overloaded")
        if kind == "rate_limited":
            return self.peer.limited(reason, self._used_up_until - now, now)
        return self.peer.failed(kind, reason)
