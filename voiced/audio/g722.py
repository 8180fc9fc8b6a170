"""G.722: 16 kHz audio in 64 kbit/s, two bands of ADPCM; one byte for each two samples.

By the package `G722` (libg722, which passes the ITU's tests): 16 us to encode a frame, 10 us to
decode one. Both filter banks together delay by 22 samples, 1.4 ms. The codec adapts to the signal,
so each direction of a call has a state of its own; a loss leaves it astray for some milliseconds.

Imported only when a line speaks it: the package is in the extra `voiced[codecs]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from G722 import G722

from voiced.audio.conceal import Concealer
from voiced.audio.frame import MESSAGE_FRAMES

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

_RATE_HZ = 16_000
_BITS_PER_SECOND = 64_000


class G722Decoder:
    """One direction's decoder."""

    rate_hz = _RATE_HZ

    def __init__(self) -> None:
        self._codec = G722(_RATE_HZ, _BITS_PER_SECOND)

    def decode(self, payload: bytes) -> Pcm:
        """Return two samples for each byte."""
        return np.asarray(self._codec.decode(payload), np.int16)

    def concealment(self) -> Concealer:
        """Return the concealer for linear audio; the codec has none of its own."""
        return Concealer(_RATE_HZ)


class G722Encoder:
    """One direction's encoder."""

    rate_hz = _RATE_HZ
    max_frames = MESSAGE_FRAMES

    def __init__(self) -> None:
        self._codec = G722(_RATE_HZ, _BITS_PER_SECOND)

    def encode(self, pcm: Pcm) -> bytes:
        """Return one byte for each two samples; whole frames have an even number."""
        return bytes(self._codec.encode(np.ascontiguousarray(pcm)))
