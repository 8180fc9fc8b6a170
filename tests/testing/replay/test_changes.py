"""A replay tells when the daemon does something else than it did."""

import json
from pathlib import Path

import numpy as np
import pytest

from voiced.__main__ import main
from voiced.audio.wav import read_wav
from voiced.config import parse_config
from voiced.flight.entries import Entry
from voiced.flight.reading import FlightRecording, read_flight
from voiced.testing.replay import replay
from voiced.testing.replay.expected import expected_file

RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.fixture
def copy(tmp_path):
    """Copy a golden recording, to be changed."""

    def copy(name):
        path = tmp_path / f"{name}.jsonl.gz"
        path.write_bytes((RECORDINGS / path.name).read_bytes())
        return path

    return copy


def changed(recording, header=None, entry=lambda entry: entry):
    """Return a recording with something changed in it."""
    return FlightRecording(
        name=recording.name,
        header=header or recording.header,
        entries=tuple(new for old in recording.entries if (new := entry(old)) is not None),
        record=recording.record,
    )


def with_config(recording, table, **keys):
    config = dict(recording.header["config"])
    config[table] = {**config[table], **keys}
    return changed(recording, header={**recording.header, "config": config})


def test_a_daemon_that_is_not_interrupted_any_more_is_found_out(copy):
    recording = read_flight(copy("barge_in"))
    differences = replay(with_config(recording, "call", barge_in=False)).differences()
    assert "conversation:" in differences
    assert any(line.startswith("- ") and "barge-in" in line for line in differences)
    assert any(line.startswith("- ") and "clear" in line for line in differences)
    assert all(line[2:3].isdigit() for line in differences if line[0] in "+-")


def test_another_apology_is_another_command(copy):
    recording = read_flight(copy("synthesizer_fails"))
    differences = replay(with_config(recording, "call", apology="Pardon.")).differences()
    assert [line[0] for line in differences if "speak" in line] == ["-", "+"]
    assert any('payload="Pardon."' in line for line in differences)


def test_a_patience_that_is_shorter_ends_the_call_earlier(copy):
    recording = read_flight(copy("silence"))
    replayed = replay(with_config(recording, "call", silence_timeout_s=2.0))
    assert replayed.differences() == []  # the same things, in the same order
    assert recording.record is not None
    assert replayed.record["duration_s"] < recording.record["duration_s"] - 1


def test_a_turn_that_the_agent_was_never_asked_ends_the_call_as_its_failure(copy):
    recording = read_flight(copy("barge_in"))

    def misheard(entry):
        if entry.kind == "speech" and entry.data.get("text") == "opening hours":
            return Entry(at_s=entry.at_s, kind="speech", data={**entry.data, "text": "hours"})
        return entry

    replayed = replay(changed(recording, entry=misheard))
    assert replayed.record["end"]["reason"] == "agent_failed"
    assert replayed.record["hangup_confirmed"] is True


def test_a_caller_who_never_hangs_up_is_prompted(copy):
    recording = read_flight(copy("caller_hangs_up"))

    def patient(entry):
        gone = entry.kind == "webhook" and "call.hangup" in entry.data["body"]
        stopped = entry.kind == "rx" and '"stop"' in entry.data["m"]
        is_end = gone or stopped or entry.kind in {"close", "recognized"}
        return None if is_end else entry

    replayed = replay(changed(recording, entry=patient))
    assert replayed.differences()
    assert replayed.record["end"]["reason"] == "agent_failed"  # it was never asked to prompt
    assert replayed.record["hangup_confirmed"] is True


def test_the_real_providers_can_take_the_place_of_the_recorded(copy):
    recording = read_flight(copy("spoken"))
    live = parse_config({"synthesizer": {"provider": "flite", "voice": "kal16"}}, {})
    assert replay(recording, live=live).record["end"]["reason"] == "agent_hung_up"


# -- the command ----------------------------------------------------------------------------------


def test_the_command_says_that_a_call_is_as_expected(copy, capsys):
    path = copy("caller_hangs_up")
    assert main(["replay", str(path), "--times", "2"]) == 0
    assert f"{path}: as expected, 2 times alike (0:01.7" in capsys.readouterr().out


def test_the_command_shows_what_has_changed_and_can_be_told_to_expect_it(copy, capsys):
    path = copy("caller_hangs_up")
    recording = read_flight(path)
    document = replay(recording).outcome.document()
    document["end"] = [[1.7, "agent_hung_up"]]
    expected_file(path).write_text(json.dumps(document))
    assert main(["replay", str(path)]) == 1
    out = capsys.readouterr().out
    assert "- 0:01.700  agent_hung_up\n" in out
    assert "caller_hung_up\n" in out
    assert main(["replay", "--update", str(path)]) == 0
    assert not expected_file(path).exists()  # it is again what it was when it was recorded
    assert main(["replay", str(path)]) == 0


def test_several_recordings_are_all_tried(copy, tmp_path, capsys):
    good, bad = copy("caller_hangs_up"), tmp_path / "bad.jsonl"
    bad.write_text("nothing\n")
    assert main(["replay", str(bad), str(good)]) == 1
    assert "2 recordings: 1 as expected, 1 not" in capsys.readouterr().out


def test_the_audio_is_what_both_sides_heard(copy, tmp_path):
    path, wav = copy("echo"), tmp_path / "heard.wav"
    assert main(["replay", str(path), "--audio", str(wav)]) == 0
    data = wav.read_bytes()
    samples = np.frombuffer(data[44:], "<i2").reshape(-1, 2)
    assert len(samples) == pytest.approx(2.534 * 8000, abs=200)
    loud = np.abs(samples.astype(int)) > 1000
    caller, agent = (np.flatnonzero(side)[0] for side in loud.T)
    assert 0 < agent - caller < 0.05 * 8000  # the echo of the tone
    assert read_wav(data)[1] == 8000


def test_a_call_can_be_named_by_its_directory(copy, tmp_path):
    path = copy("caller_hangs_up")
    path.rename(tmp_path / "wire.jsonl.gz")
    assert main(["replay", str(tmp_path)]) == 0


def test_a_recording_that_was_broken_off_tells_what_came_of_it(copy, tmp_path, capsys):
    lines = read_lines(copy("silence"))
    path = tmp_path / "cut.jsonl"
    path.write_text("".join(lines[:200]) + lines[200][:20])
    assert main(["replay", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"{path}: was broken off (0:0" in out
    assert "answer" in out
    assert "media_stalled" not in out, "what it went on with tells nothing of the call"


def read_lines(path):
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.readlines()


def test_the_audio_of_several_calls_is_refused(copy):
    path = str(copy("echo"))
    assert main(["replay", path, path, "--audio", "x.wav"]) == 2


def test_what_several_replays_come_to_cannot_be_kept(copy, capsys):
    assert main(["replay", str(copy("echo")), "--update", "--times", "3"]) == 2
    assert "--times = 3: goes not with --update" in capsys.readouterr().err


def test_redacting_writes_beside_the_recording(copy, capsys):
    path = copy("caller_hangs_up")
    assert main(["redact", str(path)]) == 0
    target = path.with_name("caller_hangs_up.redacted.jsonl.gz")
    assert f"written: {target}" in capsys.readouterr().out
    assert target.stat().st_mode & 0o777 == 0o600
    assert main(["replay", str(target)]) == 0
