"""Opus (RFC 6716): sound in few bits; one packet holds one frame of 20 ms.

A packet does not say where it ends, so there is one in each message, never several in a row.
By the package `opuslib-next`, which declares the C library libopus for ctypes; ctypes releases the
interpreter's lock while libopus works. A lost packet is concealed by libopus itself, which knows
the signal better than anyone after it (RFC 6716, 4.4).

We encode for a decoder at the other end of a TCP connection, where bits are cheap and delay is not:
64 kbit/s (a packet is as long as a frame of G.711) in the low-delay mode, which looks 2.5 ms ahead,
takes 47 us for a frame at 16 kHz, and keeps speech to 25 dB of its wave. The mode for voice over
lossy networks, at its own 40 kbit/s, takes 6.5 ms, 117 us and keeps 11 dB. Complexity above 5 costs
half as much again and gains nothing here.

Imported only when a line speaks it: the package is in the extra `voiced[codecs]`, the C library in
Debian's libopus0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import opuslib_next
from opuslib_next.api import c_int16_pointer
from opuslib_next.api.decoder import libopus_decode

from voiced.audio.frame import frame_samples
from voiced.errors import RemoteProtocolError

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

_BITS_PER_SECOND = 64_000
_COMPLEXITY = 5
_LONGEST_PACKET_S = 0.120
_MONO = 1


class OpusDecoder:
    """One direction's decoder, and what stands in for its lost packets."""

    def __init__(self, rate_hz: int) -> None:
        """Start a stream; packets of any bandwidth and of two channels come out as mono."""
        self.rate_hz = rate_hz
        self._codec = opuslib_next.Decoder(rate_hz, _MONO)  # frees its state with itself
        self._buffer = np.empty(round(rate_hz * _LONGEST_PACKET_S), np.int16)
        self._pointer = self._buffer.ctypes.data_as(c_int16_pointer)
        self._packet_samples = frame_samples(rate_hz)

    def decode(self, payload: bytes) -> Pcm:
        """Return the audio of one packet, 2.5 to 120 ms; an empty one is a pause in sending (DTX).

        Raises:
            RemoteProtocolError: it is no Opus packet.
        """
        if not payload:
            return self.lost(self._packet_samples)
        pcm = self._decode(payload, len(self._buffer))
        self._packet_samples = len(pcm)
        return pcm

    def concealment(self) -> OpusDecoder:
        """Return itself: libopus goes on from where it is."""
        return self

    def good(self, pcm: Pcm) -> Pcm:
        """Return `pcm`: libopus has blended it already."""
        return pcm

    def lost(self, n_samples: int) -> Pcm:
        """Return `n_samples`, a multiple of 2.5 ms up to 120 ms, in place of a lost packet."""
        return self._decode(None, n_samples)

    def _decode(self, payload: bytes | None, n_samples: int) -> Pcm:
        # Past the package's own `decode`, which would copy sample by sample.
        state: Any = self._codec.decoder_state
        size = len(payload) if payload else 0
        n: int = libopus_decode(state, payload, size, self._pointer, n_samples, 0)
        if n < 0:
            raise RemoteProtocolError(f"media: a payload of {size} bytes is no Opus packet ({n})")
        return self._buffer[:n].copy()


class OpusEncoder:
    """One direction's encoder."""

    max_frames = 1

    def __init__(self, rate_hz: int) -> None:
        """Start a stream of speech."""
        self.rate_hz = rate_hz
        self._codec = opuslib_next.Encoder(
            rate_hz, _MONO, opuslib_next.APPLICATION_RESTRICTED_LOWDELAY
        )
        self._codec.bitrate = _BITS_PER_SECOND
        self._codec.complexity = _COMPLEXITY

    def encode(self, pcm: Pcm) -> bytes:
        """Return the packet of one frame."""
        return bytes(self._codec.encode(pcm.tobytes(), len(pcm)))
