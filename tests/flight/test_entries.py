"""The lines of a recording: what is read is what was written, byte for byte."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from voiced.flight.entries import LineWriter, entry_line, pack_pcm, parse_line, unpack_pcm


@given(hnp.arrays(np.int16, st.integers(0, 400)))
def test_audio_comes_back_to_the_last_bit(pcm):
    again = unpack_pcm(pack_pcm(pcm))
    assert again.dtype == np.int16
    assert np.array_equal(again, pcm)


def test_speech_takes_less_than_its_samples():
    pcm = (8000 * np.sin(np.arange(16_000) / 30)).astype(np.int16)
    assert len(pack_pcm(pcm)) < pcm.nbytes * 0.75


@pytest.mark.parametrize("text", ["!", "AAAA", ""])
def test_audio_that_is_none_is_a_value_error(text):
    with pytest.raises(ValueError, match=r".+"):
        unpack_pcm(text)


@given(st.text())
def test_a_message_is_kept_as_it_was(text):
    line = LineWriter(100.0).line((101.5, "rx", text))
    assert line.count("\n") == 1
    entry = parse_line(line)
    assert (entry.at_s, entry.kind, entry.data) == (1.5, "rx", {"m": text})
    assert parse_line(entry_line(entry)) == entry


def test_an_entry_may_have_no_keys_of_its_own():
    entry = parse_line(LineWriter(0.0).line((0.25, "open", {})))
    assert (entry.at_s, entry.kind, entry.data) == (0.25, "open", {})


def test_a_phrase_that_is_said_again_is_not_written_again():
    writer = LineWriter(0.0)
    pcm = np.arange(100, dtype=np.int16)
    first = json.loads(writer.line((0.0, "pcm", {"n": 1, "audio": pcm})))
    again = json.loads(writer.line((1.0, "pcm", {"n": 2, "audio": pcm.copy()})))
    assert first["audio"] == again["audio"]
    assert np.array_equal(unpack_pcm(first["pcm"]), pcm)
    assert "pcm" not in again


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"t":1}', '{"t":"1","e":"rx"}', "{"])
def test_what_is_no_line_is_a_value_error(line):
    with pytest.raises(ValueError, match=r".+"):
        parse_line(line)
