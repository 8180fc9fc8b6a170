"""What is read of a call's files, as the process of its own does it."""

import json
import shutil
import wave
from pathlib import Path

import pytest

from voiced.dashboard import worker
from voiced.flight.reading import read_flight

RECORDING = Path(__file__).parents[1] / "recordings" / "echo.jsonl.gz"


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setattr("os.nice", lambda _: None)
    shutil.copy(RECORDING, tmp_path / "wire.jsonl.gz")
    (tmp_path / "call.json").write_text(json.dumps(read_flight(RECORDING).record))
    return tmp_path


def test_a_picture_goes_to_stdout(directory, capsys):
    assert worker.main(["draw", str(directory)]) == 0
    assert capsys.readouterr().out.startswith("<svg")


def test_sound_goes_to_a_file_for_its_owner_only(directory, tmp_path):
    target = tmp_path / "sound.wav"
    assert worker.main(["sound", str(directory), str(target)]) == 0
    with wave.open(str(target)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        assert file.getnframes() > 8000
    assert target.stat().st_mode & 0o777 == 0o600


def test_wire_events_go_to_stdout(directory, capsys):
    assert worker.main(["wire", str(directory), "0", "none"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert page["events"][0]["gist"] == "call.initiated"


def test_the_recording_of_a_call_that_lives_is_read_as_far_as_it_goes(directory, capsys):
    import gzip

    text = gzip.decompress((directory / "wire.jsonl.gz").read_bytes())
    (directory / "wire.jsonl.gz").unlink()
    (directory / "wire.jsonl").write_bytes(text[: len(text) // 2])
    assert worker.main(["wire", str(directory), "0", "media"]) == 0
    assert json.loads(capsys.readouterr().out)["has_more"]


@pytest.mark.parametrize(
    "arguments", [["draw"], ["wire", "0", "none"], ["sound", "x.wav"], ["nonsense"]]
)
def test_what_cannot_be_done_is_told_in_a_line(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.setattr("os.nice", lambda _: None)
    verb, *more = arguments
    assert worker.main([verb, str(tmp_path / "nowhere"), *more]) == 1
    assert capsys.readouterr().err.count("\n") == 1
