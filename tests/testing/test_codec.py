import numpy as np
import pytest

from tests.speech import band_db, frames_of, snr_db, speech
from voiced.audio.codec import open_decoder, open_encoder
from voiced.audio.l16 import ByteOrder
from voiced.testing.codec import LineDecoder, LineEncoder, find_format, opus_packet_s

FORMATS = [
    ("PCMU", 8000),
    ("PCMA", 8000),
    ("G722", 8000),
    ("L16", 8000),
    ("L16", 16000),
    ("L16", 22050),
    ("L16", 48000),
    ("OPUS", 8000),
    ("OPUS", 16000),
]


def test_a_format_has_a_usual_rate_and_no_foreign_one():
    l16 = find_format("L16")
    assert l16 is not None
    assert (l16.sample_rate, l16.rate_hz) == (16000, 16000)
    g722 = find_format("G722")
    assert g722 is not None
    assert (g722.sample_rate, g722.rate_hz) == (8000, 16000)
    for encoding, rate in (("PCMU", 16000), ("G722", 16000), ("AMR-WB", None), ("pcmu", None)):
        assert find_format(encoding, rate) is None


@pytest.mark.parametrize(("encoding", "rate"), FORMATS)
@pytest.mark.parametrize("order", ["little", "big"])
def test_both_sides_of_the_wire_understand_each_other(encoding, rate, order):
    line_format = find_format(encoding, rate, order)
    assert line_format is not None
    said = speech(8000)
    to_daemon = LineEncoder(line_format)
    decoder = open_decoder(encoding, rate, byte_order=ByteOrder(order))
    heard = [decoder.decode(to_daemon.encode(frame)) for frame in frames_of(said, 8000)]
    assert {len(pcm) for pcm in heard} == {line_format.rate_hz // 50}

    encoder = open_encoder(encoding, rate, byte_order=ByteOrder(order))
    from_daemon = LineDecoder(line_format)
    back = [from_daemon.decode(encoder.encode(pcm)) for pcm in heard]
    assert {len(pcm) for pcm in back} == {160}
    assert snr_db(said, np.concatenate(back), finer=4) > 6
    assert band_db(np.concatenate(back), 8000, 300, 3400) == pytest.approx(
        band_db(said, 8000, 300, 3400), abs=1.0
    )


@pytest.mark.parametrize(
    ("encoding", "payload", "reason"),
    [
        ("L16", b"\0" * 639, "639 bytes ends inside a sample"),
        ("OPUS", b"\xff\xff\xff", "3 bytes is no Opus packet"),
        ("OPUS", b"", "empty"),
    ],
)
def test_what_is_no_whole_payload_is_refused(encoding, payload, reason):
    line_format = find_format(encoding)
    assert line_format is not None
    with pytest.raises(ValueError, match=reason):
        LineDecoder(line_format).decode(payload)


@pytest.mark.parametrize(
    ("packet", "duration_ms"),
    [
        (bytes([0 << 3]), 10),  # SILK
        (bytes([9 << 3]), 20),
        (bytes([11 << 3]), 60),
        (bytes([13 << 3]), 20),  # both
        (bytes([16 << 3]), 2.5),  # CELT
        (bytes([31 << 3]), 20),
        (bytes([31 << 3 | 1]), 40),
        (bytes([31 << 3 | 2]), 40),
        (bytes([31 << 3 | 3, 3]), 60),
        (bytes([31 << 3 | 3]), 0),
    ],
)
def test_a_packets_first_bytes_tell_its_duration(packet, duration_ms):
    assert opus_packet_s(packet) == pytest.approx(duration_ms / 1000)
