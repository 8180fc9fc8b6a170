"""The story of a call, told from its record."""

from __future__ import annotations

import json
from typing import Any

from voiced.explain.answers import last_words, slowest_part
from voiced.explain.tale import document_of, tell

WAIT = {
    "endpointing_s": 0.45,
    "recognizer_s": 0.1,
    "model_s": 1.8,
    "synthesizer_s": 0.1,
    "pacing_s": 0.0,
    "lead_in_s": 0.05,
}

RECORD: dict[str, Any] = {
    "ref": "5f0c1d2e3a4b5c6d",
    "direction": "incoming",
    "line": "sales",
    "from": "+13125550100",
    "to": "+13125550199",
    "started_at": "2026-11-22T10:00:00.123+00:00",
    "state": "ended",
    "providers": {"recognizer": "deepgram", "agent": "openai", "synthesizer": "flite"},
    "answered_after_s": 0.1,
    "duration_s": 12.0,
    "end": {"reason": "agent_hung_up", "evidence": "the agent said goodbye"},
    "hangup_confirmed": True,
    "turns": [
        {
            "who": "agent",
            "at_s": 0.3,
            "text": "Good day.",
            "heard": "all",
            "heard_text": "Good day.",
        },
        {"who": "caller", "from_s": 2.0, "at_s": 3.0, "text": "are you open", "confidence": 0.87},
        {
            "who": "agent",
            "at_s": 5.5,
            "text": "Yes, from nine to five.",
            "latency_s": 2.5,
            "latency": WAIT,
            "heard": "part",
            "heard_text": "Yes, from",
        },
        {"who": "agent", "at_s": 9.0, "text": "Goodbye.", "heard": "all", "heard_text": "Goodbye."},
    ],
    "barge_ins": [
        {
            "at_s": 6.2,
            "voice_at_s": 6.1,
            "cleared_after_s": 0.11,
            "silenced_after_s": 0.16,
            "false_alarm": False,
        }
    ],
}


def story(record, **how):
    return "\n".join(tell(record, **how))


def test_the_story_says_who_what_was_heard_how_fast_and_why_it_ended():
    told = story(RECORD)
    assert told.startswith(
        "call 5f0c1d2e3a4b5c6d   incoming, 2026-11-22 10:00:00 UTC, 12.0 s, line sales\n"
        "  from +13125550100 to +13125550199\n"
        "  recognizer deepgram, agent openai, synthesizer flite\n"
        "  ended: the agent hung up [agent_hung_up]\n"
        "  evidence: the agent said goodbye\n"
    )
    lines = [line for line in told.splitlines() if " s  " in line]
    assert lines[:6] == [
        "    0.0 s          rings",
        "    0.1 s          answered",
        "    0.3 s  agent   Good day.",
        "    2.0 s  caller  are you open  (87% sure)",
        "    5.5 s  agent   Yes, from [not heard: nine to five.]  (after 2.50 s: endpointing 0.45,"
        " recognizer 0.10, model 1.80, synthesizer 0.10, lead-in 0.05)",
        "    6.1 s          the caller interrupts: cleared after 0.11 s, silent after 0.16 s",
    ]
    assert lines[7] == "   12.0 s          the agent hung up"


def test_it_answers_whether_the_goodbye_was_heard_and_who_was_slow():
    told = story(RECORD)
    assert 'last words: "Goodbye.": heard to its end by the caller' in told
    assert "slowest: model (openai), 72% of all waiting, 1.80 s" in told
    assert "the caller waited 2.50 s for an answer, 1.80 s of it for model (openai)" in told


def test_the_percentiles_of_each_part_stand_below():
    rows = [line.split() for line in story(RECORD).splitlines()]
    assert ["waits,", "s", "p50", "p95", "p99", "longest"] in rows
    assert ["model", "1.80", "1.80", "1.80", "1.80"] in rows
    assert not any(row[:1] == ["pacing"] for row in rows)


def test_the_slowest_provider_is_named_where_our_own_rules_took_longest():
    own = {**WAIT, "endpointing_s": 2.4}
    turns = [{**RECORD["turns"][2], "latency": own}]
    assert (
        "slowest: endpointing, 54% of all waiting, 2.40 s;"
        " of the providers: model (openai), 40% of all waiting, 1.80 s"
    ) in story({**RECORD, "turns": turns})


def test_of_a_call_that_the_daemon_knows_nobody_doubts_that_it_lives():
    told = story({**RECORD, "state": "live", "end": None, "leg": "streaming"})
    assert "\n  live\n" in told


def test_a_good_call_is_said_to_be_one():
    assert story({**RECORD, "turns": []}).endswith("nothing went wrong")


def test_for_programs_there_is_the_record_and_what_follows_from_it():
    document = json.loads(json.dumps(document_of(RECORD)))
    assert document["record"] == RECORD
    assert document["last_words"] == {"text": "Goodbye.", "heard": "all", "heard_text": "Goodbye."}
    assert document["slowest"]["provider"] == document["slowest_provider"]["provider"] == "openai"
    assert document["waits"]["model"] == {"n": 1, "p50": 1.8, "p95": 1.8, "p99": 1.8, "most": 1.8}
    assert [finding["weight"] for finding in document["findings"]] == ["bad"]


def test_nothing_that_somebody_said_can_move_the_terminals_cursor():
    evil = {"who": "caller", "at_s": 1.0, "text": "a\x1b[2Jb\r\nc\x9b1m", "confidence": 1.0}
    told = story({**RECORD, "turns": [evil], "from": "sip:\x1b]0;x\x07@y"})
    assert all(c.isprintable() or c == "\n" for c in told)


def test_unheard_words_are_dimmed_on_a_terminal_that_has_colours():
    assert "\x1b[2m[not heard: nine to five.]\x1b[0m" in story(RECORD, colours=True)


def test_what_a_pause_withheld_is_not_told():
    turn = {"who": "agent", "at_s": 1.0, "text": "", "withheld": True, "heard": "unknown"}
    assert "(not recorded)" in story({**RECORD, "turns": [turn]})


def test_a_record_with_nothing_in_it_is_told_all_the_same():
    assert "live, or left by a daemon that has died" in story({})
    assert story({}).endswith("nothing has gone wrong so far")
    assert last_words({}) is slowest_part({}) is None
    assert document_of({})["waits"] == {}
