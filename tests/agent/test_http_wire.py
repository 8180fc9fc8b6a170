"""The protocol of a brain of one's own."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.agent import http_wire as wire
from voiced.agent.answer_wire import Trouble
from voiced.agent.base import CallInfo
from voiced.agent.http_wire import DeedParser, request_body
from voiced.agent.memory import AgentSpoke, CallerSpoke, Happened, UsedTools
from voiced.net.sse import SseEvent
from voiced.turns.expect import ExpectDigits, ExpectSpeech, ExpectSpelling, ExpectYesNo

CALL = CallInfo(call_id="v3:1", caller="+15550001", called="+15550002", variables={"name": "Ann"})


def feed(name, data):
    return DeedParser().feed(SseEvent(event=name, data=json.dumps(data)))


def test_a_request_tells_of_the_call_and_of_all_that_was_heard():
    body = request_body(
        CALL,
        number=3,
        event={"type": "turn", "text": "hello"},
        conversation=[
            Happened(text="The call begins."),
            AgentSpoke(heard="Hello, this", unheard="is Luigi."),
            UsedTools(said=AgentSpoke(heard="Let me see."), calls=()),
            CallerSpoke(text="pizza", digits="1"),
        ],
        refused=["press: no"],
    )
    assert body == {
        "protocol": "voiced-agent-1",
        "call": {
            "id": "v3:1",
            "caller": "+15550001",
            "called": "+15550002",
            "variables": {"name": "Ann"},
        },
        "request": 3,
        "event": {"type": "turn", "text": "hello"},
        "conversation": [
            {"who": "telephone", "text": "The call begins."},
            {"who": "agent", "heard": "Hello, this", "unheard": "is Luigi.", "doubtful": ""},
            {"who": "agent", "heard": "Let me see.", "unheard": "", "doubtful": ""},
            {"who": "caller", "text": "pizza", "digits": "1"},
        ],
        "refused": ["press: no"],
    }


@pytest.mark.parametrize(
    ("name", "data", "deed"),
    [
        ("say", {"text": "Hello."}, wire.Say(text="Hello.")),
        ("say", {"text": "Listen.", "protected": True}, wire.Say(text="Listen.", protected=True)),
        ("fill", {"text": "One moment."}, wire.Fill("One moment.")),
        ("press", {"digits": "1w2#"}, wire.Press("1w2#")),
        ("play", {"url": "https://x/y.mp3"}, wire.Play("https://x/y.mp3")),
        ("pause_recording", {}, wire.PauseRecording()),
        ("resume_recording", {}, wire.ResumeRecording()),
        ("expect", {"what": "speech"}, wire.Expect(ExpectSpeech())),
        ("expect", {"what": "yes_no"}, wire.Expect(ExpectYesNo())),
        ("expect", {"what": "speech", "patience": 2}, wire.Expect(ExpectSpeech(patience=2.0))),
        ("expect", {"what": "spelling"}, wire.Expect(ExpectSpelling())),
        (
            "expect",
            {"what": "digits", "min_length": 4, "max_length": 4, "terminator": ""},
            wire.Expect(ExpectDigits(min_length=4, max_length=4, terminator="")),
        ),
        ("spend", {"tokens": 7}, wire.Spend(7)),
        ("hang_up", {}, wire.HangUp()),
        ("transfer", {"to": "+15551234567"}, wire.Transfer(to="+15551234567")),
        (
            "transfer",
            {"to": "sip:desk@example.com", "briefing": "Ann."},
            wire.Transfer(to="sip:desk@example.com", briefing="Ann."),
        ),
    ],
)
def test_events_are_deeds(name, data, deed):
    assert feed(name, data) == [deed]


def test_what_a_later_version_may_have_is_passed_over():
    assert feed("sing", {"song": "..."}) == []


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("say", {}, "event 'say': text must be a text"),
        ("say", {"text": "x", "protected": 1}, "event 'say': protected must be true or false"),
        ("say", ["x"], "event 'say': a message that is no JSON object but list"),
        ("transfer", {"to": "mother"}, "event 'transfer': to must be E.164 or a SIP URI"),
        ("spend", {"tokens": -1}, "event 'spend': tokens must be a whole number, 0 or more"),
        ("expect", {"what": "digits", "max_length": 99}, "event 'expect': 1 <= min_length"),
        ("expect", {"what": "money"}, "event 'expect': what must be speech, yes_no, spelling or"),
    ],
)
def test_what_makes_no_sense_is_garbage(name, data, reason):
    (trouble,) = feed(name, data)
    assert isinstance(trouble, Trouble)
    assert trouble.kind == "garbage"
    assert trouble.reason.startswith(reason)


def test_a_brain_may_say_that_it_fails():
    assert feed("error", {"message": "no database"}) == [Trouble("overloaded", "no database")]


def test_an_answer_has_to_end():
    parser = DeedParser()
    assert parser.finish() == Trouble("closed", "the answer broke off before `end`")
    parser.feed(SseEvent(event="end", data="{}"))
    assert parser.finish() is None
    (behind,) = parser.feed(SseEvent(event="say", data='{"text": "x"}'))
    assert isinstance(behind, Trouble)


@given(st.sampled_from(["say", "press", "expect", "transfer", "spend", "error", "x"]), st.text())
def test_anything_may_come(name, data):
    for deed in DeedParser().feed(SseEvent(event=name, data=data)):
        assert deed is not None
