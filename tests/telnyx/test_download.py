"""Fetching recordings; over a real socket once, where a download breaks off."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
import trio
from trio.testing import MockClock

from voiced.errors import DownloadFailed
from voiced.telnyx.download import Downloader, open_downloader

URL = "https://storage.example.com/r.wav?X-Amz-Signature=secret"


class Body(httpx.AsyncByteStream, AsyncIterator[bytes]):
    """Pieces, with a pause or an error in place of one."""

    def __init__(self, *pieces: bytes | float | Exception) -> None:
        self._pieces = list(pieces)
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        while self._pieces:
            match self._pieces.pop(0):
                case bytes() as piece:
                    return piece
                case float() as pause_s:
                    await trio.sleep(pause_s)
                case Exception() as error:
                    raise error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


class Storage(httpx.AsyncBaseTransport):
    """Answers every request alike."""

    def __init__(self, answer: Callable[[], httpx.Response]) -> None:
        self._answer = answer
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        self.requests.append(request)
        return self._answer()

    def open(self) -> AbstractAsyncContextManager[Downloader]:
        return open_downloader(transport=self)


async def fetch(storage: Storage, *, url: str = URL, max_bytes: int = 1000) -> bytes:
    async with storage.open() as downloader, downloader.open(url, max_bytes=max_bytes) as download:
        return b"".join([piece async for piece in download])


async def test_file_comes_in_pieces_and_without_our_key(autojump_clock: MockClock) -> None:
    body = Body(b"RIFF", b"more")
    headers = {"content-length": "8", "content-type": "audio/wav; x=y"}
    storage = Storage(lambda: httpx.Response(200, headers=headers, stream=body))
    async with storage.open() as downloader, downloader.open(URL, max_bytes=8) as download:
        assert (download.size, download.content_type) == (8, "audio/wav")
        assert [piece async for piece in download] == [b"RIFF", b"more"]
    (request,) = storage.requests
    assert str(request.url) == URL
    assert "authorization" not in request.headers
    assert body.closed


async def test_file_of_unknown_size_comes_too(autojump_clock: MockClock) -> None:
    storage = Storage(lambda: httpx.Response(200, stream=Body(b"abc")))
    async with storage.open() as downloader, downloader.open(URL, max_bytes=8) as download:
        assert (download.size, download.content_type) == (None, "")
        assert [piece async for piece in download] == [b"abc"]


@pytest.mark.parametrize("headers", [{}, {"content-length": "9"}])
async def test_file_that_is_too_large_is_refused(
    headers: dict[str, str], autojump_clock: MockClock
) -> None:
    body = Body(b"12345", b"6789", 1000.0)
    storage = Storage(lambda: httpx.Response(200, headers=headers, stream=body))
    with pytest.raises(DownloadFailed, match="larger than 8 bytes") as caught:
        await fetch(storage, max_bytes=8)
    assert not caught.value.may_pass
    assert body.closed
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    ("status", "is_expired", "may_pass"),
    [
        (400, True, False),
        (403, True, False),
        (404, True, False),
        (410, True, False),
        (429, False, True),
        (503, False, True),
        (302, False, False),
        (206, False, False),
    ],
)
async def test_refusals_say_whether_the_address_is_dead(
    status: int, is_expired: bool, may_pass: bool, autojump_clock: MockClock
) -> None:
    headers = {"location": "http://169.254.169.254/"}
    storage = Storage(lambda: httpx.Response(status, headers=headers, stream=Body(b"<Error/>")))
    with pytest.raises(DownloadFailed, match=f"answered {status}") as caught:
        await fetch(storage)
    error = caught.value
    assert (error.status, error.is_expired, error.may_pass) == (status, is_expired, may_pass)
    assert len(storage.requests) == 1


async def test_download_that_breaks_off_says_so(autojump_clock: MockClock) -> None:
    fault = httpx.RemoteProtocolError("peer closed connection")
    storage = Storage(lambda: httpx.Response(200, stream=Body(b"12", fault)))
    with pytest.raises(DownloadFailed, match="broke off") as caught:
        await fetch(storage)
    assert caught.value.may_pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a/b",
        "https://",
        "gs://bucket/r.wav",
        "https://a:b/c",
        "https://xn--/",
        "https://.",
    ],
)
async def test_address_of_no_use_is_named_as_such(url: str) -> None:
    async with open_downloader() as downloader:
        with pytest.raises(DownloadFailed, match=r"of no use|broke off"):
            async with downloader.open(url, max_bytes=1):
                pass


async def test_callers_deadline_ends_a_download(autojump_clock: MockClock) -> None:
    body = Body(b"1", 1000.0)
    storage = Storage(lambda: httpx.Response(200, stream=body))
    with trio.move_on_after(3) as scope:
        await fetch(storage)
    assert scope.cancelled_caught
    assert body.closed


@pytest.mark.socket
async def test_connection_that_breaks_off_and_one_that_is_left_early() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(head + b"x" * 60000)
        await stream.aclose()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery, open_downloader() as downloader:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, serve, [listener])
            url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/r.wav"
            async with downloader.open(url, max_bytes=200_000) as download:
                with pytest.raises(DownloadFailed, match="broke off"):
                    _ = [piece async for piece in download]
            async with downloader.open(url, max_bytes=200_000) as download:
                assert await anext(aiter(download))
            nursery.cancel_scope.cancel()
