"""The codecs that the emulated line speaks, judged by their own framing and not by the daemon's.

Pure. The emulated line itself has 8 kHz; what a stream carries at a higher rate is resampled here,
so that callers and reports know one rate only. Each direction of a stream has a codec of its own.
Telnyx's AMR-WB is refused when a stream is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np

from voiced.audio.codec import require_codec
from voiced.audio.frame import LINE_RATE_HZ, frame_samples
from voiced.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from voiced.audio.resample import Resampler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.audio.frame import Pcm

ByteOrder: TypeAlias = Literal["little", "big"]

_RATES_HZ: Mapping[str, tuple[int, ...]] = {
    "PCMU": (8000,),
    "PCMA": (8000,),
    "G722": (8000,),
    "L16": (16000, 8000, 22050, 24000, 48000),
    "OPUS": (16000, 8000),
}
"""Encoding to the rates by which it is announced; the first is the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFormat:
    """What a stream carries, as it is announced. `byte_order` is L16's."""

    encoding: str
    sample_rate: int
    byte_order: ByteOrder = "little"

    @property
    def rate_hz(self) -> int:
        """The rate of the audio: 16 kHz for G.722, which is announced by its clock of 8."""
        return 16000 if self.encoding == "G722" else self.sample_rate


def find_format(
    encoding: str, sample_rate: int | None = None, byte_order: ByteOrder = "little"
) -> LineFormat | None:
    """Return the format of that name and rate (None: the usual one), None if it is not spoken."""
    rates = _RATES_HZ.get(encoding, ())
    if not rates or (sample_rate is not None and sample_rate not in rates):
        return None
    return LineFormat(encoding=encoding, sample_rate=sample_rate or rates[0], byte_order=byte_order)


class _Codec(Protocol):
    """One direction, at the codec's own rate. `decode` raises ValueError with what is wrong."""

    def encode(self, pcm: Pcm) -> bytes: ...

    def decode(self, payload: bytes) -> Pcm: ...


class LineEncoder:
    """The line's frames to the payloads of one stream."""

    def __init__(self, line_format: LineFormat) -> None:
        """Start a stream."""
        self._codec = _open(line_format)
        self._resampler = Resampler(LINE_RATE_HZ, line_format.rate_hz)

    def encode(self, pcm: Pcm) -> bytes:
        """Return the payload of one frame of 160 samples at 8 kHz."""
        return self._codec.encode(self._resampler.process(pcm))


class LineDecoder:
    """The payloads of one stream to audio of the line."""

    def __init__(self, line_format: LineFormat) -> None:
        """Start a stream."""
        self._codec = _open(line_format)
        self._resampler = Resampler(line_format.rate_hz, LINE_RATE_HZ)

    def decode(self, payload: bytes) -> Pcm:
        """Return the audio of one message at 8 kHz.

        Raises:
            ValueError: it is no whole payload of this codec; the text says why.
        """
        return self._resampler.process(self._codec.decode(payload))


def line_frame(pcm: Pcm) -> Pcm:
    """Return `pcm` (at most one frame) padded with silence to one frame of 160 samples."""
    frame = np.zeros(frame_samples(LINE_RATE_HZ), dtype=np.int16)
    frame[: len(pcm)] = pcm[: len(frame)]
    return frame


class _Ulaw:
    def encode(self, pcm: Pcm) -> bytes:
        return encode_ulaw(pcm)

    def decode(self, payload: bytes) -> Pcm:
        return decode_ulaw(payload)


class _Alaw:
    def encode(self, pcm: Pcm) -> bytes:
        return encode_alaw(pcm)

    def decode(self, payload: bytes) -> Pcm:
        return decode_alaw(payload)


class _L16:
    def __init__(self, byte_order: ByteOrder) -> None:
        self._dtype = np.dtype("<i2" if byte_order == "little" else ">i2")

    def encode(self, pcm: Pcm) -> bytes:
        return pcm.astype(self._dtype).tobytes()

    def decode(self, payload: bytes) -> Pcm:
        if len(payload) % 2:
            raise ValueError(f"a payload of {len(payload)} bytes ends inside a sample")
        return np.frombuffer(payload, self._dtype).astype(np.int16)


class _G722:
    def __init__(self) -> None:
        require_codec("G722")
        from G722 import G722

        self._encoder, self._decoder = G722(16000, 64000), G722(16000, 64000)

    def encode(self, pcm: Pcm) -> bytes:
        return bytes(self._encoder.encode(pcm))

    def decode(self, payload: bytes) -> Pcm:
        return np.asarray(self._decoder.decode(payload), np.int16)


class _Opus:
    def __init__(self, rate_hz: int) -> None:
        require_codec("OPUS")
        import opuslib_next

        self._rate_hz = rate_hz
        self._encoder = opuslib_next.Encoder(rate_hz, 1, opuslib_next.APPLICATION_VOIP)
        self._decoder = opuslib_next.Decoder(rate_hz, 1)

    def encode(self, pcm: Pcm) -> bytes:
        return bytes(self._encoder.encode(pcm.tobytes(), len(pcm)))

    def decode(self, payload: bytes) -> Pcm:
        if not payload:
            raise ValueError("the payload is empty")
        import opuslib_next

        n_samples = round(opus_packet_s(payload) * self._rate_hz)
        try:
            decoded = self._decoder.decode(payload, n_samples)
        except opuslib_next.OpusError as error:
            raise ValueError(f"a payload of {len(payload)} bytes is no Opus packet") from error
        return np.frombuffer(decoded, np.int16)


def opus_packet_s(packet: bytes) -> float:
    """Return the duration that a packet's first bytes announce (RFC 6716, 3.1 and 3.2)."""
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:  # SILK
        frame_ms = (10.0, 20.0, 40.0, 60.0)[config % 4]
    elif config < 16:  # both
        frame_ms = (10.0, 20.0)[config % 2]
    else:  # CELT
        frame_ms = (2.5, 5.0, 10.0, 20.0)[config % 4]
    n_frames = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[code]
    return n_frames * frame_ms / 1000


def _open(line_format: LineFormat) -> _Codec:
    match line_format.encoding:
        case "PCMU":
            return _Ulaw()
        case "PCMA":
            return _Alaw()
        case "L16":
            return _L16(line_format.byte_order)
        case "G722":
            return _G722()
        case _:
            return _Opus(line_format.rate_hz)
