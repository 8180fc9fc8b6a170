"""Who of a call speaks when."""

from voiced.dashboard.talk import MOST_STRETCHES, Talk
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallAnswered,
    CallerSaid,
    CallerSpeaking,
    FalseAlarm,
)


def talk_of(*events):
    talk = Talk()
    for event in events:
        talk.note(event)
    return talk


def asks(at):
    return CallerSpeaking(at=at + 0.1, voice_at=at)


def asked(at):
    return CallerSaid(text="hello", confidence=1.0, at=at)


def says(at):
    return AgentSpeaking(text="Hello.", at=at, latency_s=None)


def heard(at):
    return AgentHeard(text="Hello.", heard="all", heard_text="Hello.", at=at)


def test_a_question_and_its_answer():
    talk = talk_of(asks(1.0), asked(2.0), says(2.5), heard(4.0))
    assert list(talk.stretches(0)) == [("caller", 1.0, 2.0), ("agent", 2.5, 4.0)]
    assert talk.speakers == set()


def test_who_still_speaks():
    assert talk_of(asks(1.0)).speakers == {"caller"}
    assert talk_of(asks(1.0), asked(2.0), says(2.5), asks(3.0)).speakers == {"agent", "caller"}


def test_two_passages_are_one_stretch_until_the_last_was_heard():
    talk = talk_of(says(1.0), says(2.0), heard(2.1))
    assert talk.speakers == {"agent"}
    talk.note(heard(3.0))
    assert list(talk.stretches(0)) == [("agent", 1.0, 3.0)]


def test_the_agent_falls_silent_when_interrupted():
    talk = talk_of(says(1.0), asks(2.0), BargeIn(at=2.2, voice_at=2.0))
    assert talk.speakers == {"caller"}
    assert ("agent", 1.0, 2.2) in list(talk.stretches(0))


def test_and_goes_on_after_a_false_alarm():
    talk = talk_of(says(1.0), asks(2.0), BargeIn(at=2.2), FalseAlarm(at=2.8))
    assert talk.speakers == {"agent"}
    assert list(talk.stretches(0)) == [
        ("caller", 2.0, 2.8),
        ("agent", 1.0, 2.2),
        ("agent", 2.8, None),
    ]


def test_what_is_long_past_is_left_out():
    talk = talk_of(asks(1.0), asked(2.0), asks(10.0))
    assert list(talk.stretches(5.0)) == [("caller", 10.0, None)]


def test_a_long_call_takes_no_more_room():
    talk = talk_of(*(event for n in range(1000) for event in (asks(n), asked(n + 0.5))))
    assert len(list(talk.stretches(0))) == MOST_STRETCHES


def test_other_events_are_not_talk():
    assert not Talk().note(CallAnswered(at=1.0))
