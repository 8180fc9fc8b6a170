"""The floor: the fastest WebSocket echo that Python has, picows on uvloop, with no audio work.

Runs in the rivals' environment: `python floor_server.py PORT`.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server


class Echo(WSListener):
    """Sends media messages back as they came."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame."""
        if frame.msg_type == WSMsgType.TEXT:
            message = frame.get_payload_as_bytes()
            if message.startswith(b'{"event":"media"'):
                transport.send(WSMsgType.TEXT, message)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await ws_create_server(lambda _: Echo(), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(serve(int(sys.argv[1])))
