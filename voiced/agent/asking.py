"""Asks over HTTP for an answer in server-sent events; asks again while nothing of it has come."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from voiced.agent.answer_wire import Trouble
from voiced.errors import AgentTooSlow, ProviderError
from voiced.log import get_logger
from voiced.net.http import SseReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from voiced.agent.answer_wire import AnswerParser
    from voiced.net.http import HttpAnswer, ProviderHttp
    from voiced.net.peer import Peer

PAUSE_S = 0.2
"""Before the next try."""

LONGEST_PAUSE_S = 2.0
"""Who wants to be left alone for longer is not waited for: the caller waits, too."""

WARM_S = 5.0
"""For opening a connection ahead of a request."""

WARM_EVERY_S = 45.0
"""Sooner than servers and routers forget an idle connection."""

DRAIN_S = 0.1
"""For the end of a stream whose answer is complete: so its connection can serve again."""

log = get_logger(__name__)

_Piece = TypeVar("_Piece")
_End = TypeVar("_End")
_Come = TypeVar("_Come")


class Answer(Generic[_Piece, _End]):
    """An answer that is coming: its pieces, and then `end`. One reader."""

    end: _End
    """Set once all pieces were read."""

    def __init__(self, http: HttpAnswer, parser: AnswerParser[_Piece, _End], peer: Peer) -> None:
        self._events = SseReader(http)
        self._parser = parser
        self._peer = peer
        self._ready: list[_Piece] = []
        self._is_over = False

    def __aiter__(self) -> Answer[_Piece, _End]:
        """Return itself."""
        return self

    async def __anext__(self) -> _Piece:
        """Return the next piece. Raises ProviderError."""
        await self.begin()
        if not self._ready:
            raise StopAsyncIteration
        return self._ready.pop(0)

    async def begin(self) -> None:
        """Wait for the next piece, or for the end. Raises ProviderError."""
        while not (self._ready or self._is_over):
            event = None if self._parser.is_over else await anext(self._events, None)
            if event is None:
                await self._drain()
                self._is_over = True
                self.end = self._checked(self._parser.finish())
                return
            self._ready += [self._checked(piece) for piece in self._parser.feed(event)]

    async def _drain(self) -> None:
        """Read the stream to its end if that is near; nobody waits for a server that dawdles."""
        with trio.move_on_after(DRAIN_S), suppress(ProviderError):
            async for _ in self._events:
                pass

    def _checked(self, come: _Come | Trouble) -> _Come:
        if isinstance(come, Trouble):
            raise self._peer.failed(come.kind, come.reason)
        return come


class Asker(Generic[_Piece, _End]):
    """Whoever is asked; shared by all calls.

    Args:
        http: its API.
        path: behind the base URL.
        parser: makes the parser of an answer.
        peer: names it.
        first_s: from a request to the first piece of its answer.
        retries: further tries while no piece has come.
    """

    def __init__(
        self,
        http: ProviderHttp,
        path: str,
        parser: Callable[[], AnswerParser[_Piece, _End]],
        peer: Peer,
        *,
        first_s: float,
        retries: int,
    ) -> None:
        self._http = http
        self._path = path
        self._parser = parser
        self._peer = peer
        self._first_s = first_s
        self._retries = retries

    @asynccontextmanager
    async def ask(self, body: Mapping[str, Any]) -> AsyncIterator[Answer[_Piece, _End]]:
        """Ask, and yield the answer once it has begun; leaving drops the rest.

        Raises:
            ProviderError: of the last try: there is no answer, or it says no.
            AgentTooSlow: nothing of it came in time.
        """
        tries_left = self._retries
        while True:
            async with AsyncExitStack() as stack:
                try:
                    answer = await self._begin(stack, body)
                except ProviderError as error:
                    pause_s = PAUSE_S if error.retry_after_s is None else error.retry_after_s
                    if not error.retryable or tries_left == 0 or pause_s > LONGEST_PAUSE_S:
                        raise
                    log.warning("asked again", provider=error.provider, trouble=error.kind)
                else:
                    yield answer
                    return
            tries_left -= 1
            await trio.sleep(pause_s)

    async def _begin(self, stack: AsyncExitStack, body: Mapping[str, Any]) -> Answer[_Piece, _End]:
        with trio.move_on_after(self._first_s):
            opening = self._http.stream("POST", self._path, json=body)
            answer = Answer(await stack.enter_async_context(opening), self._parser(), self._peer)
            await answer.begin()
            return answer
        reason = f"no words within {self._first_s:g} s of the request"
        raise AgentTooSlow(self._peer.provider, reason)


async def keep_warm(http: ProviderHttp) -> None:
    """Have a connection open at any time, so that no caller waits for one."""
    while True:
        with trio.move_on_after(WARM_S):
            await http.warm()
        await trio.sleep(WARM_EVERY_S)
