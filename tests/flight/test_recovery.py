"""What was said in a call that a crash has cut off."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from voiced.flight.reading import read_flight
from voiced.flight.recovery import recovered, turns_of

RECORDINGS = Path(__file__).parents[1] / "recordings"
DIED = {"state": "ended", "end": {"reason": "daemon_died", "evidence": "x"}, "turns": []}
KEYS = ("who", "text", "heard", "heard_text")


def told(turns):
    return [tuple(turn.get(key) for key in KEYS) for turn in turns]


@pytest.mark.parametrize(
    "name", ["barge_in", "keys", "silence", "spoken", "wideband", "lossy_line"]
)
def test_what_was_said_and_heard_is_what_the_record_would_have_told(name):
    flight = read_flight(RECORDINGS / f"{name}.jsonl.gz")
    assert flight.record is not None
    turns = turns_of(flight.entries)
    assert told(turns) == told(flight.record["turns"])
    for turn, known in zip(turns, flight.record["turns"], strict=True):
        assert turn["at_s"] == pytest.approx(known["at_s"], abs=1.5)


def test_of_the_last_sentence_before_the_crash_it_is_not_known_what_was_heard():
    entries = read_flight(RECORDINGS / "barge_in.jsonl.gz").entries
    turns = turns_of(entry for entry in entries if entry.at_s < 5.0)
    assert told(turns)[-2:] == [
        ("agent", "You said opening hours.", "unknown", ""),
        ("agent", "What else can I do for you?", "unknown", ""),
    ]


def test_a_record_with_turns_is_left_as_it_is_and_so_is_one_of_a_call_that_lives(tmp_path):
    shutil.copy(RECORDINGS / "barge_in.jsonl.gz", tmp_path / "wire.jsonl.gz")
    for record in ({**DIED, "turns": [1]}, {**DIED, "end": {"reason": "silence"}}):
        assert recovered(tmp_path, record) is record
    live: dict[str, Any] = {"state": "live", "end": None, "turns": [], "leg": "streaming"}
    assert recovered(tmp_path, live) is live
    assert len(recovered(tmp_path, DIED)["turns"]) == 7
    json.dumps(recovered(tmp_path, DIED))


def test_where_nothing_can_be_read_nothing_is_added(tmp_path):
    assert recovered(tmp_path, DIED) is DIED
    (tmp_path / "wire.jsonl").write_text("nonsense")
    assert recovered(tmp_path, DIED) is DIED
