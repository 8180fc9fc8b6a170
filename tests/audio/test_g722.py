"""Against another implementation, FFmpeg's: the digests are of what its libavcodec 62.28 gives."""

import hashlib

import numpy as np

from voiced.audio.codec import open_decoder, open_encoder

PAYLOAD = "a3c986367b7c04ff57bc4f830e88b7486c812250486c811525854edc3d085cff"
PCM = "15e52ec4f2e060e9b3d33232d46b37c7dea182b8a3f301e86434163676ca9710"


def sweep():
    """Two seconds that go through all frequencies at a third of full scale, and some noise."""
    n = np.arange(32000, dtype=np.int64)
    tone = ((n * n * 3) % 65536 - 32768) // 3
    noise = (n * 1103515245 + 12345) // 65536 % 2048 - 1024
    return (tone + noise).astype(np.int16)


def test_every_bit_is_that_of_ffmpeg_both_ways():
    encoder, decoder = open_encoder("G722", 8000), open_decoder("G722", 8000)
    payloads = [encoder.encode(frame) for frame in sweep().reshape(-1, 320)]
    assert {len(payload) for payload in payloads} == {160}
    assert hashlib.sha256(b"".join(payloads)).hexdigest() == PAYLOAD
    pcm = np.concatenate([decoder.decode(payload) for payload in payloads])
    assert hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest() == PCM


def test_nothing_is_nothing():
    assert len(open_decoder("G722", 8000).decode(b"")) == 0


def test_a_loss_leads_astray_for_a_moment_only():
    whole, holed = open_decoder("G722", 8000), open_decoder("G722", 8000)
    encoder = open_encoder("G722", 8000)
    payloads = [encoder.encode(frame) for frame in sweep().reshape(-1, 320)]
    expected = [whole.decode(payload) for payload in payloads]
    given = [holed.decode(payload) for n, payload in enumerate(payloads) if n != 30]
    error = np.concatenate(given[32:]).astype(float) - np.concatenate(expected[33:])
    assert np.sqrt(np.mean(error**2)) < 300  # 40 ms later, at a level of 6000
