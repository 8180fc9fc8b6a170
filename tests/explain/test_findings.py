"""What went wrong in a call."""

from __future__ import annotations

import pytest

from voiced.explain.findings import findings_of


def sentences(record):
    return [finding.sentence for finding in findings_of(record)]


def test_of_a_good_call_there_is_nothing_to_say():
    assert findings_of({"end": {"reason": "caller_hung_up", "evidence": "x"}}) == []


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (
            {"end": {"reason": "agent_failed", "evidence": "HTTP 500"}},
            "the call failed: the agent failed (HTTP 500)",
        ),
        (
            {"end": {"reason": "caller_hung_up", "evidence": "x"}, "hangup_confirmed": False},
            "the hangup was not confirmed: the leg may have stayed up and billed",
        ),
        (
            {"tools": [{"name": "lookup", "at_s": 1.0, "seconds": 2.0, "ok": False}]},
            "the tool lookup failed, or was cut off, after 2.00 s",
        ),
        ({"teardown_s": 0.4}, "the call's tasks took 0.40 s to end"),
        (
            {"transfers": [{"to": "+1", "at_s": 1.0, "outcome": "busy"}]},
            "the transfer came to nothing: busy",
        ),
        (
            {
                "provider_failures": [
                    {"role": "agent", "provider": "a", "kind": "too_slow", "at_s": 1}
                ]
            },
            "the agent a: too slow",
        ),
        (
            {"provider_switches": [{"role": "agent", "provider": "a", "to": "b", "at_s": 1}]},
            "b stood in as agent for a",
        ),
        (
            {"turns": [{"who": "agent", "at_s": 1, "text": "x", "heard": "all", "latency_s": 3.0}]},
            "the caller waited 3.00 s for an answer",
        ),
        (
            {"barge_ins": [{"voice_at_s": 1.0, "silenced_after_s": 0.5, "false_alarm": False}]},
            "the agent spoke on for 0.50 s over the caller",
        ),
        (
            {"barge_ins": [{"voice_at_s": 1.0, "silenced_after_s": 0.1, "false_alarm": True}]},
            "the agent fell silent once for what was no interruption",
        ),
        (
            {"turns": [{"who": "caller", "at_s": 1, "text": "", "confidence": 0}]},
            "1 of 1 turns of the caller were not understood",
        ),
        (
            {"counters": {"outbound": {"underruns": 2, "gap_s": 0.25}}},
            "the caller heard 2 holes in the agent's voice, 0.25 s in all",
        ),
        (
            {"counters": {"inbound": {"lost": 50, "received": 950}}},
            "5.0% of the caller's audio was lost on the way to us",
        ),
        (
            {"counters": {"stream_restarts": 2}},
            "the connection for audio was lost and made anew 2 times",
        ),
        (
            {"counters": {"stream_errors": {"100005": 3}}},
            "Telnyx could not use 3 of our media messages (error 100005)",
        ),
        (
            {"audio": {"file": "audio.wav", "dropped_s": 1.5}},
            "1.5 s are missing in the recording: the disk was too slow",
        ),
        (
            {"wire": {"error": "the disk is too slow"}},
            "the flight recording was broken off: the disk is too slow",
        ),
    ],
)
def test_what_went_wrong_is_a_sentence(record, sentence):
    assert sentences(record) == [sentence]


def test_what_made_the_call_fail_stands_first():
    record = {
        "end": {"reason": "media_lost", "evidence": "1006"},
        "teardown_s": 0.4,
        "counters": {"stream_restarts": 1},
    }
    assert [finding.weight for finding in findings_of(record)] == ["failed", "bad", "note"]


def test_what_is_usual_is_no_finding():
    record = {
        "teardown_s": 0.01,
        "tools": [{"name": "lookup", "at_s": 1.0, "seconds": 0.2, "ok": True}],
        "transfers": [{"to": "+1", "at_s": 1.0, "outcome": "bridged"}],
        "counters": {"inbound": {"lost": 1, "received": 5000}, "outbound": {"underruns": 0}},
        "barge_ins": [{"voice_at_s": 1.0, "silenced_after_s": 0.1, "false_alarm": False}],
    }
    assert findings_of(record) == []
