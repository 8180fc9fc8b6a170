import gc
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speech import band_db, delay_of, frames_of, snr_db, speech
from voiced.audio.codec import SUPPORTED, audio_rate_hz, open_decoder, open_encoder, require_codec
from voiced.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from voiced.errors import CodecNotInstalled, RemoteProtocolError, UnsupportedCodec, VoicedError

G711 = [
    ("PCMU", decode_ulaw, encode_ulaw),
    ("pcmu", decode_ulaw, encode_ulaw),
    ("PCMA", decode_alaw, encode_alaw),
    ("Pcma", decode_alaw, encode_alaw),
]
ALL = [(encoding, rate) for encoding, rates in SUPPORTED.items() for rate in rates]


@pytest.mark.parametrize(("encoding", "decode", "encode"), G711)
def test_an_encoding_is_found_by_its_name_in_any_case(encoding, decode, encode):
    payload = bytes(range(256))
    pcm = np.arange(-32768, 32768, 17).astype(np.int16)
    assert np.array_equal(open_decoder(encoding, 8000).decode(payload), decode(payload))
    assert open_encoder(encoding, 8000).encode(pcm) == encode(pcm)


def test_every_stream_gets_a_codec_of_its_own():
    assert open_decoder("PCMU", 8000) is not open_decoder("PCMU", 8000)
    assert open_encoder("PCMA", 8000) is not open_encoder("PCMA", 8000)


@pytest.mark.parametrize("opener", [open_decoder, open_encoder, audio_rate_hz])
@pytest.mark.parametrize(
    ("encoding", "rate"), [("PCMU", 16000), ("AMR-WB", 16000), ("", 8000), ("L16", 44100)]
)
def test_what_we_do_not_speak_is_refused_and_the_error_tells_what_we_do(opener, encoding, rate):
    with pytest.raises(UnsupportedCodec) as caught:
        opener(encoding, rate)
    error = caught.value
    assert isinstance(error, VoicedError)
    assert (error.encoding, error.sample_rate) == (encoding, rate)
    assert ("PCMU", 8000) in error.supported
    assert repr(encoding) in str(error)
    assert f"{rate} Hz" in str(error)
    assert "PCMU/8000, PCMA/8000" in str(error)


def test_two_channels_are_refused_but_for_opus_which_brings_them_to_one():
    with pytest.raises(UnsupportedCodec, match="in 2 channels"):
        open_decoder("L16", 16000, channels=2)
    assert open_decoder("OPUS", 48000, channels=2).rate_hz == 48000


def test_g722_is_announced_by_its_clock_and_samples_at_twice_that():
    assert audio_rate_hz("G722", 8000) == 16000
    assert open_decoder("G722", 8000).rate_hz == open_encoder("g722", 8000).rate_hz == 16000


# Least signal to noise of speech, in dB, and the delay in ms.
QUALITY = {"PCMU": (36, 0), "PCMA": (36, 0), "L16": (99, 0), "G722": (20, 1.4), "OPUS": (18, 2.5)}


@pytest.mark.parametrize(("encoding", "rate"), ALL)
def test_speech_survives_a_round_trip_frame_by_frame(encoding, rate):
    encoder, decoder = open_encoder(encoding, rate), open_decoder(encoding, rate)
    assert encoder.rate_hz == decoder.rate_hz
    said = speech(encoder.rate_hz)
    frames = frames_of(said, encoder.rate_hz)
    pieces = [decoder.decode(encoder.encode(frame)) for frame in frames]
    assert {(len(piece), piece.dtype) for piece in pieces} == {(len(frames[0]), np.dtype(np.int16))}
    least_db, delay_ms = QUALITY[encoding]
    heard = np.concatenate(pieces)
    assert snr_db(said, heard) > least_db
    assert 1000 * delay_of(said, heard) / encoder.rate_hz == pytest.approx(delay_ms, abs=0.1)
    if encoder.rate_hz >= 16000:
        assert band_db(heard, encoder.rate_hz, 4000, 7000) == pytest.approx(
            band_db(said, encoder.rate_hz, 4000, 7000), abs=2.5
        )


@pytest.mark.parametrize(("encoding", "rate"), [item for item in ALL if item[0] != "OPUS"])
def test_a_message_of_several_frames_is_what_its_frames_are_one_by_one(encoding, rate):
    encoder, single = open_encoder(encoding, rate), open_encoder(encoding, rate)
    said = speech(encoder.rate_hz)
    assert encoder.max_frames == 1500
    whole = encoder.encode(said)
    assert whole == b"".join(single.encode(f) for f in frames_of(said, encoder.rate_hz))
    decoder, pieces = open_decoder(encoding, rate), open_decoder(encoding, rate)
    odd_sizes = [whole[start : start + 334] for start in range(0, len(whole), 334)]
    assert np.array_equal(
        decoder.decode(whole), np.concatenate([pieces.decode(payload) for payload in odd_sizes])
    )


@pytest.mark.parametrize(("encoding", "rate"), [("G722", 8000), ("L16", 16000), ("OPUS", 16000)])
@given(payloads=st.lists(st.binary(max_size=400), max_size=8))
def test_any_bytes_give_audio_or_are_the_senders_fault(encoding, rate, payloads):
    decoder = open_decoder(encoding, rate)
    concealment = decoder.concealment()
    for payload in payloads:
        try:
            pcm = concealment.good(decoder.decode(payload))
        except RemoteProtocolError:
            pcm = concealment.lost(rate // 50)
        assert pcm.dtype == np.int16
        assert pcm.ndim == 1


@pytest.mark.parametrize("encoding", ["G722", "OPUS"])
def test_streams_do_not_share_state(encoding):
    frames = frames_of(speech(16000), 16000)[:50]
    rate = 8000 if encoding == "G722" else 16000
    alone = open_encoder(encoding, rate)
    one, other = open_encoder(encoding, rate), open_encoder(encoding, rate)
    expected = [alone.encode(frame) for frame in frames]
    given = []
    for frame, noise in zip(frames, reversed(frames), strict=True):
        given.append(one.encode(frame))
        other.encode(noise)
    assert given == expected


@pytest.mark.parametrize(("encoding", "rate"), [("G722", 8000), ("OPUS", 16000)])
def test_the_state_is_released_with_the_stream(encoding, rate):
    decoder, encoder = open_decoder(encoding, rate), open_encoder(encoding, rate)
    gone = weakref.ref(decoder), weakref.ref(encoder)
    gc.disable()
    try:
        del decoder, encoder
        assert gone[0]() is None  # at once, not when collected
        assert gone[1]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("encoding", "module", "remedy"),
    [
        ("G722", "G722", "pip install 'voiced[codecs]'"),
        ("OPUS", "opuslib_next.api", "pip install 'voiced[codecs]'"),
    ],
)
def test_a_missing_library_is_told_with_the_extra_that_brings_it(
    monkeypatch, encoding, module, remedy
):
    monkeypatch.setitem(sys.modules, module, None)
    for opener in (open_decoder, open_encoder):
        with pytest.raises(CodecNotInstalled) as caught:
            opener(encoding, 8000)
        assert caught.value.remedy == remedy
        assert str(caught.value).startswith(f"codec {encoding}: ")
        assert remedy in str(caught.value)


def test_a_missing_c_library_of_opus_is_told_with_its_package(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("opuslib_next")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    monkeypatch.setattr("os.path.exists", lambda path: False)
    with pytest.raises(CodecNotInstalled, match="libopus is not installed") as caught:
        require_codec("OPUS")
    assert caught.value.remedy == "apt install libopus0"


def test_the_telephones_codecs_need_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "G722", None)
    monkeypatch.setitem(sys.modules, "opuslib_next", None)
    for encoding in ("PCMU", "PCMA", "L16"):
        require_codec(encoding)
        assert open_encoder(encoding, 8000).rate_hz == 8000
