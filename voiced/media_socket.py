"""`WS /telnyx/media/<token>`: one call's media socket, straight on its Trio stream.

The protocol is the `websockets` library's, without its IO: the call's inbound task reads the stream
itself, and its outbound task writes it. No task, queue or thread stands in between, a disconnect is
seen by whoever reads, and a send to a peer that has stopped reading can be cancelled
(docs/decisions/0002-media-socket-engine.md).

The token in the path is the only thing that authorises a socket. Whatever is wrong with it (none,
unknown, used by a live connection, of a call that has ended), the answer is 403 and nothing else.
What is no WebSocket handshake at all gets a 426, whatever its path.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import trio
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from voiced.config import MEDIA_PATH
from voiced.errors import MediaStreamClosed, RemoteProtocolError
from voiced.log import get_logger

if TYPE_CHECKING:
    from websockets.http11 import Response

    from voiced.call import Call
    from voiced.switchboard import Switchboard

log = get_logger(__name__)

MEDIA_PREFIX = MEDIA_PATH + "/"

HANDSHAKE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0

MESSAGE_LIMIT_BYTES = 1024 * 1024
"""The largest message: 30 s of 8 kHz G.711 is 320 kB of base64; wideband comes in 20 ms."""

READ_BYTES = 64 * 1024

SEND_BUFFER_BYTES = 32 * 1024
"""Of the kernel, for a peer that reads slowly: some seconds of audio; more is of no use."""

SEND_TIMEOUT_S = 3.0
"""A peer that takes nothing for so long has stopped reading. TCP's own time limits do not see it as
long as it goes on sending."""

GOING_AWAY = 1001
ABNORMAL = 1006


class StreamMediaSocket:
    """A media socket on an accepted connection. One task reads it, one sends."""

    def __init__(self, stream: trio.abc.Stream, protocol: ServerProtocol) -> None:
        """Take a connection whose handshake is done; `close` ends it."""
        self._stream = stream
        # Without TLS we read and write the descriptor: one system call and no scheduler pass each,
        # where the stream's own methods try, fail and wait.
        self._fd = stream.socket.fileno() if isinstance(stream, trio.SocketStream) else None
        self._protocol = protocol
        if isinstance(stream, trio.SocketStream):
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._frames: deque[Frame] = deque()
        self._part = bytearray()
        self._writing = trio.Lock()
        self._cut = False

    async def receive_text(self) -> str:
        """Return the next text message.

        Raises:
            MediaStreamClosed: the far end has closed, or the connection broke.
            RemoteProtocolError: not text, not UTF-8, too large, or no WebSocket frame at all.
        """
        while True:
            while self._frames:
                text = self._take(self._frames.popleft())
                if text is not None:
                    return text
            await self._read()

    async def send_text(self, text: str) -> None:
        """Send one message; no checkpoint when the kernel takes it at once.

        Cancelling it leaves the connection good for nothing but closing.

        Raises:
            MediaStreamClosed: the connection has ended.
        """
        try:
            self._protocol.send_text(text.encode())
        except InvalidState:
            raise MediaStreamClosed(self._protocol.close_code or ABNORMAL) from None
        await self._flush()

    async def close(self) -> None:
        """Say goodbye, if the peer still takes it, and close the connection."""
        if self._protocol.state is State.OPEN and not self._cut:
            self._protocol.send_close(GOING_AWAY)
            with suppress(MediaStreamClosed):
                await self._flush()
        await self._stream.aclose()

    def _take(self, frame: Frame) -> str | None:
        """Return the message that `frame` completes, if it does."""
        if frame.opcode is Opcode.TEXT and frame.fin:
            return _decode(frame.data)
        if frame.opcode is Opcode.BINARY:
            raise RemoteProtocolError("media socket: a binary message; Telnyx sends text only")
        if frame.opcode is Opcode.CLOSE:
            code = self._protocol.close_rcvd.code if self._protocol.close_rcvd else ABNORMAL
            raise MediaStreamClosed(code)
        if frame.opcode in {Opcode.TEXT, Opcode.CONT}:
            self._part += frame.data
            if frame.fin:
                whole, self._part = self._part, bytearray()
                return _decode(whole)
        return None

    async def _read(self) -> None:
        if self._protocol.parser_exc is not None:
            raise RemoteProtocolError(f"media socket: {self._protocol.parser_exc}")
        try:
            data = await self._receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            data = b""
        if not data:
            raise MediaStreamClosed(ABNORMAL)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._frames.append(event)
        await self._flush()  # a pong, or the answer to a close

    async def _receive_some(self) -> bytes | bytearray:
        while self._fd is not None:
            await trio.lowlevel.wait_readable(self._fd)
            try:
                return os.read(self._fd, READ_BYTES)
            except BlockingIOError:  # rare: it was readable
                continue
        return await self._stream.receive_some(READ_BYTES)

    async def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data and self._fd is not None and not self._writing.locked():
            data = data[self._write_now(self._fd, data) :]
        if data:
            await self._write(data)

    def _write_now(self, fd: int, data: bytes) -> int:
        """Write what the kernel takes without waiting; return how much that was."""
        try:
            return os.write(fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            raise MediaStreamClosed(ABNORMAL) from None

    async def _write(self, data: bytes) -> None:
        try:
            self._writing.acquire_nowait()
        except trio.WouldBlock:
            await self._writing.acquire()
        try:
            self._cut = True
            with trio.fail_after(SEND_TIMEOUT_S):
                await self._stream.send_all(data)
            self._cut = False
        except trio.TooSlowError:
            raise MediaStreamClosed(ABNORMAL, "the far end has stopped reading") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise MediaStreamClosed(ABNORMAL) from None
        finally:
            self._writing.release()


def _decode(data: bytes | bytearray | memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise RemoteProtocolError("media socket: a text message that is not UTF-8") from None


def _wants_websocket(request: Request) -> bool:
    return any("websocket" in value.lower() for value in request.headers.get_all("Upgrade"))


class MediaEndpoint:
    """Admits media sockets by their token and lends them to their calls."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    def claim(self, path: str) -> Call | None:
        """Return the call that wants a media socket at `path` now, None to refuse it.

        Enter the call's `reserve_media` before the next wait, so that a second connection finds the
        place taken.
        """
        call = self._switchboard.claim(path.partition("?")[0].removeprefix(MEDIA_PREFIX))
        if call is None:
            log.warning("media socket refused", reason="no call wants a socket with this token")
        return call

    async def serve(self, stream: trio.abc.Stream, first: bytes) -> None:
        """Serve one connection whose first bytes are `first`; closes `stream`."""
        protocol = ServerProtocol(max_size=MESSAGE_LIMIT_BYTES)
        try:
            request = await _read_request(stream, protocol, first)
            if request is not None:
                await self._admit(stream, protocol, request)
        except trio.BrokenResourceError:
            pass  # gone before it was a media socket
        finally:
            await trio.aclose_forcefully(stream)

    async def _admit(
        self, stream: trio.abc.Stream, protocol: ServerProtocol, request: Request
    ) -> None:
        if not _wants_websocket(request):
            # Told apart for `voiced doctor`: a proxy has dropped the upgrade on the way.
            await _answer(stream, protocol, protocol.reject(426, ""))
            return
        call = self.claim(request.path)
        if call is None:
            await _answer(stream, protocol, protocol.reject(403, ""))
            return
        with call.reserve_media():
            await _answer(stream, protocol, protocol.accept(request))
            if protocol.state is State.OPEN:
                socket = StreamMediaSocket(stream, protocol)
                try:
                    await call.carry(socket)
                finally:
                    with trio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                        await socket.close()


async def _read_request(
    stream: trio.abc.Stream, protocol: ServerProtocol, first: bytes
) -> Request | None:
    """Return the handshake's request; None if it is none, or does not come in time."""
    data: bytes | bytearray = first
    with trio.move_on_after(HANDSHAKE_TIMEOUT_S):
        while data:
            protocol.receive_data(data)
            events = protocol.events_received()
            if events:
                return events[0] if isinstance(events[0], Request) else None
            if protocol.handshake_exc is not None:
                return None
            data = await stream.receive_some(READ_BYTES)
    return None


async def _answer(stream: trio.abc.Stream, protocol: ServerProtocol, response: Response) -> None:
    protocol.send_response(response)
    with trio.move_on_after(HANDSHAKE_TIMEOUT_S):
        await stream.send_all(b"".join(protocol.data_to_send()))
