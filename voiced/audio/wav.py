"""WAV files: read whatever a user may hand us, write the stereo audio of a call.

The standard library's `wave` refuses G.711 in WAV (formats 6 and 7), which is what telephone
recordings often are, so the few chunks are taken apart here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from voiced.audio.g711 import decode_alaw, decode_ulaw
from voiced.audio.level import to_int16

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm

_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE
_NAMES = {_PCM: "PCM", 2: "MS ADPCM", 3: "floating point", 17: "IMA ADPCM", 85: "MP3"}

_HEADER_SIZE = 44
_FORMAT = struct.Struct("<HHIIHH")  # tag, channels, rate, bytes per second, per frame, bits
_UNKNOWN_SIZE = 0x7FFF_0000
"""Writers that cannot seek (a pipe) put this or more; then the data ends with the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """The `fmt ` chunk, as far as it matters; `frame_size` is bytes per sample of all channels."""

    tag: int
    channels: int
    rate_hz: int
    frame_size: int
    bits: int


def read_wav(data: bytes) -> tuple[Pcm, int]:
    """Return the audio of a WAV file, mixed down to mono, and its sample rate in Hz.

    Args:
        data: the whole file: PCM of 8, 16, 24 or 32 bits, mu-law or A-law; any rate, any channels.

    Raises:
        ValueError: it is no WAV file, is broken, or has another format; the text says which.
    """
    fmt: _Format | None = None
    for name, body, size in _chunks(data):
        if name == b"fmt ":
            fmt = _parse_format(body)
        elif name == b"data":
            if fmt is None:
                raise ValueError("broken WAV: the data comes before its format ('fmt ' chunk)")
            samples = _READERS[fmt.tag, fmt.bits](_whole_frames(fmt, body, size))
            return _mono(samples, fmt.channels), fmt.rate_hz
    missing = "'fmt '" if fmt is None else "'data'"
    raise ValueError(f"broken WAV: it has no {missing} chunk")


def wav_header(n_frames: int, rate_hz: int, channels: int) -> bytes:
    """Return the 44 bytes that go before `n_frames` frames of int16, little-endian, interleaved.

    Raises:
        ValueError: the audio would not fit in a WAV file (4 GiB).
    """
    size = n_frames * channels * 2
    if size > 0xFFFF_FFFF - _HEADER_SIZE:
        raise ValueError(f"{size} bytes of audio do not fit in a WAV file (4 GiB): split it")
    frame_size = channels * 2
    fmt = _FORMAT.pack(_PCM, channels, rate_hz, rate_hz * frame_size, frame_size, 16)
    riff = b"RIFF" + struct.pack("<I", _HEADER_SIZE - 8 + size) + b"WAVE"
    return riff + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size)


def write_wav(file: BinaryIO, pcm: NDArray[np.int16], rate_hz: int) -> None:
    """Write `pcm`, shape (n,) or (n, channels), to `file`; the caller opens and closes it."""
    channels = pcm.shape[1] if pcm.ndim == 2 else 1
    file.write(wav_header(len(pcm), rate_hz, channels))
    file.write(pcm.astype("<i2").tobytes())


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield name, body and promised size of each chunk; the body of the last may be shorter."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("not a WAV file: it does not begin with RIFF....WAVE")
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + size], size
        at += 8 + size + size % 2  # chunks begin at even places


def _parse_format(body: bytes) -> _Format:
    if len(body) < _FORMAT.size:
        raise ValueError(f"broken WAV: its format chunk has {len(body)} bytes (needs 16)")
    tag, channels, rate_hz, _, frame_size, bits = _FORMAT.unpack_from(body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)  # the sub-format's GUID begins with the old tag
    if (tag, bits) not in _READERS:
        what = _NAMES.get(tag, f"format {tag}")
        raise ValueError(
            f"WAV with {bits}-bit {what} cannot be read "
            "(use 16-bit PCM, or 8, 24, 32-bit PCM, or mu-law or A-law)"
        )
    if not (channels and rate_hz and frame_size == channels * bits // 8):
        raise ValueError(
            f"broken WAV: {channels} channels at {rate_hz} Hz, {bits} bits each, "
            f"in frames of {frame_size} bytes"
        )
    return _Format(tag=tag, channels=channels, rate_hz=rate_hz, frame_size=frame_size, bits=bits)


def _whole_frames(fmt: _Format, body: bytes, size: int) -> bytes:
    if size >= _UNKNOWN_SIZE:
        return body[: len(body) - len(body) % fmt.frame_size]
    if len(body) < size:
        raise ValueError(f"broken WAV: cut short, {len(body)} of {size} bytes of audio are there")
    if size % fmt.frame_size:
        raise ValueError(
            f"broken WAV: {size} bytes of audio are not whole frames of {fmt.frame_size} bytes"
        )
    return body


def _pcm8(body: bytes) -> Pcm:
    centred = np.frombuffer(body, np.uint8).astype(np.int16) - 128  # the one depth without a sign
    return np.left_shift(centred, 8, dtype=np.int16)


def _pcm16(body: bytes) -> Pcm:
    return np.frombuffer(body, "<i2").astype(np.int16)


def _pcm24(body: bytes) -> Pcm:
    padded = np.zeros((len(body) // 3, 4), np.uint8)
    padded[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
    return _pcm32(padded.tobytes())


def _pcm32(body: bytes) -> Pcm:
    return to_int16(np.frombuffer(body, "<i4") / 65536.0)


# From format tag and bits to what makes interleaved samples of the data.
_READERS: dict[tuple[int, int], Callable[[bytes], Pcm]] = {
    (_PCM, 8): _pcm8,
    (_PCM, 16): _pcm16,
    (_PCM, 24): _pcm24,
    (_PCM, 32): _pcm32,
    (_ALAW, 8): decode_alaw,
    (_ULAW, 8): decode_ulaw,
}


def _mono(samples: Pcm, channels: int) -> Pcm:
    if channels == 1:
        return samples
    return to_int16(samples.reshape(-1, channels).mean(axis=1))
