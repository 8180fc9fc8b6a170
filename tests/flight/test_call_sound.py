"""The audio that a call has left on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from voiced.audio.wav import write_wav
from voiced.flight.call_sound import read_sound
from voiced.flight.reading import stream_flight

RECORDINGS = Path(__file__).parents[1] / "recordings"


def write_audio(directory, seconds=3.0, channels=2):
    audio = np.zeros((round(seconds * 8000), channels), np.int16)
    audio[8000:9000, 0] = 12000  # the caller, a second after the answer
    audio[16000:17000, -1] = -15000
    with (directory / "audio.wav").open("wb") as file:
        write_wav(file, audio, 8000)


def test_audio_wav_begins_when_the_call_is_answered(tmp_path):
    write_audio(tmp_path)
    sound = read_sound(tmp_path, {"answered_after_s": 0.5})
    assert sound is not None
    assert (sound.caller.starts_at_s, sound.caller.ends_at_s) == (0.5, 3.5)
    assert int(np.argmax(sound.caller.highs)) / sound.caller.per_s == 1.0
    assert int(np.argmin(sound.agent.lows)) / sound.agent.per_s == 2.0
    assert (sound.caller.loudest, sound.agent.loudest) == (12000, 15000)


@pytest.mark.parametrize("name", ["barge_in", "wideband", "texml", "reconnect"])
def test_without_it_the_flight_recording_tells_what_both_heard(tmp_path, name):
    shutil.copy(RECORDINGS / f"{name}.jsonl.gz", tmp_path / "wire.jsonl.gz")
    sound = read_sound(tmp_path, {})
    assert sound is not None
    _, entries = stream_flight(tmp_path / "wire.jsonl.gz")
    last_s = max(entry.at_s for entry in entries)
    assert sound.caller.ends_at_s == pytest.approx(last_s, abs=0.02)
    assert sound.agent.loudest > 0


def test_how_far_it_is_is_told(tmp_path):
    write_audio(tmp_path, seconds=25)
    told: list[float] = []
    read_sound(tmp_path, {}, told.append)
    assert told == [10, 20, 25]


def test_a_recording_that_was_cut_off_gives_what_there_is(tmp_path):
    whole = (RECORDINGS / "barge_in.jsonl.gz").read_bytes()
    (tmp_path / "wire.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    sound = read_sound(tmp_path, {})
    assert sound is not None
    assert sound.caller.ends_at_s > 1.0


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all"])
def test_a_damaged_file_counts_as_none(tmp_path, content):
    (tmp_path / "audio.wav").write_bytes(content)
    (tmp_path / "wire.jsonl").write_bytes(content)
    assert read_sound(tmp_path, {}) is None


def test_a_file_that_is_not_ours_counts_as_none(tmp_path):
    write_audio(tmp_path, channels=1)
    assert read_sound(tmp_path, {}) is None


def test_where_nothing_was_kept_there_is_none(tmp_path):
    assert read_sound(tmp_path, {}) is None
