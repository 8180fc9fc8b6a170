"""`WS /telnyx/media/<token>`: one call's media socket, straight on its Trio stream.

The protocol is the `websockets` library's, without its IO: the call's inbound task reads the stream
itself, and whoever has something to say writes it. No task, queue or thread stands in between, a
disconnect is seen by whoever reads, and a send to a peer that has stopped reading can be cancelled
(docs/decisions/0002-media-socket-engine.md). Plain messages pass the library by
(`voiced.public.framing`).

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
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from voiced.config import MEDIA_PATH
from voiced.errors import MediaStreamClosed, RemoteProtocolError
from voiced.handover.splice import splice
from voiced.log import get_logger
from voiced.public.framing import FrameReader, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Response

    from voiced.call.call import Call
    from voiced.handover import Elders
    from voiced.public.framing import WholeText
    from voiced.switchboard.switchboard import Switchboard

log = get_logger(__name__)

MEDIA_PREFIX = MEDIA_PATH + "/"

HANDSHAKE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0

MESSAGE_LIMIT_BYTES = 1024 * 1024
"""The largest message: 30 s of 8 kHz G.711 is 320 kB of base64; wideband comes in 20 ms."""

READ_BYTES = 8 * 1024
"""A media message has some 400 bytes; a larger buffer would cost more to allocate than to fill."""

SEND_BUFFER_BYTES = 32 * 1024
"""Of the kernel, for a peer that reads slowly: some seconds of audio; more is of no use."""

SEND_TIMEOUT_S = 3.0
"""A peer that takes nothing for so long has stopped reading. TCP's own time limits do not see it as
long as it goes on sending."""

GOING_AWAY = 1001
ABNORMAL = 1006


class StreamMediaSocket:
    """A media socket on an accepted connection. One task reads it; any task of the call sends."""

    def __init__(self, stream: trio.abc.Stream, protocol: ServerProtocol) -> None:
        """Take a connection whose handshake is done; `close` ends it."""
        self._stream = stream
        # Without TLS we read and write the descriptor: one system call and no scheduler pass each,
        # where the stream's own methods try, fail and wait.
        self._fd = stream.socket.fileno() if isinstance(stream, trio.SocketStream) else None
        self._protocol = protocol
        if isinstance(stream, trio.SocketStream):
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._frames = FrameReader(protocol, MESSAGE_LIMIT_BYTES)
        self._received: deque[WholeText | Frame] = deque()
        self._part = bytearray()
        self._unsent = b""
        self._writing = trio.Lock()
        self._cut = False

    async def receive_text(self) -> str:
        """Return the next text message.

        Raises:
            MediaStreamClosed: the far end has closed, or the connection broke.
            RemoteProtocolError: not text, not UTF-8, too large, or no WebSocket frame at all.
        """
        received = self._received
        while True:
            while received:
                item = received.popleft()
                text = self._take(item) if isinstance(item, Frame) else _decode(item)
                if text is not None:
                    return text
            await self._read()

    def send_text_nowait(self, text: str) -> bool:
        """Take one message; False: the kernel has not got all of it, and `flush` must come next."""
        if self._protocol.state is not State.OPEN:
            return False  # `flush` says why
        return self._put(text_frame(text.encode()))

    async def flush(self) -> None:
        """Wait until the kernel has taken every message.

        Cancelling it leaves the connection good for nothing but closing.

        Raises:
            MediaStreamClosed: the connection has ended, or the far end has stopped reading.
        """
        if self._protocol.state is not State.OPEN:
            raise MediaStreamClosed(self._protocol.close_code or ABNORMAL)
        await self._write()

    async def close(self) -> None:
        """Say goodbye, if the peer still takes it, and close the connection."""
        if self._protocol.state is State.OPEN and not self._cut:
            self._protocol.send_close(GOING_AWAY)
            with suppress(MediaStreamClosed):
                await self._answer()
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
            if self._fd is None:
                data: bytes | bytearray = await self._stream.receive_some(READ_BYTES)
            else:
                await trio.lowlevel.wait_readable(self._fd)
                data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:  # rare: it was readable
            return
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            data = b""
        if not data:
            raise MediaStreamClosed(ABNORMAL)
        self._received += self._frames.feed(data)
        await self._answer()

    async def _answer(self) -> None:
        """Send what the protocol has to say: a pong, a close or the answer to one."""
        said = self._protocol.data_to_send()
        if said and not self._put(b"".join(said)):
            await self._write()

    def _put(self, data: bytes) -> bool:
        """Write `data` behind everything before it; tell whether the kernel has taken it all."""
        if self._fd is not None and not self._unsent and not self._writing.locked():
            try:
                n_bytes = os.write(self._fd, data)
            except OSError:  # full, or broken: whoever waits for the rest will know
                n_bytes = 0
            if n_bytes == len(data):
                return True
            data = data[n_bytes:]
        self._unsent += data
        return False

    async def _write(self) -> None:
        async with self._writing:
            while self._unsent:
                data, self._unsent = self._unsent, b""
                self._cut = True
                try:
                    with trio.fail_after(SEND_TIMEOUT_S):
                        await self._stream.send_all(data)
                except trio.TooSlowError:
                    raise MediaStreamClosed(ABNORMAL, "the far end has stopped reading") from None
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    raise MediaStreamClosed(ABNORMAL) from None
                self._cut = False


def _decode(data: bytes | bytearray | memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise RemoteProtocolError("media socket: a text message that is not UTF-8") from None


def _wants_websocket(request: Request) -> bool:
    return any("websocket" in value.lower() for value in request.headers.get_all("Upgrade"))


class MediaEndpoint:
    """Admits media sockets by their token and lends them to their calls."""

    def __init__(self, switchboard: Switchboard, elders: Elders) -> None:
        """Admit to calls of the switchboard; what has an elder's token is joined to the elder."""
        self._switchboard = switchboard
        self._elders = elders

    def claim(self, path: str) -> Call | None:
        """Return the call that wants a media socket at `path` now, None to refuse it.

        Enter the call's `media.reserve` before the next wait, so that a second connection finds the
        place taken.
        """
        return self._switchboard.claim(_token_in(path))

    async def serve(
        self, stream: trio.abc.Stream, first: bytes, admitted: Callable[[], None] | None = None
    ) -> None:
        """Serve one connection whose first bytes are `first`; closes `stream`.

        `admitted` is called once its token has been found good.
        """
        protocol = ServerProtocol(max_size=MESSAGE_LIMIT_BYTES)
        try:
            head = bytearray(first)
            request = await _read_request(stream, protocol, head)
            if request is not None:
                await self._admit(stream, protocol, request, bytes(head), admitted or _told_nobody)
        except trio.BrokenResourceError:
            pass  # gone before it was a media socket
        finally:
            await trio.aclose_forcefully(stream)

    async def _admit(
        self,
        stream: trio.abc.Stream,
        protocol: ServerProtocol,
        request: Request,
        head: bytes,
        admitted: Callable[[], None],
    ) -> None:
        if not _wants_websocket(request):
            # Told apart for `voiced doctor`: a proxy has dropped the upgrade on the way.
            await _answer(stream, protocol, protocol.reject(426, ""))
            return
        call = self.claim(request.path)
        if call is None and self._elders:
            holder = await self._elders.holder(_token_in(request.path))
            if holder is not None:
                admitted()
                await splice(stream, holder, head)
                return
        if call is None:
            log.warning("media socket refused", reason="no call wants a socket with this token")
            await _answer(stream, protocol, protocol.reject(403, ""))
            return
        admitted()
        with call.media.reserve():
            await _answer(stream, protocol, protocol.accept(request))
            if protocol.state is State.OPEN:
                socket = StreamMediaSocket(stream, protocol)
                try:
                    await call.media.lend(socket)
                finally:
                    with trio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                        await socket.close()


def _told_nobody() -> None:
    """Be what is called where nobody asks."""


def _token_in(path: str) -> str:
    return path.partition("?")[0].removeprefix(MEDIA_PREFIX)


async def _read_request(
    stream: trio.abc.Stream, protocol: ServerProtocol, head: bytearray
) -> Request | None:
    """Return the handshake's request; None if it is none, or does not come in time.

    What it is read from is added to `head`, in which its first bytes are.
    """
    data: bytes | bytearray = bytes(head)
    with trio.move_on_after(HANDSHAKE_TIMEOUT_S):
        while data:
            protocol.receive_data(data)
            events = protocol.events_received()
            if events:
                return events[0] if isinstance(events[0], Request) else None
            if protocol.handshake_exc is not None:
                return None
            data = await stream.receive_some(READ_BYTES)
            head += data
    return None


async def _answer(stream: trio.abc.Stream, protocol: ServerProtocol, response: Response) -> None:
    protocol.send_response(response)
    with trio.move_on_after(HANDSHAKE_TIMEOUT_S):
        await stream.send_all(b"".join(protocol.data_to_send()))
