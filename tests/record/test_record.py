"""A call's journal becomes its record."""

import json
from datetime import UTC, datetime

import pytest

from voiced.audio.reorder import Reorder
from voiced.media.inbound import InboundStatistics
from voiced.media.pacing import Pacer
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
    Silenced,
    ToolRan,
)
from voiced.record.latency import Latency
from voiced.record.record import FORMAT, RecordBuilder, counters_of

RINGING = CallRinging(caller="+13125550100", called="+13125550199", at=100.0)


@pytest.fixture
def record():
    return RecordBuilder(
        line="",
        ref="r1",
        direction="incoming",
        call_id="v3:one",
        ids={"call_leg_id": "leg", "call_session_id": "session", "connection_id": "1"},
        started=datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC),
    )


def told(record, *events):
    for event in events:
        record.note(event)
    document = record.document()
    assert json.loads(json.dumps(document)) == document  # nothing but JSON values
    return document


def test_a_record_is_whole_from_the_first_moment(record):
    document = told(record)
    assert document["format"] == FORMAT
    assert document["call_id"] == "v3:one"
    assert document["call_leg_id"] == "leg"
    assert document["started_at"] == "2026-11-22T10:00:00.123+00:00"
    assert (document["state"], document["end"], document["turns"]) == ("live", None, [])


def test_times_count_from_the_ring(record):
    document = told(
        record,
        RINGING,
        CallAnswered(at=100.1234),
        BargeIn(at=103.0006, voice_at=102.8806),
        Cleared(at=103.002),
        Silenced(at=103.0519),
        Silenced(at=109.0),
        CallEnded(reason="caller_hung_up", evidence="stop", at=110.5),
    )
    assert (document["from"], document["to"]) == ("+13125550100", "+13125550199")
    assert document["answered_after_s"] == 0.123
    assert document["barge_ins"] == [
        {
            "at_s": 3.001,
            "voice_at_s": 2.881,
            "cleared_after_s": 0.121,
            "silenced_after_s": 0.171,
            "false_alarm": False,
        }
    ]
    assert document["duration_s"] == 10.5
    assert document["end"] == {"reason": "caller_hung_up", "evidence": "stop"}
    assert document["state"] == "ended"


LATENCY = Latency(
    endpointing_s=0.3,
    recognizer_s=0.1,
    model_s=0.05,
    synthesizer_s=0.1,
    pacing_s=0.01234,
    lead_in_s=0.05,
)


def test_turns_stand_in_their_order_with_what_was_heard(record):
    document = told(
        record,
        RINGING,
        AgentSpeaking(text="Hello.", at=101.0, latency_s=None),
        AgentHeard(text="Hello.", heard="all", heard_text="Hello.", at=102.0),
        CallerSpeaking(at=103.0),
        CallerSaid(text="hi", confidence=0.98765, at=104.0),
        AgentSpeaking(text="How are you?", at=104.5, latency_s=0.61234, latency=LATENCY),
    )
    assert document["turns"] == [
        {
            "who": "agent",
            "at_s": 1.0,
            "until_s": 2.0,
            "text": "Hello.",
            "filler": False,
            "latency_s": None,
            "latency": None,
            "heard": "all",
            "heard_text": "Hello.",
        },
        {"who": "caller", "from_s": 3.0, "at_s": 4.0, "text": "hi", "confidence": 0.988},
        {
            "who": "agent",
            "at_s": 4.5,
            "until_s": None,
            "text": "How are you?",
            "filler": False,
            "latency_s": 0.612,
            "latency": {
                "endpointing_s": 0.3,
                "recognizer_s": 0.1,
                "model_s": 0.05,
                "synthesizer_s": 0.1,
                "pacing_s": 0.012,
                "lead_in_s": 0.05,
            },
            "heard": "unknown",
            "heard_text": "",
        },
    ]


def test_a_sentence_that_is_said_twice_is_settled_one_after_the_other(record):
    document = told(
        record,
        RINGING,
        AgentSpeaking(text="Hello?", at=101.0, latency_s=None),
        AgentSpeaking(text="Hello?", at=102.0, latency_s=None),
        AgentHeard(text="Hello?", heard="all", heard_text="Hello?", at=101.5),
        AgentHeard(text="Hello?", heard="none", heard_text="", at=102.1),
    )
    assert [turn["heard"] for turn in document["turns"]] == ["all", "none"]


def test_hearing_of_a_sentence_that_was_never_begun_changes_nothing(record):
    heard = AgentHeard(text="Hello.", heard="none", heard_text="", at=101.0)
    said = CallerSaid(text="Hello.", confidence=1.0, at=101.0)
    document = told(record, RINGING, said, heard)
    assert [turn["who"] for turn in document["turns"]] == ["caller"]
    assert "heard" not in document["turns"][0]


def test_counters_of_both_directions(record):
    reorder = Reorder()
    for chunk in (1, 3, 2, 2):
        reorder.add(chunk, b"x")
    pacer = Pacer(lead_s=0.4, message_frames=5)
    pacer.sent(1, 0.00001, more_waits=False)
    inbound = InboundStatistics(frames=3, chunks=reorder.statistics(), last_at=1.0)
    record.count(counters_of(inbound, pacer.statistics(), restarts=2))
    counters = told(record)["counters"]
    assert counters["stream_restarts"] == 2
    assert counters["inbound"]["frames"] == 3
    assert counters["inbound"]["reordered"] == counters["inbound"]["duplicated"] == 1
    assert counters["outbound"]["sent_s"] == 0.02
    assert counters["outbound"]["underruns"] == 0


def test_it_says_whether_the_leg_is_known_to_be_down(record):
    assert "hangup_confirmed" not in record.document()
    record.hangup_confirmed(confirmed=False)
    assert told(record)["hangup_confirmed"] is False


def test_tools_stand_with_when_they_began_and_how_long_they_ran(record):
    document = told(record, RINGING, ToolRan(name="lookup", began_at=103.0, ok=False, at=104.25))
    assert document["tools"] == [{"name": "lookup", "at_s": 3.0, "seconds": 1.25, "ok": False}]
