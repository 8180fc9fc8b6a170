"""The golden recordings come to what they came to, whatever order Trio runs tasks in."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from voiced.flight.reading import read_flight
from voiced.flight.redaction import redact_file

RECORDINGS = sorted((Path(__file__).parents[2] / "recordings").glob("*.jsonl.gz"))
ENDS = {
    "barge_in": "agent_hung_up",
    "caller_hangs_up": "caller_hung_up",
    "drained": "shutdown",
    "early_hangup": "caller_hung_up",
    "echo": "caller_hung_up",
    "keys": "agent_hung_up",
    "lossy_line": "caller_hung_up",
    "outbound": "agent_hung_up",
    "outbound_busy": "unreached",
    "phone": "agent_hung_up",
    "reconnect": "agent_hung_up",
    "rest_trouble": "agent_hung_up",
    "silence": "silence",
    "spoken": "agent_hung_up",
    "synthesizer_fails": "synthesizer_failed",
    "texml": "agent_hung_up",
    "texml_get": "caller_hung_up",
    "transfer": "transferred",
    "transfer_fails": "agent_hung_up",
    "voicemail": "voicemail_left",
    "wideband": "caller_hung_up",
}


def golden(name):
    (path,) = (path for path in RECORDINGS if path.name == f"{name}.jsonl.gz")
    return path


def name_of(path):
    return path.name.partition(".")[0]


def test_every_recording_is_known():
    assert [name_of(path) for path in RECORDINGS] == sorted(ENDS)


@pytest.mark.slow
@pytest.mark.parametrize("path", RECORDINGS, ids=name_of)
def test_a_golden_call_comes_to_the_same_under_several_seeds(path, replay_call):
    replayed = replay_call(path, seeds=3)
    assert replayed.record["end"]["reason"] == ENDS[name_of(path)]
    assert replayed.record["state"] == "ended"


@pytest.mark.slow
@pytest.mark.parametrize("path", RECORDINGS, ids=name_of)
def test_a_redacted_call_comes_to_the_same(path, replay_call, tmp_path):
    redacted = redact_file(path, tmp_path / "redacted.jsonl.gz")
    replay_call(redacted)
    assert redacted.stat().st_size < path.stat().st_size


def test_a_replay_is_the_same_to_the_last_message_and_moment(replay_call):
    first, second = (replay_call(golden("barge_in")) for _ in range(2))
    assert [(e.at_s, e.kind) for e in first.entries] == [(e.at_s, e.kind) for e in second.entries]
    assert first.outcome == second.outcome


def test_no_number_is_left_in_the_forms_of_a_redacted_call(tmp_path):
    path = golden("texml")
    recording = read_flight(path)
    assert recording.record is not None
    redacted = read_flight(redact_file(path, tmp_path / "redacted.jsonl"))
    forms = [parse_qs(entry.data["body"]) for entry in redacted.of("webhook")]
    assert {form["CallSid"][0] for form in forms} == {recording.record["call_id"]}
    assert forms[0]["From"][0].startswith("+1555")
    text = (tmp_path / "redacted.jsonl").read_text()
    assert recording.record["from"][1:] not in text
    assert recording.record["to"][1:] not in text


def test_a_providers_own_words_are_redacted_wherever_they_stand(tmp_path):
    redact_file(golden("synthesizer_fails"), tmp_path / "redacted.jsonl")
    text = (tmp_path / "redacted.jsonl").read_text()
    assert '"evidence":"xxxx: xx xxxxx xxxxx"' in text
    assert "no voice today" not in text


def test_what_an_agent_did_by_phone_is_done_again(replay_call):
    recording = read_flight(golden("phone"))
    done = [entry.data["method"] for entry in recording.of("phone")]
    assert done == ["press", "play", "gather_using_speak", "play"]
    cancelled = [
        entry.data["act"] for entry in recording.of("phone_done") if "cancelled" in entry.data
    ]
    assert len(cancelled) == 2, "one was given up by the agent, one cut by the caller"
    replayed = replay_call(golden("phone"))
    commands = [line.text.split()[0] for line in replayed.outcome.commands]
    assert commands == [
        *("answer", "send_dtmf", "playback_start", "playback_stop", "gather_using_speak"),
        *("playback_start", "playback_stop", "hangup"),
    ]


def test_no_number_word_or_voice_is_left_in_a_redacted_call(tmp_path):
    path = golden("spoken")
    recording = read_flight(path)
    assert recording.record is not None
    redacted = read_flight(redact_file(path, tmp_path / "redacted.jsonl"))
    text = (tmp_path / "redacted.jsonl").read_text().lower()
    said = {word for turn in recording.record["turns"] for word in turn["text"].lower().split()}
    known = json.dumps(recording.header["config"]["turns"])
    words = {word.strip(".,?") for word in said}
    long_words = {word for word in words if len(word) > 5 and word not in known}
    assert {"morning", "monday", "calling"} <= long_words
    assert [word for word in long_words if re.search(rf"\b{word}\b", text)] == []
    assert recording.record["from"][1:] not in text
    assert recording.record["to"][1:] not in text
    assert "http://voiced/" not in text
    assert {redacted.audio(entry).any() for entry in redacted.of("pcm")} == {False}
    payloads = {
        entry.data["m"].split('"payload":')[-1]
        for entry in redacted.of("rx")
        if '"media"' in entry.data["m"]
    }
    assert len(payloads) == 1
    assert [entry.at_s for entry in redacted.entries] == pytest.approx(
        [entry.at_s for entry in recording.entries], abs=1e-5
    )
