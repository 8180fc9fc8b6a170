"""Each plan of failing providers: what the caller hears, and what the record says."""

from typing import Any

import numpy as np
import pytest
import trio

from voiced.config import parse_config
from voiced.errors import AgentFailed, ConfigError
from voiced.flight.reading import read_flight
from voiced.flight.recorder import open_flights
from voiced.resilience.agent import AgentList
from voiced.resilience.breaker import Breaker, BreakerRules
from voiced.resilience.recognizer import RecognizerList
from voiced.resilience.roster import Member
from voiced.resilience.synthesizer import SynthesizerList
from voiced.testing.caller import PlayedCaller
from voiced.testing.faulty import (
    BEGINNING,
    FaultyAgent,
    FaultyRecognizer,
    FaultySynthesizer,
    in_front_of,
)
from voiced.testing.provider_plans import PROVIDER_PLANS
from voiced.testing.providers import (
    FunctionAgent,
    HearingRecognizer,
    Speech,
    ToneSynthesizer,
)
from voiced.testing.replay import replay

SORRY = "I am sorry, one moment please."
GREETING = ("Hello, this is the test line.", "How can I help you today?")
GOODBYE = "Goodbye, and thank you for calling."
FIRST = Speech(from_s=5.0, to_s=6.0, text="hello there", silence_s=0.3, decode_s=0.1)
SECOND = Speech(from_s=10.0, to_s=11.0, text="goodbye", silence_s=0.3, decode_s=0.1)
LATER = Speech(from_s=15.0, to_s=16.0, text="goodbye", silence_s=0.3, decode_s=0.1)
PATIENCE_S = {"recognizer": 2.0, "agent": 2.0, "synthesizer": 1.0}

KINDS: dict[str, Any] = {
    "recognizer": (FaultyRecognizer, RecognizerList),
    "agent": (FaultyAgent, lambda members: AgentList(members, SORRY)),
    "synthesizer": (FaultySynthesizer, SynthesizerList),
}


def listed(role, sound, faulty, trouble):
    """Return the first, faulty member and the second, if it stands by."""
    providers = [faulty(sound, trouble.trouble), *([sound] if trouble.has_fallback else [])]
    return tuple(
        Member(
            name=name,
            provider=provider,
            breaker=Breaker(BreakerRules()),
            patience_s=PATIENCE_S[role],
        )
        for name, provider in zip(("first", "second"), providers, strict=False)
    )


@pytest.fixture
def ring(open_world, greeter):
    """Ring with a plan: greeting, one turn, goodbye; returns report and record."""

    async def run(name, *, speaks=(FIRST, SECOND), flights=None):
        staff: dict[str, Any] = {
            "recognizer": HearingRecognizer(speaks),
            "agent": greeter,
            "synthesizer": ToneSynthesizer(),
        }
        for trouble in PROVIDER_PLANS[name].troubles:
            role = trouble.role
            faulty, make_list = KINDS[role]
            staff[role] = make_list(listed(role, staff[role], faulty, trouble))
        caller = PlayedCaller(np.zeros(0, np.int16))
        async with open_world(**staff, flights=flights) as world:
            report = await world.ring(caller)
        (record,) = world.records
        assert report.violations == ()
        assert not report.zombie
        assert record["hangup_confirmed"]
        return report, record

    return run


def said(record):
    return [turn["text"] for turn in record["turns"] if turn["who"] == "agent"]


def understood(record):
    return [turn["text"] for turn in record["turns"] if turn["who"] == "caller"]


def failures(record):
    return [(entry["role"], entry["kind"]) for entry in record["provider_failures"]]


def assert_switched(record, role, kind):
    assert failures(record) == [(role, kind)]
    (switch,) = record["provider_switches"]
    assert (switch["role"], switch["provider"], switch["to"]) == (role, "first", "second")


def assert_whole_conversation(report, record):
    assert record["end"]["reason"] == "agent_hung_up"
    assert understood(record) == ["hello there", "goodbye"]
    assert said(record) == [*GREETING, "You said hello there.", GOODBYE]
    assert [turn["heard"] for turn in record["turns"] if turn["who"] == "agent"] == ["all"] * 4
    assert report.playback.underruns == 0


UNNOTICED = {
    "recognizer-refuses": ("recognizer", "unauthorized"),
    "recognizer-disconnects": ("recognizer", "closed"),
    "agent-throttled": ("agent", "rate_limited"),
    "synthesizer-refuses": ("synthesizer", "unauthorized"),
}
WAITS = {
    "recognizer-stalls": ("recognizer", 2.0),
    "agent-stalls": ("agent", 2.0),
    "synthesizer-stalls": ("synthesizer", 1.0),
}
BROKEN_OFF = ("agent-disconnects", "synthesizer-disconnects")
DEAD = {
    "recognizer-dead": "recognizer_failed",
    "agent-dead": "agent_failed",
    "synthesizer-dead": "synthesizer_failed",
}


def test_every_plan_has_its_test():
    assert {*UNNOTICED, *WAITS, *BROKEN_OFF, *DEAD, "all-providers-stall"} == PROVIDER_PLANS.keys()


@pytest.mark.parametrize("name", UNNOTICED)
async def test_the_caller_notices_nothing(ring, autojump_clock, name):
    report, record = await ring(name)
    assert_whole_conversation(report, record)
    assert_switched(record, *UNNOTICED[name])
    answer = report.agent_utterances[1]
    assert answer.start_s - report.streaming_s == pytest.approx(6.0 + 0.3 + 0.4, abs=0.25)


@pytest.mark.parametrize("name", WAITS)
async def test_who_stalls_lets_the_caller_wait_for_its_patience_and_no_longer(
    ring, autojump_clock, name
):
    role, patience_s = WAITS[name]
    report, record = await ring(name, speaks=(FIRST, LATER))
    assert_whole_conversation(report, record)
    assert_switched(record, role, "too_slow")
    start_s = report.agent_utterances[-1].start_s - report.streaming_s
    assert start_s < 16.0 + 0.3 + 0.4 + patience_s + 0.4
    (failure,) = record["provider_failures"]
    assert failure["at_s"] > 1.0


async def test_an_answer_that_breaks_off_is_followed_by_an_apology_and_the_answer(
    ring, autojump_clock
):
    _, record = await ring("agent-disconnects", speaks=(FIRST, LATER))
    assert record["end"]["reason"] == "agent_hung_up"
    answer = [BEGINNING, SORRY, "You said hello there."]
    assert said(record) == [*GREETING, *answer, GOODBYE]
    assert_switched(record, "agent", "closed")


async def test_a_sentence_that_breaks_off_goes_on_from_the_word_reached(ring, autojump_clock):
    report, record = await ring("synthesizer-disconnects")
    assert_whole_conversation(report, record)
    assert_switched(record, "synthesizer", "closed")
    greeting = report.agent_utterances[0]
    whole_s = sum(map(len, GREETING)) / 20 + 2 * 0.1
    assert whole_s < greeting.end_s - greeting.start_s < whole_s + 0.6  # a word is said again


@pytest.mark.parametrize("name", DEAD)
async def test_with_nobody_to_stand_in_the_call_ends_with_its_reason_and_an_apology(
    ring, autojump_clock, name
):
    report, record = await ring(name)
    assert record["end"]["reason"] == DEAD[name]
    assert "first" not in record["end"]["evidence"]
    assert report.agent_utterances[-1].text.startswith("I am sorry, something went wrong")
    assert SORRY not in said(record)
    assert record["provider_switches"] == []
    assert len(record["provider_failures"]) == 1


async def test_when_everything_stalls_at_once_the_caller_still_gets_an_answer(ring, autojump_clock):
    _, record = await ring("all-providers-stall", speaks=(FIRST, LATER))
    assert record["end"]["reason"] == "agent_hung_up"
    assert said(record)[-1] == GOODBYE
    assert {role for role, _ in failures(record)} == {"recognizer", "agent", "synthesizer"}
    assert {switch["to"] for switch in record["provider_switches"]} == {"second"}


@pytest.mark.parametrize("name", ["recognizer-disconnects", "agent-disconnects", *DEAD])
async def test_such_a_call_is_replayed_from_its_recording(ring, tmp_path, autojump_clock, name):
    async def run_inline(function, *arguments):
        await trio.lowlevel.checkpoint()
        function(*arguments)

    async with open_flights(lambda record: tmp_path, run_inline) as flights:
        await ring(name, speaks=(FIRST, LATER), flights=flights)
    (path,) = tmp_path.glob("wire.jsonl*")
    replayed = await trio.to_thread.run_sync(replay, read_flight(path))
    assert replayed.differences() == []


async def test_a_list_whose_providers_work_changes_nothing(open_world, greeter, autojump_clock):
    def pair(provider):
        return tuple(
            Member(name=name, provider=provider, breaker=Breaker(BreakerRules()), patience_s=2.0)
            for name in ("first", "second")
        )

    recognizer, synthesizer = HearingRecognizer((FIRST, SECOND)), ToneSynthesizer()
    async with open_world(
        agent=AgentList(pair(greeter), SORRY),
        recognizer=RecognizerList(pair(recognizer)),
        synthesizer=SynthesizerList(pair(synthesizer)),
    ) as world:
        report = await world.ring(PlayedCaller(np.zeros(0, np.int16)))
    (record,) = world.records
    assert_whole_conversation(report, record)
    assert record["provider_failures"] == record["provider_switches"] == []


@pytest.mark.parametrize("name", PROVIDER_PLANS)
def test_a_plan_puts_faulty_providers_in_front_of_the_configured_ones(name):
    config = in_front_of(parse_config({}, {}), PROVIDER_PLANS[name].troubles)
    for trouble in PROVIDER_PLANS[name].troubles:
        choice = getattr(config, trouble.role)
        assert choice.provider.startswith("voiced.testing.faulty:Faulty")
        assert choice.settings.provider in ("embedded", "script", "flite")
        assert len(choice.fallback) == trouble.has_fallback


def test_an_agent_in_audio_cannot_have_the_faults_of_one_in_words():
    config = parse_config({"agent": {"provider": "echo"}}, {})
    with pytest.raises(ConfigError, match='"echo" converses in audio'):
        in_front_of(config, PROVIDER_PLANS["agent-stalls"].troubles)


async def test_a_provider_without_a_fallback_is_told_of_as_well(open_world, autojump_clock):
    async def fail(reply):
        raise AgentFailed("somewhere", "HTTP 503", kind="overloaded")

    async with open_world(agent=FunctionAgent(greet=fail)) as world:
        await world.ring(PlayedCaller(np.zeros(0, np.int16)))
    (record,) = world.records
    assert record["end"]["reason"] == "agent_failed"
    assert failures(record) == [("agent", "overloaded")]
