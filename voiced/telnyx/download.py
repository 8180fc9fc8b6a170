"""Fetches recordings from the addresses that Telnyx gives: IO.

An address is presigned: whoever has it may read it, for 10 minutes. It belongs to a storage
provider, so the account's key is never sent there. Nothing is tried again here: a dead address
needs a fresh one (`queries.RetrieveRecording`), which is for the caller to ask.

Source: developers.telnyx.com, "Storing call recordings".
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import trio

from voiced.errors import DownloadFailed
from voiced.net.http import UNSENDABLE, reason_of
from voiced.telnyx.http import bare_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

STEP_S = 10.0
"""How long the storage may be silent in the midst of a download."""
CONNECT_S = 5.0

# What storage providers answer for an address that has run out.
_EXPIRED = (400, 401, 403, 404, 410)


class Download:
    """A file that is coming: iterate over its pieces, in order, once.

    Attributes:
        size: bytes, None where the storage does not say.
        content_type: as `audio/wav`, "" where the storage does not say.
    """

    def __init__(self, reply: httpx.Response, max_bytes: int) -> None:
        length = reply.headers.get("content-length", "")
        self.size = int(length) if length.isascii() and length.isdigit() else None
        self.content_type: str = reply.headers.get("content-type", "").partition(";")[0].strip()
        self._pieces = reply.aiter_raw()
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._check(self.size or 0)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece.

        Raises:
            DownloadFailed: the connection broke, the storage fell silent, or this is too large.
        """
        with _foreign_errors():
            piece = await anext(self._pieces)
        self._n_bytes += len(piece)
        self._check(self._n_bytes)
        return piece

    async def aclose(self) -> None:
        """Let go of the rest."""
        with trio.CancelScope() as scope, suppress(httpx.HTTPError):
            scope.cancel()  # closing the iterator alone would leave those within to the collector
            async for _ in self._pieces:
                pass

    def _check(self, n_bytes: int) -> None:
        if n_bytes > self._max_bytes:
            raise DownloadFailed(f"is larger than {self._max_bytes} bytes")


class Downloader:
    """Fetches files. Made by `open_downloader`; used by many tasks."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @asynccontextmanager
    async def open(self, url: str, *, max_bytes: int) -> AsyncIterator[Download]:
        """Begin to fetch `url`; leaving ends it. The deadline of the whole belongs to the caller.

        Args:
            url: presigned address, http or https; it is in no error's text.
            max_bytes: a larger file is refused, before or in the midst of it.

        Raises:
            DownloadFailed: refused, unreachable, too large; `is_expired` says that `url` is dead.
        """
        with _foreign_errors():
            request = self._http.build_request("GET", url)
            reply = await self._http.send(request, stream=True)
        try:
            if reply.status_code != 200:
                raise _refused(reply.status_code)
            download = Download(reply, max_bytes)
            try:
                yield download
            finally:
                await download.aclose()
        finally:
            with trio.move_on_after(1, shield=True):
                await reply.aclose()


@asynccontextmanager
async def open_downloader(
    *, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Downloader]:
    """Open what fetches, for the daemon's life; leaving closes its connections, within a second.

    Args:
        transport: what to speak through instead of TCP, for tests.
    """
    http = bare_client(step_s=STEP_S, connect_s=CONNECT_S, transport=transport)
    try:
        yield Downloader(http)
    finally:
        with trio.move_on_after(1, shield=True):
            await http.aclose()


def _refused(status: int) -> DownloadFailed:
    return DownloadFailed(
        f"the storage answered {status}",
        status=status,
        is_expired=status in _EXPIRED,
        may_pass=status in (408, 429) or status >= 500,
    )


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Map what httpx raises; its texts may hold the address, so its name must do for some."""
    try:
        yield
    except UNSENDABLE as error:
        raise DownloadFailed(f"the address is of no use ({type(error).__name__})") from None
    except httpx.HTTPError as error:
        raise DownloadFailed(f"broke off ({reason_of(error)})", may_pass=True) from error
