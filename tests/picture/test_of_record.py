"""What a record's drawing shows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from voiced.picture import drawing_of
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallEnded,
    CallerSaid,
    CallerSpeaking,
    CallRinging,
    Cleared,
    FalseAlarm,
    RecordingPaused,
    RecordingResumed,
    Silenced,
    TransferBegan,
    TransferEnded,
)
from voiced.record.latency import PARTS, Latency
from voiced.record.record import RecordBuilder

LATENCY = Latency(
    endpointing_s=0.45,
    recognizer_s=0.1,
    model_s=0.05,
    synthesizer_s=0.1,
    pacing_s=0.0,
    lead_in_s=0.05,
)
ANSWER = AgentSpeaking(text="Yes, from nine to five.", at=104.0, latency_s=0.75, latency=LATENCY)


def record_of(*events):
    record = RecordBuilder(
        line="",
        ref="r1",
        direction="incoming",
        call_id="v3:one",
        ids={},
        started=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
    )
    record.note(CallRinging(caller="+13125550100", called="+13125550199", at=100.0))
    for event in events:
        record.note(event)
    return record.document()


def test_a_wait_lies_between_the_callers_last_voice_and_the_first_sound_of_the_answer():
    (wait,) = drawing_of(record_of(ANSWER)).waits
    assert wait.end_s == pytest.approx(4.05)
    assert wait.seconds == pytest.approx(0.75)
    assert [part for part, _ in wait.parts] == list(PARTS)
    assert sum(seconds for _, seconds in wait.parts) == pytest.approx(0.75)


def test_the_caller_spoke_from_the_first_voice_until_the_wait_began():
    record = record_of(
        CallerSpeaking(at=101.5, voice_at=101.4),
        CallerSpeaking(at=102.5, voice_at=102.4),
        CallerSaid(text="are you open", confidence=0.9, at=103.8),
        ANSWER,
    )
    (caller,) = drawing_of(record).of("caller")
    assert (caller.start_s, caller.text) == (1.4, "are you open")
    assert caller.end_s == pytest.approx(3.3)


def test_what_was_heard_of_the_agent_is_told_by_passage():
    record = record_of(
        ANSWER,
        AgentHeard(text=ANSWER.text, heard="part", heard_text="Yes, from", at=104.9),
        AgentSpeaking(text="Goodbye.", at=106.0, latency_s=None),
    )
    cut, open_ = drawing_of(record).of("agent")
    assert (cut.heard, cut.heard_text, cut.end_s) == ("part", "Yes, from", 4.9)
    assert cut.unheard_s == pytest.approx(14 / 14.0)
    assert open_.heard == "unknown"


def test_what_happened_is_flagged():
    record = record_of(
        CallAnswered(at=100.1),
        BargeIn(at=102.0, voice_at=101.9),
        Cleared(at=102.01),
        Silenced(at=102.06),
        BargeIn(at=103.0),
        FalseAlarm(at=104.0),
        TransferBegan(to="+13125550123", at=105.0),
        TransferEnded(outcome="busy", at=106.0),
        CallEnded(reason="caller_hung_up", evidence="x", at=107.0),
    )
    flags = [(m.kind, m.label, round(m.at_s, 2)) for m in drawing_of(record).markers]
    assert flags == [
        ("answer", "answered", 0.1),
        ("barge-in", "barge-in", 1.9),
        ("clear", "clear", 2.01),
        ("silence", "silent", 2.06),
        ("false-alarm", "false alarm", 3.0),
        ("transfer", "transfer", 5.0),
        ("transfer", "busy", 6.0),
        ("hangup", "the caller hung up", 7.0),
    ]


def test_trouble_with_providers_is_flagged():
    failed = {"at_s": 2.0, "role": "agent", "provider": "one", "kind": "too_slow"}
    switched = {"at_s": 2.1, "role": "agent", "provider": "one", "to": "two"}
    record = {
        **record_of(),
        "provider_failures": [failed],
        "provider_switches": [switched],
    }
    labels = [marker.label for marker in drawing_of(record).markers]
    assert labels == ["one too slow", "agent: two"]


def test_no_word_is_shown_that_was_to_be_kept_nowhere():
    record = record_of(
        RecordingPaused(at=101.0),
        CallerSaid(text="four one one one", confidence=0.9, at=103.0),
        AgentSpeaking(text="Thank you.", at=103.5, latency_s=None),
        RecordingResumed(at=104.0),
    )
    drawing = drawing_of(record)
    assert {passage.text for passage in drawing.passages} == {"(not recorded)"}
    assert [(band.start_s, band.end_s) for band in drawing.bands] == [(1.0, 4.0)]


def test_a_live_call_and_one_that_never_was_can_be_drawn():
    live = drawing_of(record_of(ANSWER))
    assert live.subtitle.endswith("live")
    assert live.duration_s >= 4.0
    assert drawing_of({}).duration_s == 1.0


def test_who_cannot_see_it_reads_who_said_what_and_what_was_not_heard():
    record = record_of(
        CallerSaid(text="are you open", confidence=0.9, at=103.0),
        ANSWER,
        AgentHeard(text=ANSWER.text, heard="none", heard_text="", at=104.1),
        CallEnded(reason="caller_hung_up", evidence="x", at=107.0),
    )
    summary = drawing_of(record).summary
    assert "caller: are you open" in summary
    assert "Yes, from nine to five. (never heard by the caller)" in summary
    assert "the caller hung up" in summary
