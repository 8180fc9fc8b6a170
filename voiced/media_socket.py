"""`WS /telnyx/media/<token>`: an ASGI endpoint beside Quart, for the frame path alone.

Quart's websocket costs a context, two signals and a queue for each message, and it cancels its
handler when the peer goes. Here a message costs one `receive`, and a disconnect is a message like
any other (docs/decisions/0002-media-socket-engine.md).

The token in the path is the only thing that authorises a socket. Whatever is wrong with it (none,
unknown, used by a live connection, of a call that has ended), the answer is 403 and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.config import MEDIA_PATH
from voiced.errors import MediaStreamClosed, RemoteProtocolError
from voiced.log import get_logger

if TYPE_CHECKING:
    from hypercorn.typing import (
        ASGIFramework,
        ASGIReceiveCallable,
        ASGISendCallable,
        Scope,
    )

    from voiced.switchboard import Switchboard

log = get_logger(__name__)

MEDIA_PREFIX = MEDIA_PATH + "/"

CLOSE_TIMEOUT_S = 1.0

GOING_AWAY = 1001
ABNORMAL = 1006


class AsgiMediaSocket:
    """A media socket over one accepted ASGI websocket connection."""

    def __init__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self._receive = receive
        self._send = send
        self.closed = False

    async def receive_text(self) -> str:
        """Return the next text message.

        Raises:
            MediaStreamClosed: the far end has closed, or the connection broke.
            RemoteProtocolError: a binary message came; Telnyx sends none.
        """
        event = await self._receive()
        if event["type"] == "websocket.receive":
            text = event.get("text")
            if text is None:
                raise RemoteProtocolError("media socket: a binary message; Telnyx sends text only")
            return text
        self.closed = True
        code = event.get("code")
        raise MediaStreamClosed(code if isinstance(code, int) else ABNORMAL)

    async def send_text(self, text: str) -> None:
        """Send one message. To a peer that has gone it returns quietly, without a checkpoint."""
        await self._send({"type": "websocket.send", "bytes": None, "text": text})


class MediaEndpoint:
    """The ASGI application for media sockets."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    async def __call__(
        self, path: str, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one connection: admit it by its token and lend it to its call."""
        await receive()  # websocket.connect
        call = self._switchboard.claim(path.removeprefix(MEDIA_PREFIX))
        if call is None:
            log.warning("media socket refused", reason="no call wants a socket with this token")
            await send({"type": "websocket.close", "code": 1008, "reason": None})  # answers 403
            return
        socket = AsgiMediaSocket(receive, send)
        # Claimed before the first wait, so that a second connection finds it taken.
        with call.reserve_media():
            await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
            try:
                await call.carry(socket)
            finally:
                if not socket.closed:
                    with trio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                        await send({"type": "websocket.close", "code": GOING_AWAY, "reason": None})


def with_media(app: ASGIFramework, media: MediaEndpoint) -> ASGIFramework:
    """Return an ASGI application that sends media sockets to `media` and the rest to `app`."""

    async def public(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket" and scope["path"].startswith(MEDIA_PREFIX):
            await media(scope["path"], receive, send)
        else:
            await app(scope, receive, send)

    return public
