"""What the line speaks: payload bytes to linear audio and back, by the encoding's name.

The name and rate come from `start.media_format` (inbound) and from the configuration (outbound). A
codec may carry state from message to message (G.722, Opus, a split sample of L16), so every
direction of every call opens its own; it is released with the call.

Libraries that only some lines need are imported when such a codec is first opened, or asked for by
`require_codec`; G.711 and L16 need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from voiced.audio.conceal import Concealer
from voiced.audio.frame import LINE_RATE_HZ, MESSAGE_FRAMES
from voiced.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from voiced.audio.l16 import ByteOrder, L16Decoder, L16Encoder
from voiced.errors import CodecNotInstalled, UnsupportedCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.audio.frame import Pcm

SUPPORTED: Mapping[str, tuple[int, ...]] = {
    "PCMU": (8000,),
    "PCMA": (8000,),
    "G722": (8000, 16000),
    "L16": (8000, 16000, 22050, 24000, 48000),
    "OPUS": (8000, 16000, 24000, 48000),
}
"""Encoding to the sample rates, in Hz, by which a stream of it may be announced.

G.722 is announced by its RTP clock, 8000 Hz by an old mistake (RFC 3551, 4.5.2), and samples at
16000 Hz. L16 has all rates of Telnyx's enumeration; Opus those at which its own decoder works.
"""

_G722_RATE_HZ = 16000


class Concealment(Protocol):
    """Stands in for lost audio of one stream; told of every piece, in order."""

    def good(self, pcm: Pcm) -> Pcm:
        """Return what is heard of a piece that has come: itself, or blended with what was not."""
        ...

    def lost(self, n_samples: int) -> Pcm:
        """Return `n_samples` in place of a piece that has not."""
        ...


class Decoder(Protocol):
    """Expands payloads of one stream, in order. `rate_hz` is the rate of the audio it gives."""

    rate_hz: int

    def decode(self, payload: bytes) -> Pcm:
        """Return the audio of one payload, whatever its duration.

        Raises:
            RemoteProtocolError: it is no payload of this codec.
        """
        ...

    def concealment(self) -> Concealment:
        """Return what stands in for the losses of this stream; to be asked for once."""
        ...


class Encoder(Protocol):
    """Compresses the audio of one stream, in order.

    `rate_hz` is the rate of the audio it takes; `max_frames` is how many frames of 20 ms may go
    into one payload: all that a message can hold, or one where packets cannot be told apart.
    """

    rate_hz: int
    max_frames: int

    def encode(self, pcm: Pcm) -> bytes:
        """Return the payload for `pcm` (int16 at `rate_hz`): whole frames, at most `max_frames`."""
        ...


class _Ulaw:
    """G.711 mu-law, both ways; without state."""

    rate_hz = LINE_RATE_HZ
    max_frames = MESSAGE_FRAMES

    def decode(self, payload: bytes) -> Pcm:
        return decode_ulaw(payload)

    def concealment(self) -> Concealment:
        return Concealer(LINE_RATE_HZ)

    def encode(self, pcm: Pcm) -> bytes:
        return encode_ulaw(pcm)


class _Alaw:
    """G.711 A-law, both ways; without state."""

    rate_hz = LINE_RATE_HZ
    max_frames = MESSAGE_FRAMES

    def decode(self, payload: bytes) -> Pcm:
        return decode_alaw(payload)

    def concealment(self) -> Concealment:
        return Concealer(LINE_RATE_HZ)

    def encode(self, pcm: Pcm) -> bytes:
        return encode_alaw(pcm)


def open_decoder(
    encoding: str, sample_rate: int, *, channels: int = 1, byte_order: ByteOrder | None = None
) -> Decoder:
    """Return a fresh decoder for one stream.

    Args:
        encoding: Telnyx's name in any case: a key of `SUPPORTED`.
        sample_rate: as announced, in Hz.
        channels: as announced; Opus is brought to one whatever it says, the others must have one.
        byte_order: of L16; None for little-endian.

    Raises:
        UnsupportedCodec: we do not speak this encoding at this rate.
        CodecNotInstalled: its library is missing.
    """
    rate_hz = audio_rate_hz(encoding, sample_rate, channels)
    match encoding.upper():
        case "PCMU":
            return _Ulaw()
        case "PCMA":
            return _Alaw()
        case "L16":
            return L16Decoder(rate_hz, byte_order or ByteOrder())
        case "G722":
            require_codec("G722")
            from voiced.audio.g722 import G722Decoder

            return G722Decoder()
        case _:
            require_codec("OPUS")
            from voiced.audio.opus import OpusDecoder

            return OpusDecoder(rate_hz)


def open_encoder(
    encoding: str, sample_rate: int, *, byte_order: ByteOrder | None = None
) -> Encoder:
    """Return a fresh encoder for one stream.

    Args:
        encoding: Telnyx's name in any case: a key of `SUPPORTED`.
        sample_rate: as declared, in Hz.
        byte_order: of L16; None for little-endian.

    Raises:
        UnsupportedCodec: we do not speak this encoding at this rate.
        CodecNotInstalled: its library is missing.
    """
    rate_hz = audio_rate_hz(encoding, sample_rate)
    match encoding.upper():
        case "PCMU":
            return _Ulaw()
        case "PCMA":
            return _Alaw()
        case "L16":
            return L16Encoder(rate_hz, byte_order or ByteOrder())
        case "G722":
            require_codec("G722")
            from voiced.audio.g722 import G722Encoder

            return G722Encoder()
        case _:
            require_codec("OPUS")
            from voiced.audio.opus import OpusEncoder

            return OpusEncoder(rate_hz)


def audio_rate_hz(encoding: str, sample_rate: int, channels: int = 1) -> int:
    """Return at what rate a stream samples that is announced so: twice G.722's clock.

    Raises:
        UnsupportedCodec: we do not speak this encoding, at this rate, or with so many channels.
    """
    name = encoding.upper()
    if sample_rate not in SUPPORTED.get(name, ()) or (channels != 1 and name != "OPUS"):
        supported = tuple((known, rate) for known, rates in SUPPORTED.items() for rate in rates)
        raise UnsupportedCodec(encoding, sample_rate, channels=channels, supported=supported)
    return _G722_RATE_HZ if name == "G722" else sample_rate


def require_codec(encoding: str) -> None:
    """Load what `encoding` (a key of `SUPPORTED`) needs; 10 to 40 ms, once.

    Raises:
        CodecNotInstalled: the extra or its system library is missing; the text names the remedy.
    """
    match encoding:
        case "G722":
            try:
                import G722  # noqa: F401  # only whether it is there
            except ImportError:
                raise CodecNotInstalled("G722", "the package G722 is not installed") from None
        case "OPUS":
            try:
                import opuslib_next.api  # noqa: F401
            except ImportError:
                reason = "the package opuslib-next is not installed"
                raise CodecNotInstalled("OPUS", reason) from None
            except Exception:  # noqa: BLE001  # it raises no narrower one without its C library
                raise CodecNotInstalled(
                    "OPUS", "the C library libopus is not installed", remedy="apt install libopus0"
                ) from None
        case _:
            pass
