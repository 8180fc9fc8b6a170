"""What the line speaks: payload bytes to linear audio and back, by the encoding's name.

The name and rate come from `start.media_format` (inbound) and from the configuration (outbound). A
codec may carry state from frame to frame (G.722, Opus), so every call direction opens its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from voiced.audio.frame import LINE_RATE_HZ, frame_samples
from voiced.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from voiced.errors import UnsupportedCodec

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.audio.frame import Pcm


class Decoder(Protocol):
    """Expands payloads of one stream, in order. `rate_hz` is the rate of the audio it gives."""

    rate_hz: int

    def decode(self, payload: bytes) -> Pcm:
        """Return the audio of one payload, whatever its duration."""
        ...


class Encoder(Protocol):
    """Compresses the audio of one stream, in order.

    `rate_hz` is the rate of the audio it takes; `silence` is the payload of one silent 20 ms frame.
    """

    rate_hz: int
    silence: bytes

    def encode(self, pcm: Pcm) -> bytes:
        """Return the payload for `pcm` (int16 at `rate_hz`), whatever its duration."""
        ...


class _Ulaw:
    """G.711 mu-law, both ways; without state. Code 0xFF is plus zero."""

    rate_hz = LINE_RATE_HZ
    silence = b"\xff" * frame_samples(LINE_RATE_HZ)

    def decode(self, payload: bytes) -> Pcm:
        return decode_ulaw(payload)

    def encode(self, pcm: Pcm) -> bytes:
        return encode_ulaw(pcm)


class _Alaw:
    """G.711 A-law, both ways; without state. Code 0xD5 is the smallest positive value."""

    rate_hz = LINE_RATE_HZ
    silence = b"\xd5" * frame_samples(LINE_RATE_HZ)

    def decode(self, payload: bytes) -> Pcm:
        return decode_alaw(payload)

    def encode(self, pcm: Pcm) -> bytes:
        return encode_alaw(pcm)


_Format: TypeAlias = tuple[str, int]
_Codec = TypeVar("_Codec")

_DECODERS: dict[_Format, Callable[[], Decoder]] = {
    ("PCMU", 8000): _Ulaw,
    ("PCMA", 8000): _Alaw,
}
_ENCODERS: dict[_Format, Callable[[], Encoder]] = {
    ("PCMU", 8000): _Ulaw,
    ("PCMA", 8000): _Alaw,
}


def open_decoder(encoding: str, sample_rate: int) -> Decoder:
    """Return a fresh decoder for one stream.

    Args:
        encoding: Telnyx's name in any case: `PCMU`, `PCMA`.
        sample_rate: of the stream, in Hz.

    Raises:
        UnsupportedCodec: we do not speak this encoding at this rate.
    """
    return _find(_DECODERS, encoding, sample_rate)()


def open_encoder(encoding: str, sample_rate: int) -> Encoder:
    """Return a fresh encoder for one stream.

    Args:
        encoding: Telnyx's name in any case: `PCMU`, `PCMA`.
        sample_rate: of the stream, in Hz.

    Raises:
        UnsupportedCodec: we do not speak this encoding at this rate.
    """
    return _find(_ENCODERS, encoding, sample_rate)()


def _find(
    known: dict[_Format, Callable[[], _Codec]], encoding: str, sample_rate: int
) -> Callable[[], _Codec]:
    try:
        return known[encoding.upper(), sample_rate]
    except KeyError:
        raise UnsupportedCodec(encoding, sample_rate, supported=tuple(known)) from None
