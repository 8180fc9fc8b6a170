"""WebSocket frames (RFC 6455) as a client of the benchmark needs them; pure.

Clients must mask what they send. The mask here is zero, which any server undoes at its usual cost
and which leaves the load nothing to do.
"""

from __future__ import annotations

import base64
import hashlib

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL = 0x80
_MASKED = 0x80
_MASK = bytes(4)


def client_frame(opcode: int, payload: bytes) -> bytes:
    """Return one unfragmented frame, at most 64 kB of payload."""
    if len(payload) < 126:
        return bytes((_FINAL | opcode, _MASKED | len(payload))) + _MASK + payload
    head = bytes((_FINAL | opcode, _MASKED | 126)) + len(payload).to_bytes(2, "big")
    return head + _MASK + payload


def upgrade_request(host: str, path: str, key: bytes) -> bytes:
    """Return the opening request; `key` are 16 bytes of your choice."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(key).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def is_upgraded(answer: bytes, key: bytes) -> bool:
    """Tell whether the head of the server's `answer` accepts the request that sent `key`."""
    digest = hashlib.sha1(base64.b64encode(key) + _GUID, usedforsecurity=False).digest()
    status, *headers = answer.split(b"\r\n")
    accepted = b"sec-websocket-accept: " + base64.b64encode(digest).lower()
    return status.split(b" ")[1:2] == [b"101"] and accepted in [line.lower() for line in headers]


class FrameReader:
    """Bytes of one connection in, whole frames out."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def take(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return (opcode, payload) of each frame that `data` completes."""
        if self._held:
            data = self._held + data
        frames = []
        at, end = 0, len(data)
        while end - at >= 2:
            size, start = data[at + 1] & 127, at + 2
            if size == 126:
                start += 2
                size = int.from_bytes(data[at + 2 : start], "big")
            elif size == 127:
                start += 8
                size = int.from_bytes(data[at + 2 : start], "big")
            if end < start or end < start + size:
                break
            frames.append((data[at] & 15, data[start : start + size]))
            at = start + size
        self._held = data[at:]
        return frames
