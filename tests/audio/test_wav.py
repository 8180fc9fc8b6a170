import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from voiced.audio.g711 import decode_alaw, decode_ulaw
from voiced.audio.wav import read_wav, wav_header, write_wav

RAMP = np.arange(-32768, 32768, 97).astype(np.int16)


def chunk(name, body, size=None):
    size = len(body) if size is None else size
    return name + struct.pack("<I", size) + body + b"\0" * (len(body) % 2)


def riff(*chunks):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fmt(tag=1, channels=1, rate_hz=8000, bits=16, frame_size=None, extra=b""):
    frame_size = channels * bits // 8 if frame_size is None else frame_size
    head = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame_size, frame_size, bits)
    return chunk(b"fmt ", head + extra)


def made_by_the_standard_library(body, *, width=2, channels=1, rate_hz=8000):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate_hz, 0, "NONE", ""))
        writer.writeframes(body)
    return file.getvalue()


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 44100, 48000])
def test_16_bit_mono_is_read_as_it_is(rate_hz):
    pcm, rate = read_wav(made_by_the_standard_library(RAMP.tobytes(), rate_hz=rate_hz))
    assert np.array_equal(pcm, RAMP)
    assert pcm.dtype == np.int16
    assert rate == rate_hz


def test_8_bit_is_unsigned():
    pcm, _ = read_wav(made_by_the_standard_library(bytes([0, 127, 128, 129, 255]), width=1))
    assert pcm.tolist() == [-32768, -256, 0, 256, 32512]


@pytest.mark.parametrize("width", [3, 4])
def test_deeper_samples_are_rounded_to_16_bits_and_do_not_wrap(width):
    step = 256 ** (width - 2)
    values = [0, step, -step, step * 7 // 10, -step * 7 // 10, step * 32768 - 1, step * -32768]
    body = b"".join(value.to_bytes(width, "little", signed=True) for value in values)
    pcm, _ = read_wav(made_by_the_standard_library(body, width=width))
    assert pcm.tolist() == [0, 1, -1, 1, -1, 32767, -32768]


def test_stereo_is_mixed_down_without_wrapping():
    left_right = np.array([[30000, 30000], [-32768, -32768], [100, -100], [1000, 0]], np.int16)
    pcm, _ = read_wav(made_by_the_standard_library(left_right.tobytes(), channels=2))
    assert pcm.tolist() == [30000, -32768, 0, 500]


@pytest.mark.parametrize(("tag", "decode"), [(7, decode_ulaw), (6, decode_alaw)])
def test_g711_is_decoded(tag, decode):
    codes = bytes(range(255))  # odd: the chunk is padded
    facts = chunk(b"fact", struct.pack("<I", 255))
    data = riff(fmt(tag, bits=8, extra=b"\0\0"), facts, chunk(b"data", codes))
    pcm, rate_hz = read_wav(data)
    assert np.array_equal(pcm, decode(codes))
    assert rate_hz == 8000


def test_other_chunks_are_skipped_also_those_of_odd_size():
    data = riff(chunk(b"LIST", b"odd"), fmt(), chunk(b"junk", b""), chunk(b"data", RAMP.tobytes()))
    assert np.array_equal(read_wav(data)[0], RAMP)


def test_the_extensible_format_says_what_is_inside():
    guid_of_pcm = bytes.fromhex("0100000000001000800000aa00389b71")
    extra = struct.pack("<HHI", 22, 16, 4) + guid_of_pcm
    data = riff(fmt(0xFFFE, extra=extra), chunk(b"data", RAMP.tobytes()))
    assert np.array_equal(read_wav(data)[0], RAMP)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_file_from_a_pipe_ends_where_it_ends(size):
    data = riff(fmt(), chunk(b"data", RAMP.tobytes() + b"\1", size))[:-1]
    assert np.array_equal(read_wav(data)[0], RAMP)


def test_no_audio_is_no_error():
    pcm, rate_hz = read_wav(made_by_the_standard_library(b""))
    assert (len(pcm), rate_hz) == (0, 8000)


BROKEN = [
    (b"", "not a WAV"),
    (b"ID3\4 an MP3 file", "not a WAV"),
    (b"RIFF\4\0\0\0AVI LIST", "not a WAV"),
    (riff(), "no 'fmt ' chunk"),
    (riff(fmt()), "no 'data' chunk"),
    (riff(chunk(b"data", b"\0\0"), fmt()), "data comes before its format"),
    (riff(chunk(b"fmt ", b"\1\0\1\0")), "format chunk has 4 bytes"),
    (riff(fmt(3, bits=32), chunk(b"data", b"")), "32-bit floating point cannot be read"),
    (riff(fmt(85, bits=0), chunk(b"data", b"")), "MP3 cannot be read"),
    (riff(fmt(99), chunk(b"data", b"")), "format 99 cannot be read .use 16-bit PCM"),
    (riff(fmt(bits=12), chunk(b"data", b"")), "12-bit PCM cannot be read"),
    (riff(fmt(0xFFFE), chunk(b"data", b"")), "format 65534 cannot be read"),
    (riff(fmt(channels=0), chunk(b"data", b"")), "0 channels"),
    (riff(fmt(rate_hz=0), chunk(b"data", b"")), "at 0 Hz"),
    (riff(fmt(frame_size=3), chunk(b"data", b"")), "frames of 3 bytes"),
    (riff(fmt(), chunk(b"data", b"\0\0", 8)), "cut short, 2 of 8 bytes"),
    (riff(fmt(channels=2), chunk(b"data", bytes(6))), "6 bytes of audio are not whole frames of 4"),
]


@pytest.mark.parametrize(("data", "reason"), BROKEN)
def test_what_cannot_be_read_is_refused_with_its_reason(data, reason):
    with pytest.raises(ValueError, match=reason):
        read_wav(data)


@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_whatever_is_damaged_gives_audio_or_a_value_error(noise, at, cut):
    valid = riff(fmt(channels=2), chunk(b"data", bytes(16)))
    damaged = (valid[:at] + noise + valid[at + len(noise) :])[: len(valid) - cut]
    try:
        pcm, rate_hz = read_wav(damaged)
    except ValueError:
        return
    assert pcm.dtype == np.int16
    assert rate_hz > 0


@given(hnp.arrays(np.int16, st.tuples(st.integers(0, 50), st.integers(1, 4))))
def test_what_is_written_is_read_back_by_the_standard_library(pcm):
    file = io.BytesIO()
    write_wav(file, pcm, 16000)
    file.seek(0)
    with wave.open(file, "rb") as reader:
        assert reader.getparams()[:4] == (pcm.shape[1], 2, 16000, len(pcm))
        assert reader.readframes(len(pcm) + 1) == pcm.tobytes()


def test_mono_and_strided_audio_can_be_written_too():
    file = io.BytesIO()
    write_wav(file, RAMP[::2], 8000)
    assert np.array_equal(read_wav(file.getvalue())[0], RAMP[::2])


def test_the_header_is_what_the_standard_library_writes():
    body = bytes(400)
    expected = made_by_the_standard_library(body, channels=2, rate_hz=8000)
    assert wav_header(100, 8000, 2) + body == expected


def test_audio_that_a_wav_file_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="4 GiB"):
        wav_header(2**30, 48000, 2)
