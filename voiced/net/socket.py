"""WebSockets to providers, over trio-websocket.

What is added to the library:

* The stream is ours: the library leaves it open when the far end refuses or closes first, and waits
  for ever when that happens within the handshake.
* Whoever is silent for `Heartbeat.quiet_s` is sent a ping; if nothing at all comes for `answer_s`
  more, the socket has stalled. Any byte counts, so a busy socket costs no pings.
* Incoming messages are read ahead, up to `UNREAD_MESSAGES`: the library answers no ping while one
  waits that does not fit. Behind that the far end is held up by TCP, and silence proves nothing.
* Closing sends the close frame and does not wait for the far end's: nothing of a call may be left
  100 ms after its hangup.
* Its errors, and the operating system's, become `ProviderError`s.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import SplitResult, urlsplit

import h11
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, wrap_client_stream
from wsproto.utilities import ProtocolError

from voiced.net.helpers import open_helpers
from voiced.net.watched import WatchedStream
from voiced.net.wire import INTERNET, Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from trio_websocket import WebSocketConnection

    from voiced.errors import ProviderError
    from voiced.net.peer import Peer
    from voiced.net.wire import Wire

CONNECT_S = 5.0
"""Default limit of TCP, TLS and handshake together."""

SEND_S = 5.0
"""A far end that takes nothing for so long has stalled."""

GOODBYE_S = 0.05
"""For the close frame, which is usually sent at once."""

UNREAD_MESSAGES = 512
MESSAGE_MAX_BYTES = 1024 * 1024

_TOO_BIG = 1009
_ABNORMAL = 1006


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """When a silent far end is asked for a sign of life, and how long it may take, seconds."""

    quiet_s: float = 3.0
    answer_s: float = 3.0


HEARTBEAT = Heartbeat()


class ProviderSocket:
    """An open WebSocket. One task may receive and others send; closed by who has opened it."""

    def __init__(self, connection: WebSocketConnection, stream: WatchedStream, peer: Peer) -> None:
        self._connection = connection
        self._stream = stream
        self._peer = peer
        self._trouble: ProviderError | None = None
        self._asked = trio.Event()
        self.is_alive = True
        """Whether the far end has given a sign of life since it was last asked for one."""

    def ask_for_life(self) -> None:
        """Have a ping sent now; `is_alive` tells whether anything has come since."""
        self.is_alive = False
        self._asked.set()

    async def send(self, message: str | bytes) -> None:
        """Send one message, text or binary.

        Where this is cancelled halfway, the socket is of no use any more.

        Raises:
            ProviderError: `closed`, or `stalled` where the far end takes nothing.
        """
        if self._stream.is_cut and not self._connection.closed:
            await self._give_up(self._peer.failed("closed", "a message was cut off"))
        try:
            with trio.move_on_after(SEND_S) as limit:
                await self._connection.send_message(message)
        except ConnectionClosed as closed:
            raise self._closed(closed) from None
        except ProtocolError as error:  # the library is just closing
            raise self._peer.failed("closed", "is closing", code=_ABNORMAL) from error
        if limit.cancelled_caught:
            stalled = self._peer.failed("stalled", f"has taken nothing for {SEND_S:g} s")
            await self._give_up(stalled)
            raise stalled

    async def send_json(self, message: Any) -> None:
        """Send one message as JSON text. Raises what `send` raises."""
        await self.send(json.dumps(message, separators=(",", ":")))

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            ProviderError: `closed` (`code` says how), `stalled`, or `garbage` for a message that is
                too large.
        """
        try:
            message: str | bytes = await self._connection.get_message()
        except ConnectionClosed as closed:
            raise self._closed(closed) from None
        return message

    def _closed(self, closed: ConnectionClosed) -> ProviderError:
        if self._trouble is not None:
            return self._trouble
        code = _ABNORMAL if closed.reason is None else closed.reason.code
        said = "" if closed.reason is None else closed.reason.reason or ""
        kind = "garbage" if code == _TOO_BIG else "closed"
        reason = f"has closed the connection ({code}{': ' + said if said else ''})"
        return self._peer.failed(kind, reason, code=code)  # type: ignore[arg-type]

    async def _give_up(self, trouble: ProviderError) -> None:
        self._trouble = self._trouble or trouble
        await self._stream.aclose()

    async def watch(self, heartbeat: Heartbeat) -> None:
        """Ask a silent far end for a sign of life; end the socket if there is none."""
        stream = self._stream
        while True:
            with trio.move_on_at(stream.last_byte_at + heartbeat.quiet_s):
                await self._asked.wait()
            is_asked, self._asked = self._asked.is_set(), trio.Event()
            if not is_asked and trio.current_time() < stream.last_byte_at + heartbeat.quiet_s:
                continue
            if not stream.is_reading:  # messages wait for us: silence proves nothing
                self.is_alive = True
                await trio.sleep(heartbeat.quiet_s)
                continue
            asked_at, n_bytes = trio.current_time(), stream.n_bytes
            with trio.move_on_after(heartbeat.answer_s):
                await self._ping()
            if stream.is_silent_since(n_bytes):
                silent_s = trio.current_time() - stream.last_byte_at
                reason = f"silent for {silent_s:.1f} s, and does not answer a ping"
                await self._give_up(self._peer.failed("stalled", reason))
                return
            self.is_alive = True
            with trio.move_on_at(asked_at + heartbeat.quiet_s):
                await self._asked.wait()

    async def _ping(self) -> None:
        try:
            await self._connection.ping()
        except (ConnectionClosed, ProtocolError):
            await trio.sleep_forever()  # whoever receives is told

    async def say_goodbye(self) -> None:
        """Send the close frame; the deadline is the caller's, and the answer is not needed."""
        if not self._stream.is_cut:
            await self._connection.aclose()


@asynccontextmanager
async def open_provider_socket(
    url: str,
    *,
    peer: Peer,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] = (),
    connect_s: float = CONNECT_S,
    heartbeat: Heartbeat = HEARTBEAT,
    message_max_bytes: int = MESSAGE_MAX_BYTES,
    wire: Wire = INTERNET,
) -> AsyncIterator[ProviderSocket]:
    """Open a WebSocket to a provider; leaving the context closes it, within 0.1 s.

    What the body raises comes out as it is, not in a group.

    Args:
        url: `wss://host/path?query`.
        peer: whose socket it is.
        headers: sent with the handshake, the key among them.
        subprotocols: offered, in order of preference.
        connect_s: limit of TCP, TLS and handshake together, seconds.
        heartbeat: how soon a far end that has gone is noticed.
        message_max_bytes: a larger message ends the socket.
        wire: how to get there.

    Raises:
        ProviderError: `refused`, or what the far end's HTTP status means.
    """
    now = trio.current_time()
    peer.check_held(now)
    parts = urlsplit(url)
    stream = WatchedStream(await _connect(parts, peer, wire, now + connect_s, connect_s))
    async with open_helpers() as nursery:
        handshake = _Handshake(nursery, peer, stream)
        socket: ProviderSocket | None = None
        try:
            with handshake.waiting:
                handshake.waiting.deadline = now + connect_s
                connection = await handshake.shake(
                    parts.netloc, _target(parts), headers or {}, subprotocols, message_max_bytes
                )
                socket = ProviderSocket(connection, stream, peer)
            if socket is None:
                handshake.fail(connect_s)
            nursery.start_soon(socket.watch, heartbeat, name=f"heartbeat {peer.provider}")
            yield socket
        finally:
            with trio.move_on_after(GOODBYE_S, shield=True):
                if socket is not None:
                    await socket.say_goodbye()
            with trio.move_on_after(GOODBYE_S, shield=True):
                await stream.aclose()
            handshake.reading.cancel()


async def _connect(
    url: SplitResult, peer: Peer, wire: Wire, deadline: float, connect_s: float
) -> trio.abc.Stream:
    is_secure = url.scheme == "wss"
    port = url.port or (443 if is_secure else 80)
    try:
        with trio.fail_at(deadline):
            return await wire.connect(Address(url.hostname or "", port, is_secure))
    except trio.TooSlowError:
        raise peer.failed("refused", f"no connection within {connect_s:g} s") from None
    except (OSError, trio.BrokenResourceError) as error:
        raise peer.failed("refused", f"no connection: {_why(error)}") from error


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


class _Handshake:
    """A handshake that is under way. To the library it is the nursery of its reader.

    `waiting` is to be the scope of `shake`: it ends when the reader does. The reader goes on until
    `reading` is cancelled, also when the call is cancelled: a goodbye needs it.
    """

    def __init__(self, nursery: trio.Nursery, peer: Peer, stream: WatchedStream) -> None:
        self._nursery = nursery
        self._peer = peer
        self._stream = stream
        self.waiting = trio.CancelScope()
        self.reading = trio.CancelScope(shield=True)
        self._rejected: ConnectionRejected | None = None
        self._is_over = False

    async def shake(
        self,
        host: str,
        target: str,
        headers: Mapping[str, str],
        subprotocols: Sequence[str],
        message_max_bytes: int,
    ) -> WebSocketConnection:
        """Shake hands, within `waiting`."""
        connection: WebSocketConnection = await wrap_client_stream(
            cast("trio.Nursery", self),
            cast("trio.SocketStream", self._stream),  # the library needs no more than a stream
            host,
            target,
            subprotocols=list(subprotocols),
            extra_headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            message_queue_size=UNREAD_MESSAGES,
            max_message_size=message_max_bytes,
        )
        return connection

    def start_soon(self, reader: Callable[[], Awaitable[None]]) -> None:
        """Run the library's reader; its end ends the waiting, which the library does not."""
        self._nursery.start_soon(self._read, reader, name=f"reader {self._peer.provider}")

    async def _read(self, reader: Callable[[], Awaitable[None]]) -> None:
        try:
            with self.reading:
                await reader()
        except ConnectionRejected as rejected:
            self._rejected = rejected
        except (ConnectionClosed, ProtocolError, h11.ProtocolError):
            pass  # the stream is of no use any more: whoever receives is told
        finally:
            self._is_over = True
            self.waiting.cancel()
            with trio.move_on_after(GOODBYE_S, shield=True):
                await self._stream.aclose()

    def fail(self, connect_s: float) -> NoReturn:
        """Raise why there was no handshake within `connect_s`."""
        if not self._is_over:
            raise self._peer.failed("refused", f"no handshake within {connect_s:g} s")
        if self._rejected is None and self._stream.n_bytes:
            raise self._peer.failed("garbage", "what it answers is no WebSocket handshake")
        if self._rejected is None:
            raise self._peer.failed("refused", "has closed the connection before the handshake")
        headers = {
            bytes(name).decode("latin-1").lower(): bytes(value).decode("latin-1")
            for name, value in self._rejected.headers
        }
        body = (self._rejected.body or b"").decode("utf-8", "replace")
        now = trio.current_time()
        raise self._peer.answered(self._rejected.status_code, headers, body, now)


def _why(error: Exception) -> str:
    if isinstance(error, trio.BrokenResourceError) and error.__cause__ is not None:
        return str(error.__cause__)
    strerror = getattr(error, "strerror", None)
    return strerror or str(error) or type(error).__name__
