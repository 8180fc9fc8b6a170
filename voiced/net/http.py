"""HTTP to providers, over httpx: one client for all calls, kept warm; answers as streams.

Deadlines belong to the caller, but for two: connecting, and a far end that sends nothing at all for
`stall_s` in the middle of an answer. A peer that has answered 429 is left alone for as long as it
has asked for: requests fail at once meanwhile.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx
import trio

from voiced.errors import ProviderError
from voiced.net.sse import SseParser
from voiced.net.wire import INTERNET, tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

    from voiced.errors import TroubleKind
    from voiced.net.peer import Peer
    from voiced.net.sse import SseEvent
    from voiced.net.wire import Wire

CONNECT_S = 5.0
"""Default limit of connecting."""

STALL_S = 15.0
"""Default limit between two pieces of an answer, the wait for its head included."""

KEEP_S = 90.0
"""An idle connection is kept so long; many servers close theirs after 60 to 120 s."""

CLOSE_S = 0.05
"""For leaving an answer that is not read to its end."""

ERROR_MAX_BYTES = 4096
WHOLE_MAX_BYTES = 8 * 1024 * 1024

UNSENDABLE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError)
"""What is raised for a request that no connection could carry; the last is Python's, and the
library's for names, of a host whose name is none."""

MAX_CONNECTIONS = 100


class HttpAnswer:
    """A successful answer whose body is still coming. One reader."""

    def __init__(
        self, response: httpx.Response, chunks: AsyncGenerator[bytes, None], peer: Peer
    ) -> None:
        self.headers: Mapping[str, str] = response.headers
        self.peer = peer
        self._chunks = chunks

    async def read_some(self) -> bytes:
        """Return the next piece of the body; b"" at its end. Raises ProviderError."""
        with _mapped(self.peer):
            async for chunk in self._chunks:
                if chunk:
                    return chunk
        return b""

    async def read_all(self, max_bytes: int = WHOLE_MAX_BYTES) -> bytes:
        """Return the rest of the body.

        Raises:
            ProviderError: also `garbage`, if there is more of it than `max_bytes`.
        """
        body = bytearray()
        while chunk := await self.read_some():
            body += chunk
            if len(body) > max_bytes:
                raise self.peer.failed("garbage", f"an answer of more than {max_bytes} bytes")
        return bytes(body)


class SseReader:
    """The events of an answer: `async for event in SseReader(answer)`."""

    def __init__(self, answer: HttpAnswer) -> None:
        self._answer = answer
        self._parser = SseParser()
        self._ready: list[SseEvent] = []

    def __aiter__(self) -> SseReader:
        """Return itself."""
        return self

    async def __anext__(self) -> SseEvent:
        """Return the next event. Raises ProviderError."""
        while not self._ready:
            data = await self._answer.read_some()
            if not data:
                raise StopAsyncIteration
            try:
                self._ready = self._parser.feed(data)
            except ValueError as error:
                raise self._answer.peer.failed("garbage", str(error)) from None
        return self._ready.pop(0)


class ProviderHttp:
    """A provider's HTTP API; made by `open_provider_http`. Shared by all calls."""

    def __init__(self, client: httpx.AsyncClient, peer: Peer, *, resends: bool) -> None:
        self._client = client
        self._peer = peer
        self._resends = resends

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **body: Any
    ) -> AsyncIterator[HttpAnswer]:
        """Ask, and yield the answer once its head is there; leaving the context drops the rest.

        Args:
            method: of HTTP.
            path: behind the base URL, with a leading slash and perhaps a query.
            headers: besides those of the client.
            **body: `json`, `content`, `data` or `files`, as httpx takes them.

        Raises:
            ProviderError: there is no answer, or one that says no.
        """
        self._peer.check_held(trio.current_time())
        with _mapped(self._peer):
            response = await self._ask(method, path, dict(headers or {}), body)
        chunks = response.aiter_raw()
        try:
            answer = HttpAnswer(response, chunks, self._peer)  # type: ignore[arg-type]
            if not response.is_success:
                raise await self._refusal(response, answer)
            yield answer
        finally:
            with trio.move_on_after(CLOSE_S, shield=True):
                await chunks.aclose()  # type: ignore[attr-defined]
                await response.aclose()

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> httpx.Response:
        """Ask, and once more where a kept connection turns out to have been closed meanwhile."""
        for is_last in (False, True) if self._resends else (True,):
            request = self._client.build_request(method, path, headers=headers, **body)
            try:
                return await self._client.send(request, stream=True)
            except (httpx.RemoteProtocolError, httpx.NetworkError) as error:
                if is_last or not _was_cut(error):
                    raise
        raise AssertionError

    async def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **body: Any
    ) -> bytes:
        """Ask, and return the whole answer, 8 MiB at most. Raises ProviderError."""
        async with self.stream(method, path, headers=headers, **body) as answer:
            return await answer.read_all()

    async def _refusal(self, response: httpx.Response, answer: HttpAnswer) -> ProviderError:
        body = b""
        with suppress(ProviderError):  # the status says enough
            while len(body) < ERROR_MAX_BYTES and (chunk := await answer.read_some()):
                body += chunk
        text = body[:ERROR_MAX_BYTES].decode("utf-8", "replace")
        return self._peer.answered(
            response.status_code, response.headers, text, trio.current_time()
        )

    async def warm(self) -> None:
        """Have a connection open before it is needed; what goes wrong is left to be met then.

        The deadline is the caller's.
        """
        with suppress(ProviderError), _mapped(self._peer):
            await self._client.head("/")  # whatever it answers: the connection stays


@asynccontextmanager
async def open_provider_http(
    base_url: str,
    *,
    peer: Peer,
    headers: Mapping[str, str] | None = None,
    connect_s: float = CONNECT_S,
    stall_s: float = STALL_S,
    resends: bool = True,
    wire: Wire = INTERNET,
) -> AsyncIterator[ProviderHttp]:
    """Open the client of a provider's HTTP API; leaving the context closes its connections.

    Args:
        base_url: `https://host/path`, without a trailing slash.
        peer: whose API it is.
        headers: sent with each request, the key among them.
        connect_s: limit of connecting, seconds.
        stall_s: limit between two pieces of an answer, seconds.
        resends: send a request once more where the connection was closed on it. Whoever closed it
            may have read it: no for what must not be done twice.
        wire: how to get there.
    """
    client = httpx.AsyncClient(
        base_url=base_url,
        headers={"user-agent": "voiced", "accept-encoding": "identity", **(headers or {})},
        cookies=no_cookies(),
        timeout=httpx.Timeout(stall_s, connect=connect_s, pool=connect_s),
        limits=httpx.Limits(
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_S,
        ),
        follow_redirects=False,
        trust_env=False,
        verify=tls_context() if base_url.startswith("https:") else False,
        transport=wire.transport,
    )
    async with client:
        yield ProviderHttp(client, peer, resends=resends)


def no_cookies() -> CookieJar:
    """Return a jar that takes none: calls have nothing to remember of each other."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


@contextmanager
def _mapped(peer: Peer) -> Iterator[None]:
    """Raise httpx's errors as the peer's."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise peer.failed("refused", f"no connection: {reason_of(error)}") from error
    except httpx.TimeoutException as error:
        raise peer.failed("stalled", "an answer has stopped coming") from error
    except httpx.RemoteProtocolError as error:
        kind: TroubleKind = "closed" if _was_cut(error) else "garbage"
        raise peer.failed(kind, reason_of(error)) from error
    except httpx.NetworkError as error:
        raise peer.failed("closed", f"the connection was lost: {reason_of(error)}") from error
    except (httpx.HTTPError, httpx.StreamError, *UNSENDABLE) as error:
        raise peer.failed("failed", reason_of(error)) from error


def _was_cut(error: Exception) -> bool:
    """Say whether the far end ended an open connection; httpx tells it by words only."""
    if isinstance(error, httpx.RemoteProtocolError):
        return "disconnected" in str(error) or "closed" in str(error)
    return isinstance(error, httpx.ReadError | httpx.WriteError)


def reason_of(error: Exception) -> str:
    """Return what a fault of httpx says; some say nothing."""
    return str(error) or type(error).__name__
