"""One exchange of a fake provider: what was asked, how it is answered, and its fault."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import parse_qsl, urlsplit

import h11
import trio
from trio_websocket import ConnectionClosed

from voiced.testing.fake_provider.far_stream import FarEndLost
from voiced.testing.fake_provider.faults import (
    Answer,
    CloseWith,
    Drop,
    Garbage,
    HalfOpen,
    Late,
    Refuse,
    Stall,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from trio_websocket import WebSocketConnection

    from voiced.testing.fake_provider.far_stream import FarStream
    from voiced.testing.fake_provider.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRequest:
    """What was asked. `headers` have small names; `at` is the trio time of its coming."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    at: float = 0.0
    query: Mapping[str, str] = field(init=False)
    """The last value of each name."""

    def __post_init__(self) -> None:
        """Take the query apart."""
        query = dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))
        object.__setattr__(self, "query", query)

    @property
    def path(self) -> str:
        """Return the target without its query."""
        return urlsplit(self.target).path

    @property
    def is_upgrade(self) -> bool:
        """Tell whether a WebSocket is asked for."""
        return "websocket" in self.headers.get("upgrade", "").lower()

    def all_of(self, name: str) -> list[str]:
        """Return all values of a name of the query."""
        pairs = parse_qsl(urlsplit(self.target).query, keep_blank_values=True)
        return [value for key, value in pairs if key == name]

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)


class Striking:
    """Lets the fault of one exchange strike when it is due.

    Args:
        fault: the exchange's own, or None.
        stream: freezes and is reset.
        garbage: sends what makes no sense.
        close: ends the exchange with a code and a reason.
    """

    def __init__(
        self,
        fault: Fault | None,
        stream: FarStream,
        *,
        garbage: Callable[[str], Awaitable[None]],
        close: Callable[[int, str], Awaitable[None]],
    ) -> None:
        self._fault = fault
        self._stream = stream
        self._garbage = garbage
        self._close = close
        self._begun_at = trio.current_time()
        self._stalled = False
        self._struck = False
        self.n_sent = 0

    async def gate(self) -> None:
        """Let something be sent, in time, late or never. Raises FarEndLost."""
        await trio.sleep(self._fault.by_s if isinstance(self._fault, Late) else 0)
        await self._strike_if_due()
        if self._stalled:
            await trio.sleep_forever()

    async def watch(self) -> None:
        """Let a fault strike at its time, whatever is being sent. Raises FarEndLost."""
        if self._fault is not None and not isinstance(self._fault, Refuse | Answer | Late):
            await trio.sleep_until(self._begun_at + self._fault.at_s)
            await self._strike_if_due()

    async def _strike_if_due(self) -> None:
        fault = self._fault
        if fault is None or isinstance(fault, Refuse | Answer | Late) or self._struck:
            return
        if self.n_sent < fault.after or trio.current_time() < self._begun_at + fault.at_s:
            return
        self._struck = True
        match fault:
            case Stall():
                self._stalled = True
            case HalfOpen():
                self._stream.freeze()
                self._stalled = True
            case Drop():
                await self._stream.reset()
                raise FarEndLost
            case CloseWith(code=code, reason=reason):
                await self._close(code, reason)
                raise FarEndLost
            case Garbage(text=text):
                await self._garbage(text)
            case _:
                assert_never(fault)


class FakeSocket:
    """The fake's end of a WebSocket."""

    def __init__(
        self, connection: WebSocketConnection, stream: FarStream, fault: Fault | None
    ) -> None:
        self._connection = connection
        self._striking = Striking(fault, stream, garbage=self._send, close=self.close)
        self.watch = self._striking.watch

    async def send(self, message: str | bytes | Mapping[str, Any]) -> None:
        """Send one message; a mapping goes as JSON. Raises FarEndLost."""
        await self._striking.gate()
        await self._send(message if isinstance(message, str | bytes) else json.dumps(message))
        self._striking.n_sent += 1

    async def _send(self, raw: str | bytes) -> None:
        try:
            await self._connection.send_message(raw)
        except ConnectionClosed:
            raise FarEndLost from None

    async def receive(self) -> str | bytes:
        """Return the next message. Raises FarEndLost when there is none any more."""
        try:
            message: str | bytes = await self._connection.get_message()
        except ConnectionClosed:
            raise FarEndLost from None
        return message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket."""
        await self._connection.aclose(code, reason or None)


class FakeResponse:
    """The fake's answer to a request."""

    def __init__(self, engine: h11.Connection, stream: FarStream, fault: Fault | None) -> None:
        self._engine = engine
        self._stream = stream
        self._striking = Striking(fault, stream, garbage=self._garble, close=self._close)
        self.watch = self._striking.watch

    async def whole(
        self, body: str | bytes | Mapping[str, Any], *, status: int = 200, content_type: str = ""
    ) -> None:
        """Answer at once; a mapping goes as JSON. Raises FarEndLost."""
        if not isinstance(body, str | bytes):
            body, content_type = json.dumps(body), content_type or "application/json"
        await self.begin(status=status, content_type=content_type or "text/plain")
        await self.send(body)
        await self.end()

    async def begin(
        self,
        *,
        status: int = 200,
        content_type: str = "text/event-stream",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send the head of an answer whose pieces follow. Raises FarEndLost."""
        await self._striking.gate()
        named = {"content-type": content_type, "transfer-encoding": "chunked", **(headers or {})}
        head = h11.Response(
            status_code=status,
            headers=[(name.encode(), value.encode()) for name, value in named.items()],
        )
        await self._send(self._engine.send(head))

    async def send(self, piece: bytes | str) -> None:
        """Send one piece of the body. Raises FarEndLost."""
        await self._striking.gate()
        await self._piece(piece)
        self._striking.n_sent += 1

    async def end(self) -> None:
        """End the answer. Raises FarEndLost."""
        await self._send(self._engine.send(h11.EndOfMessage()))

    async def _piece(self, piece: bytes | str) -> None:
        raw = piece.encode() if isinstance(piece, str) else piece
        await self._send(self._engine.send(h11.Data(data=raw)))

    async def _garble(self, text: str) -> None:
        if self._engine.our_state is h11.SEND_BODY:
            await self._piece(text)
            return
        await self._send(text.encode())  # in place of the head: this is no HTTP
        raise FarEndLost

    async def _send(self, data: bytes | None) -> None:
        try:
            await self._stream.send_all(data or b"")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise FarEndLost from None

    async def _close(self, code: int, reason: str) -> None:
        del code, reason
        await self._stream.aclose()
