import numpy as np
import pytest

from tests.speech import frames_of, speech
from voiced.audio.codec import open_decoder, open_encoder
from voiced.audio.level import rms_dbfs
from voiced.errors import RemoteProtocolError
from voiced.testing.codec import opus_packet_s


def packets(rate_hz=16000):
    encoder = open_encoder("OPUS", rate_hz)
    return [encoder.encode(frame) for frame in frames_of(speech(rate_hz), rate_hz)]


def test_a_packet_holds_one_frame_and_no_more_may_share_it():
    encoder = open_encoder("OPUS", 16000)
    assert encoder.max_frames == 1
    assert {opus_packet_s(packet) for packet in packets()} == {0.02}
    assert np.mean([len(packet) for packet in packets()]) == pytest.approx(160, abs=5)


def test_a_lost_packet_is_concealed_by_the_codec_which_goes_on_from_there():
    sent = packets()
    whole, holed = open_decoder("OPUS", 16000), open_decoder("OPUS", 16000)
    concealment = holed.concealment()
    expected, given = [], []
    levels = [rms_dbfs(frame) for frame in frames_of(speech(16000), 16000)]
    voiced = levels.index(max(levels))
    for n, packet in enumerate(sent):
        expected.append(whole.decode(packet))
        if n == voiced:
            given.append(concealment.lost(320))
        else:
            given.append(concealment.good(holed.decode(packet)))
    made_up = given[voiced]
    assert len(made_up) == 320
    assert rms_dbfs(made_up) == pytest.approx(rms_dbfs(given[voiced - 1]), abs=10)
    later = slice(voiced + 5, None)
    error = np.concatenate(given[later]).astype(float) - np.concatenate(expected[later])
    assert np.sqrt(np.mean(error**2)) < 0.25 * np.std(np.concatenate(expected[later]))


def test_a_long_loss_fades_to_silence():
    decoder = open_decoder("OPUS", 16000)
    concealment = decoder.concealment()
    for packet in packets()[:40]:
        decoder.decode(packet)
    made_up = [concealment.lost(320) for _ in range(25)]
    assert rms_dbfs(made_up[-1]) < -60


def test_packets_of_other_durations_and_two_channels_come_out_whole():
    import opuslib_next

    encoder = opuslib_next.Encoder(48000, 2, opuslib_next.APPLICATION_AUDIO)
    decoder = open_decoder("OPUS", 16000)
    for ms in (10, 20, 40, 60):
        stereo = np.zeros((48 * ms, 2), np.int16)
        assert len(decoder.decode(encoder.encode(stereo.tobytes(), 48 * ms))) == 16 * ms


def test_an_empty_payload_is_a_pause_as_long_as_the_packet_before():
    decoder = open_decoder("OPUS", 8000)
    assert len(decoder.decode(b"")) == 160
    decoder.decode(packets(8000)[0])
    assert len(decoder.decode(b"")) == 160


def test_what_is_no_packet_is_the_senders_fault_and_the_stream_may_go_on():
    decoder = open_decoder("OPUS", 16000)
    with pytest.raises(RemoteProtocolError, match="3 bytes is no Opus packet"):
        decoder.decode(b"\xff\xff\xff")
    assert len(decoder.decode(packets()[0])) == 320
