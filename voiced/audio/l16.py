"""L16: linear 16-bit samples as they are, and which byte of them comes first.

RFC 3551 says big-endian; Telnyx sends and expects little-endian, as far as live calls have shown,
and documents nothing. So the order is a setting, and one of its values is to listen.

Read in the wrong order, the fast-changing low byte becomes the high one, and anything turns into
white noise near full scale: neighbouring samples no longer resemble each other. So `ByteOrder`
compares the energy of sample-to-sample differences under both readings, and the smaller one wins.
That holds for hiss and for the noise of a quiet line too, so that most calls are judged right
before their first word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from voiced.audio.conceal import Concealer
from voiced.audio.frame import MESSAGE_FRAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm

ByteOrderSetting: TypeAlias = Literal["little", "big", "auto"]

LISTEN_S = 0.5
"""Of audio that is not digital silence: then the order is settled."""

_LITTLE, _BIG = np.dtype("<i2"), np.dtype(">i2")


class ByteOrder:
    """The byte order of one call's L16, shared by both of its directions."""

    __slots__ = ("_big", "_heard_s", "_little", "dtype", "is_settled")

    def __init__(self, setting: ByteOrderSetting = "little") -> None:
        """Begin as the setting says; `auto` with little-endian, until the caller is heard."""
        self.dtype = _BIG if setting == "big" else _LITTLE
        self.is_settled = setting != "auto"
        self._heard_s = 0.0
        self._little = 0.0  # energy of the differences in this reading
        self._big = 0.0

    def listen(self, payload: bytes, rate_hz: int) -> None:
        """Take one payload of whole samples as evidence; to be called until it is settled."""
        little = _roughness(np.frombuffer(payload, _LITTLE))
        big = _roughness(np.frombuffer(payload, _BIG))
        if little == big:
            return  # digital silence
        self._little += little
        self._big += big
        self.dtype = _BIG if self._big < self._little else _LITTLE
        self._heard_s += len(payload) / 2 / rate_hz
        self.is_settled = self._heard_s >= LISTEN_S


class L16Decoder:
    """Payloads to samples, and what stands in for lost ones.

    A payload of an odd length ends inside a sample, the rest of which begins the next; after a loss
    nobody knows, and the next payload is taken to begin with a sample.
    """

    def __init__(self, rate_hz: int, byte_order: ByteOrder) -> None:
        """Start a stream at `rate_hz`."""
        self.rate_hz = rate_hz
        self._order = byte_order
        self._rest = b""
        self._concealer = Concealer(rate_hz)

    def decode(self, payload: bytes) -> Pcm:
        """Return the samples, all that are whole."""
        if self._rest or len(payload) % 2:
            payload = self._rest + payload
            whole = len(payload) // 2 * 2
            payload, self._rest = payload[:whole], payload[whole:]
        if not self._order.is_settled:
            self._order.listen(payload, self.rate_hz)
        return np.frombuffer(payload, self._order.dtype).astype(np.int16)

    def concealment(self) -> L16Decoder:
        """Return itself: a loss concerns both."""
        return self

    def good(self, pcm: Pcm) -> Pcm:
        """Return what is heard of a piece that has come."""
        return self._concealer.good(pcm)

    def lost(self, n_samples: int) -> Pcm:
        """Return `n_samples` in place of a piece that has not."""
        self._rest = b""
        return self._concealer.lost(n_samples)


class L16Encoder:
    """Samples to payloads, in the byte order of the call."""

    max_frames = MESSAGE_FRAMES

    def __init__(self, rate_hz: int, byte_order: ByteOrder) -> None:
        """Start a stream at `rate_hz`."""
        self.rate_hz = rate_hz
        self._order = byte_order

    def encode(self, pcm: Pcm) -> bytes:
        """Return two bytes for each sample."""
        return pcm.astype(self._order.dtype).tobytes()


def _roughness(samples: NDArray[np.int16]) -> float:
    """Return the energy of the differences between neighbouring samples."""
    differences = np.diff(samples.astype(np.float64))
    return float(np.dot(differences, differences))
