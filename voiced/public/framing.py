"""Cuts whole text messages out of what a client sends; the library sees all the rest. Pure.

Telnyx sends a message as one masked frame. Such a frame is cut out and unmasked in two steps;
`websockets` reads the same frame in some thirty. Everything else goes to it untouched as it comes:
control frames, fragments, binary messages, whatever is too large, wrong or not yet whole. So the
limits, faults and close codes are the library's (RFC 6455, section 5, for the layout of a frame).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.utils import apply_mask as _portable_apply_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.server import ServerProtocol

Bytes: TypeAlias = "bytes | bytearray"

try:
    from websockets.speedups import apply_mask as _fast_apply_mask
except ImportError:  # a platform for which there is no wheel
    _unmask: Callable[[Bytes, Bytes], bytes] = _portable_apply_mask
else:
    _unmask = _fast_apply_mask

WholeText: TypeAlias = bytes
"""The payload of a text message that came in one frame, not yet checked to be UTF-8."""

_TEXT = 0x81  # FIN and the opcode of text; no extension bit
_MASKED = 0x80
_LONG = 126  # the length follows in two bytes
_VERY_LONG = 127  # in eight
_SHORT_HEADER = 6  # two bytes and the mask
_OPCODES = frozenset(Opcode)


class FrameReader:
    """Reads what a client sends, in order, however it was cut into pieces."""

    __slots__ = ("_in_fragments", "_limit", "_protocol", "_rest", "_skip")

    def __init__(self, protocol: ServerProtocol, limit_bytes: int) -> None:
        """Read on behind the handshake of `protocol`, whose `max_size` is `limit_bytes`."""
        self._protocol = protocol
        self._limit = limit_bytes
        self._rest = b""  # the beginning of a header
        self._skip = 0  # bytes that the library still has to get of a frame it has begun
        self._in_fragments = False

    def feed(self, data: Bytes) -> list[WholeText | Frame]:
        """Take what has come; return what is whole now. Answers are in `data_to_send`."""
        size = len(data)
        if (
            size >= _LONG + _SHORT_HEADER + 2
            and data[0] == _TEXT
            and data[1] == _LONG | _MASKED
            and (data[2] << 8 | data[3]) == size - (_SHORT_HEADER + 2)
            and not (self._rest or self._skip or self._in_fragments)
            and self._takes(size)
        ):  # one message and nothing else: nearly always
            return [_unmask(data[8:], data[4:8])]
        return self._split(self._rest + data)

    def _split(self, data: Bytes) -> list[WholeText | Frame]:
        self._rest = b""
        found: list[WholeText | Frame] = []
        at = self._skip
        if at:
            found += self._library(data[:at])
            self._skip = max(0, at - len(data))
        while at < len(data):
            if self._protocol.state is not State.OPEN:
                return found + self._library(data[at:])  # it knows what that is worth
            head, length = _read_header(data, at)
            if _is_hopeless(data, at):
                return found + self._library(data[at:])
            if not head:
                self._rest = bytes(data[at:])
                break
            end = at + head + length
            if data[at] == _TEXT and self._is_plain(data, at, end, length):
                mask = at + head - 4
                found.append(_unmask(data[mask + 4 : end], data[mask : mask + 4]))
            else:
                found += self._library(data[at:end])
                self._skip = max(0, end - len(data))
            at = end
        return found

    def _is_plain(self, data: Bytes, at: int, end: int, length: int) -> bool:
        """Say whether the text frame in `data[at:end]` is whole, masked and a message by itself."""
        is_masked = data[at + 1] & _MASKED
        is_whole = end <= len(data) and not self._in_fragments
        return bool(is_masked and is_whole and self._takes(length))

    def _takes(self, n_bytes: int) -> bool:
        return n_bytes <= self._limit and self._protocol.state is State.OPEN

    def _library(self, data: Bytes) -> list[WholeText | Frame]:
        self._protocol.receive_data(data)
        frames: list[WholeText | Frame] = []
        for event in self._protocol.events_received():
            assert isinstance(event, Frame)  # the handshake is over
            if event.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                self._in_fragments = not event.fin
            frames.append(event)
        return frames


def _is_hopeless(data: Bytes, at: int) -> bool:
    """Say whether the library would refuse a header for its first two bytes alone."""
    if len(data) - at < 2:
        return False
    return data[at] & 0x0F not in _OPCODES or not data[at + 1] & _MASKED


def _read_header(data: Bytes, at: int) -> tuple[int, int]:
    """Return the length of the header at `at`, 0 if it is not whole, and that of the payload."""
    size = len(data) - at
    if size < 2:
        return 0, 0
    length = data[at + 1] & 0x7F
    head = 2 + (4 if data[at + 1] & _MASKED else 0)
    extended = {_LONG: 2, _VERY_LONG: 8}.get(length, 0)
    if size < head + extended:
        return 0, 0
    if extended:
        length = int.from_bytes(data[at + 2 : at + 2 + extended], "big")
    return head + extended, length


def text_frame(payload: bytes) -> bytes:
    """Return the frame of a whole text message from the server, which masks nothing."""
    size = len(payload)
    if size < _LONG:
        return bytes((_TEXT, size)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
