"""The codecs that the emulated line speaks, each as one pair of functions at 8 kHz.

Pure. PCMU and PCMA as on the telephone, and L16 at 8 kHz (little-endian, as Telnyx's live streams
are). Other codecs and rates are refused when a stream is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ, frame_samples
from voiced.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.audio.frame import Pcm


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCodec:
    """Linear audio at 8 kHz to payload bytes and back. `frame_bytes` is 20 ms of payload."""

    encoding: str
    encode: Callable[[Pcm], bytes]
    decode: Callable[[bytes], Pcm]
    frame_bytes: int


def _encode_l16(pcm: Pcm) -> bytes:
    return pcm.astype("<i2").tobytes()


def _decode_l16(payload: bytes) -> Pcm:
    return np.frombuffer(payload[: len(payload) // 2 * 2], dtype="<i2").astype(np.int16)


_CODECS = {
    codec.encoding: codec
    for codec in (
        LineCodec(encoding="PCMU", encode=encode_ulaw, decode=decode_ulaw, frame_bytes=160),
        LineCodec(encoding="PCMA", encode=encode_alaw, decode=decode_alaw, frame_bytes=160),
        LineCodec(encoding="L16", encode=_encode_l16, decode=_decode_l16, frame_bytes=320),
    )
}


def find_codec(encoding: str, rate_hz: int = LINE_RATE_HZ) -> LineCodec | None:
    """Return the codec of that name and rate; None when the emulated line does not speak it."""
    return _CODECS.get(encoding) if rate_hz == LINE_RATE_HZ else None


def line_frame(pcm: Pcm) -> Pcm:
    """Return `pcm` (at most one frame) padded with silence to one frame of 160 samples."""
    frame = np.zeros(frame_samples(LINE_RATE_HZ), dtype=np.int16)
    frame[: len(pcm)] = pcm[: len(frame)]
    return frame
