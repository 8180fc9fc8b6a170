import numpy as np
import pytest

from voiced.audio.codec import open_decoder, open_encoder
from voiced.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from voiced.errors import UnsupportedCodec, VoicedError

CODECS = [
    ("PCMU", decode_ulaw, encode_ulaw),
    ("pcmu", decode_ulaw, encode_ulaw),
    ("PCMA", decode_alaw, encode_alaw),
    ("Pcma", decode_alaw, encode_alaw),
]


@pytest.mark.parametrize(("encoding", "decode", "encode"), CODECS)
def test_an_encoding_is_found_by_its_name_in_any_case(encoding, decode, encode):
    payload = bytes(range(256))
    pcm = np.arange(-32768, 32768, 17).astype(np.int16)
    assert np.array_equal(open_decoder(encoding, 8000).decode(payload), decode(payload))
    assert open_encoder(encoding, 8000).encode(pcm) == encode(pcm)


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_silence_is_one_frame_of_what_the_encoder_makes_of_it(encoding):
    encoder = open_encoder(encoding, 8000)
    assert encoder.silence == encoder.encode(np.zeros(encoder.rate_hz // 50, np.int16))
    assert len(encoder.silence) == 160


def test_every_stream_gets_a_codec_of_its_own():
    assert open_decoder("PCMU", 8000) is not open_decoder("PCMU", 8000)
    assert open_encoder("PCMA", 8000) is not open_encoder("PCMA", 8000)


@pytest.mark.parametrize("opener", [open_decoder, open_encoder])
@pytest.mark.parametrize(("encoding", "rate"), [("PCMU", 16000), ("AMR-WB", 16000), ("", 8000)])
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
