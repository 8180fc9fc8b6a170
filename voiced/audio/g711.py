"""G.711, the codec of the telephone: one byte per sample, mu-law (PCMU) and A-law (PCMA), 8000 Hz.

Both laws are floating-point numbers of eight bits: a sign, three bits of segment (exponent) and
four of step (mantissa), so that quiet speech keeps the resolution that loud speech can spare. ITU-T
G.711 defines them on 14-bit (mu) and 13-bit (A) samples; we carry those in the upper bits of int16,
as the ITU's own software tools (G.191 STL) do, and agree with these on every code and every sample.
Negative samples are taken in ones' complement there, so -1 is coded as minus zero.

All arithmetic is done once, here, into tables; a frame costs one look-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm

_BIAS = 33
"""Added to a mu-law magnitude (14-bit scale) to make every segment start at a power of two."""

_EVEN_BITS = 0x55
"""A-law inverts every other bit on the line, so that silence is not a run of equal bits."""


def decode_ulaw(payload: bytes) -> Pcm:
    """Expand G.711 mu-law to linear audio.

    Args:
        payload: n bytes, one code word per sample.

    Returns:
        int16 array, shape (n,), 8000 Hz mono, peak +-32124.
    """
    return _ULAW_TO_LINEAR.take(np.frombuffer(payload, np.uint8))


def encode_ulaw(pcm: Pcm) -> bytes:
    """Compress linear audio (int16, 8000 Hz) to G.711 mu-law, one byte per sample; louder clips."""
    return _LINEAR_TO_ULAW.take(pcm, mode="wrap").tobytes()


def decode_alaw(payload: bytes) -> Pcm:
    """Expand G.711 A-law to linear audio.

    Args:
        payload: n bytes, one code word per sample.

    Returns:
        int16 array, shape (n,), 8000 Hz mono, peak +-32256. A-law has no zero: silence is +-8.
    """
    return _ALAW_TO_LINEAR.take(np.frombuffer(payload, np.uint8))


def encode_alaw(pcm: Pcm) -> bytes:
    """Compress linear audio (int16, 8000 Hz) to G.711 A-law, one byte per sample."""
    return _LINEAR_TO_ALAW.take(pcm, mode="wrap").tobytes()


def _every_sample() -> NDArray[np.int32]:
    """Return all int16 values, ordered so that a table of them is indexed by the sample itself.

    That is 0 ... 32767, -32768 ... -1: look-ups wrap, so sample -1 finds the last entry.
    """
    return np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)


def _magnitude(linear: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.where(linear < 0, ~linear, linear)


def _bit_length(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the number of bits of each value (>= 0), as `int.bit_length` does."""
    return np.frexp(values)[1]


def _ulaw_to_linear() -> Pcm:
    code = ~np.arange(256) & 0xFF  # the line carries all eight bits inverted
    segment, step = (code >> 4) & 7, code & 15
    magnitude = ((2 * step + _BIAS) << segment) - _BIAS
    return (4 * np.where(code & 0x80, -magnitude, magnitude)).astype(np.int16)


def _linear_to_ulaw() -> NDArray[np.uint8]:
    linear = _every_sample()
    biased = np.minimum((_magnitude(linear) >> 2) + _BIAS, 0x1FFF)
    segment = _bit_length(biased) - 6
    step = (biased >> (segment + 1)) & 15
    sign = np.where(linear < 0, 0x80, 0)
    code: NDArray[np.int32] = ~(sign | segment << 4 | step) & 0xFF
    return code.astype(np.uint8)


def _alaw_to_linear() -> Pcm:
    code = np.arange(256) ^ _EVEN_BITS
    segment, step = (code >> 4) & 7, code & 15
    # Segment 0 continues segment 1 downwards with the same step; the others double it.
    magnitude = np.where(
        segment == 0, 16 * step + 8, (16 * step + 264) << np.maximum(segment - 1, 0)
    )
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _linear_to_alaw() -> NDArray[np.uint8]:
    linear = _every_sample()
    magnitude = _magnitude(linear) >> 4
    segment = np.maximum(_bit_length(magnitude) - 4, 0)
    step = (magnitude >> np.maximum(segment - 1, 0)) & 15
    sign = np.where(linear < 0, 0, 0x80)
    code: NDArray[np.int32] = (sign | segment << 4 | step) ^ _EVEN_BITS
    return code.astype(np.uint8)


_ULAW_TO_LINEAR = _ulaw_to_linear()
_LINEAR_TO_ULAW = _linear_to_ulaw()
_ALAW_TO_LINEAR = _alaw_to_linear()
_LINEAR_TO_ALAW = _linear_to_alaw()
