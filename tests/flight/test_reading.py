"""Files that are no recordings, or no whole ones."""

import gzip
import json

import pytest

from voiced.flight.reading import RecordingUnusable, read_flight

HEADER = {"t": 0, "e": "header", "format": "voiced wire", "version": 1, "voiced": "0.1.0"}
OPEN = {"t": 0.5, "e": "open"}
END = {"t": 1.0, "e": "end", "record": {"state": "ended"}}


def lines(*documents):
    return "".join(json.dumps(document) + "\n" for document in documents).encode()


@pytest.fixture
def write(tmp_path):
    def write(data):
        path = tmp_path / "wire.jsonl"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_recording_is_read_plain_or_compressed(write, pack):
    recording = read_flight(write(pack(lines(HEADER, OPEN, END))))
    assert recording.record == {"state": "ended"}
    assert [entry.kind for entry in recording.entries] == ["open"]
    assert recording.length_s == pytest.approx(0.5)


def test_what_a_crash_has_cut_off_is_left_out(write):
    recording = read_flight(write(lines(HEADER, OPEN) + b'{"t":0.7,"e":"op'))
    assert recording.record is None
    assert [entry.kind for entry in recording.entries] == ["open"]


@pytest.mark.parametrize("n_bytes", [1, 2])
def test_a_crash_may_cut_through_a_character(write, n_bytes):
    said = {"t": 0.7, "e": "say", "text": "caf\u00e9"}
    line = json.dumps(said, ensure_ascii=False).encode()
    end = line.index("\u00e9".encode()) + n_bytes
    recording = read_flight(write(lines(HEADER, OPEN) + line[:end]))
    assert [entry.kind for entry in recording.entries] == ["open"]


def test_what_a_power_failure_leaves_of_a_block_is_left_out(write):
    recording = read_flight(write(lines(HEADER, OPEN) + bytes(4096)))
    assert [entry.kind for entry in recording.entries] == ["open"]


def test_of_a_file_that_was_cut_off_while_it_was_compressed_the_rest_is_read(write):
    packed = gzip.compress(lines(HEADER, *[OPEN] * 20_000, END))
    recording = read_flight(write(packed[: len(packed) - 10]))
    assert recording.record is None or recording.entries
    assert len(recording.entries) > 10_000


def test_moments_keep_the_order_of_the_file(write):
    recording = read_flight(write(lines(HEADER, OPEN, OPEN, END)))
    first, second = recording.entries
    assert first.at_s < second.at_s


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is not a flight recording"),
        (b"# a file of mine\n", "is not a flight recording"),
        (b"\xff\xfe\x00", "is not a flight recording"),
        (lines({"t": 0, "e": "header", "format": "other"}), "is not a flight recording"),
        (lines({**HEADER, "version": 2}), "is of format version 2, this voiced reads 1"),
        (lines(HEADER) + b"damaged\n" + lines(END), "line 2 is damaged"),
        (lines(HEADER, {"t": 1, "e": "end"}), "its last line holds no record"),
        (gzip.compress(lines(HEADER, END), mtime=0)[:-8] + b"wrong CRC", "is a damaged gzip file"),
        (b"\x1f\x8b", "is not a flight recording"),
    ],
)
def test_what_is_none_is_refused_in_one_sentence(write, data, reason):
    with pytest.raises(RecordingUnusable, match=reason):
        read_flight(write(data))


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(RecordingUnusable, match="No such file"):
        read_flight(tmp_path / "none.jsonl")
