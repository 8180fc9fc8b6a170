from itertools import pairwise

import numpy as np
import pytest

from tests.speech import frames_of, speech
from voiced.audio.codec import open_decoder, open_encoder
from voiced.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from voiced.audio.l16 import ByteOrder
from voiced.audio.level import normalize

SENTENCES = (
    "She sells sixty six sea shells by the sea shore.",
    "Hello, I would like to book an appointment please.",
    "Yes.",
)


def as_sent(pcm, order):
    return pcm.astype("<i2" if order == "little" else ">i2").tobytes()


def noise(rate_hz, seconds, rms):
    rng = np.random.default_rng(16)
    return rng.normal(0, rms, round(rate_hz * seconds) // (rate_hz // 50) * (rate_hz // 50)).astype(
        np.int16
    )


@pytest.mark.parametrize("order", ["little", "big"])
def test_samples_go_both_ways_in_the_order_of_the_setting(order):
    pcm = np.array([0, 1, -2, 256, 32767, -32768], np.int16)
    payload = open_encoder("L16", 16000, byte_order=ByteOrder(order)).encode(pcm)
    assert payload == as_sent(pcm, order)
    decoded = open_decoder("L16", 16000, byte_order=ByteOrder(order)).decode(payload)
    assert decoded.dtype == np.int16
    assert np.array_equal(decoded, pcm)


def test_little_endian_is_the_default():
    pcm = np.array([1, 2, 3], np.int16)
    assert open_encoder("L16", 8000).encode(pcm) == b"\1\0\2\0\3\0"
    assert list(open_decoder("L16", 8000).decode(b"\1\0\2\0\3\0")) == [1, 2, 3]


def test_a_split_sample_is_carried_over_to_the_next_payload():
    payload = as_sent(speech(16000)[:960], "little")
    decoder = open_decoder("L16", 16000)
    cuts = (0, 641, 641, 1279, 1280, 1920)
    pieces = [decoder.decode(payload[a:b]) for a, b in pairwise(cuts)]
    assert [len(piece) for piece in pieces] == [320, 0, 319, 1, 320]
    assert np.array_equal(np.concatenate(pieces), speech(16000)[:960])


def test_after_a_loss_a_payload_begins_with_a_whole_sample():
    decoder = open_decoder("L16", 16000)
    decoder.decode(b"\1\0\2")
    assert len(decoder.concealment().lost(320)) == 320
    assert list(decoder.decode(b"\5\0\6\0")) == [5, 6]


# Both readings of an order that nobody told.

SOURCES = {
    "as it was spoken": lambda pcm: pcm,
    "quiet": lambda pcm: normalize(pcm, -45.0),
    "loud and clipped": lambda pcm: np.clip(pcm.astype(float) * 8, -32768, 32767).astype(np.int16),
    "from mu-law": lambda pcm: decode_ulaw(encode_ulaw(pcm)),
    "from A-law": lambda pcm: decode_alaw(encode_alaw(pcm)),
    "after noise": lambda pcm: np.concatenate((noise(16000, 1.0, 18), pcm)),
    "after digital silence": lambda pcm: np.concatenate((np.zeros(8000, np.int16), pcm)),
    "with an offset": lambda pcm: pcm + np.int16(500),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("order", ["little", "big"])
def test_auto_finds_the_order_by_half_a_second_of_speech(source, rate_hz, order):
    for text in SENTENCES:
        pcm = SOURCES[source](speech(rate_hz, text))
        pcm = pcm[: len(pcm) // (rate_hz // 50) * (rate_hz // 50)]
        heard = ByteOrder("auto")
        decoder = open_decoder("L16", rate_hz, byte_order=heard)
        given = np.concatenate(
            [decoder.decode(as_sent(frame, order)) for frame in frames_of(pcm, rate_hz)]
        )
        assert heard.dtype == np.dtype("<i2" if order == "little" else ">i2")
        assert heard.is_settled or text == "Yes."
        assert np.array_equal(given, pcm)  # right from the first sample that can tell


@pytest.mark.parametrize("rms", [1, 18, 300])
def test_noise_tells_the_order_before_the_first_word(rms):
    order = ByteOrder("auto")
    decoder = open_decoder("L16", 16000, byte_order=order)
    for frame in frames_of(noise(16000, 1.0, rms), 16000):
        decoder.decode(as_sent(frame, "big"))
    assert order.is_settled
    assert order.dtype == np.dtype(">i2")


def test_digital_silence_settles_nothing():
    order = ByteOrder("auto")
    decoder = open_decoder("L16", 16000, byte_order=order)
    for value in (0, -1, 257):
        for _ in range(100):
            decoder.decode(np.full(320, value, np.int16).tobytes())
    decoder.decode(b"")
    assert not order.is_settled
    assert order.dtype == np.dtype("<i2")


def test_once_settled_nothing_changes_the_order():
    order = ByteOrder("auto")
    decoder = open_decoder("L16", 16000, byte_order=order)
    for frame in frames_of(speech(16000), 16000):
        decoder.decode(as_sent(frame, "big"))
    assert order.is_settled
    for frame in frames_of(speech(16000), 16000):
        decoder.decode(as_sent(frame, "little"))
    assert order.dtype == np.dtype(">i2")


def test_what_we_send_follows_the_order_that_was_heard():
    order = ByteOrder("auto")
    encoder = open_encoder("L16", 16000, byte_order=order)
    decoder = open_decoder("L16", 16000, byte_order=order)
    assert encoder.encode(np.array([1], np.int16)) == b"\1\0"
    for frame in frames_of(speech(16000), 16000):
        decoder.decode(as_sent(frame, "big"))
    assert encoder.encode(np.array([1], np.int16)) == b"\0\1"
