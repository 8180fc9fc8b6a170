"""Whole calls with the Realtime agent, against a fake of the API, on the virtual clock."""

import json

import numpy as np
import pytest
import trio

from tests.call import realtime
from tests.call.realtime import open_agent, said, speech
from voiced.agent.realtime.agent import RealtimeAgent
from voiced.agent.realtime.settings import RealtimeSettings
from voiced.audio.g711 import decode_ulaw, encode_ulaw
from voiced.errors import CallGone, ConfigError
from voiced.flight.reading import read_flight
from voiced.flight.recorder import open_flights
from voiced.resilience.audio_agent import AudioAgentList
from voiced.resilience.breaker import Breaker, BreakerRules
from voiced.resilience.roster import Member
from voiced.testing.callees import busy
from voiced.testing.caller import PlayedCaller
from voiced.testing.fake_provider import (
    Answer,
    CloseWith,
    Drop,
    Garbage,
    HalfOpen,
    Refuse,
    Stall,
)
from voiced.testing.fake_realtime import RealtimeTurn
from voiced.testing.replay import replay

GREETING = "Hello, this is the front desk. How can I help you today?"
ANSWER = "We are open from nine to five on all days but Sunday, and on Sunday we are closed."
BYE = "Thank you for calling. Goodbye."
SORRY = "I am sorry, one moment please."
TALK = (
    RealtimeTurn(GREETING),
    RealtimeTurn(ANSWER, heard="When are you open?"),
    RealtimeTurn(BYE, [("hang_up", {})], heard="Thank you."),
)


TURNS = speech((5.0, 6.0), (14.0, 15.0))


@pytest.fixture
def ring(open_world):
    """Ring; returns report, record, fake and server."""

    async def run(script=TALK, *faults, caller=TURNS, **keys):
        return await realtime.ring(open_world, script, *faults, caller=caller, **keys)

    return run


def heard(record):
    return [turn["heard"] for turn in record["turns"] if turn["who"] == "agent"]


async def test_a_conversation_has_both_sides_in_its_record(ring, autojump_clock):
    report, record, fake, server = await ring()
    assert record["end"]["reason"] == "agent_hung_up"
    assert said(record, "agent") == [GREETING, ANSWER, BYE]
    assert said(record, "caller") == ["When are you open?", "Thank you."]
    assert heard(record) == ["all"] * 3
    assert fake.faults == []
    (request,) = server.requests
    assert request.at < report.answered_s  # opened while it rings
    assert request.headers["authorization"] == "Bearer sk"
    assert "openai-beta" not in request.headers
    answer = [turn for turn in record["turns"] if turn["who"] == "agent"][1]
    # Half a second of silence ends the turn, the first audio comes 0.2 s after that.
    assert answer["latency_s"] == pytest.approx(0.7, abs=0.1)
    assert report.agent_utterances[-1].end_s == pytest.approx(report.ended_s, abs=0.2)
    assert report.playback.underruns == 0


async def test_audio_goes_through_to_the_sample_both_ways(ring, autojump_clock):
    report, _, fake, _ = await ring()
    (session,) = fake.sessions
    sent, spoken = decode_ulaw(session.audio), decode_ulaw(encode_ulaw(report.spoken))
    first, since = np.argmax(np.abs(sent) > 1000), np.argmax(np.abs(spoken) > 1000)
    assert np.array_equal(sent[first : first + 7000], spoken[since : since + 7000])
    tone, heard_ = decode_ulaw(b"".join(fake.spoken[0])), decode_ulaw(encode_ulaw(report.heard))
    since = np.argmax(np.abs(heard_) > 1000)
    first = np.argmax(np.abs(tone) > 1000)
    assert np.array_equal(heard_[since : since + 20_000], tone[first : first + 20_000])


async def test_the_greeting_is_the_configured_one(ring, autojump_clock):
    _, _, fake, _ = await ring(greeting="Good day.", prompt="Be {caller}'s friend.")
    (session,) = fake.sessions
    assert '"Good day."' in session.instructions[0]
    assert session.config["instructions"].startswith("Be +1")
    assert session.config["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert [tool["name"] for tool in session.config["tools"]] == ["hang_up"]


async def test_whoever_waits_for_the_caller_says_nothing_first(ring, autojump_clock):
    _, record, fake, _ = await ring(TALK[1:], speaks_first=False)
    assert said(record, "agent") == [ANSWER, BYE]
    assert fake.faults == []


async def test_barge_in_is_silent_at_once_and_truncates_to_what_was_heard(ring, autojump_clock):
    report, record, fake, _ = await ring(caller=speech((5.0, 6.0), (8.0, 9.0)))
    assert fake.faults == []
    answer = [turn for turn in record["turns"] if turn["who"] == "agent"][1]
    assert answer["heard"] == "part"
    assert ANSWER.startswith(answer["heard_text"])
    assert report.clears
    (truncation,) = fake.sessions[0].truncations
    _, heard_ms = truncation
    utterance = report.agent_utterances[1]
    assert utterance.end_s - utterance.start_s == pytest.approx(heard_ms / 1000, abs=0.15)
    # Detected in the message of 40 ms, and nothing is left to play.
    assert utterance.end_s - report.streaming_s == pytest.approx(8.0, abs=0.15)
    (barge_in,) = record["barge_ins"]
    assert barge_in["cleared_after_s"] == 0.0
    assert record["end"]["reason"] == "agent_hung_up"


async def test_speech_that_had_not_begun_to_play_was_not_heard(ring, autojump_clock):
    long = RealtimeTurn(ANSWER * 4, heard="Tell me more.")
    script = (TALK[0], long, TALK[2])
    _, record, fake, _ = await ring(script, caller=speech((5.0, 6.0), (9.0, 10.0)))
    assert heard(record) == ["all", "part", "all"]
    assert fake.faults == []
    ((_, heard_ms),) = fake.sessions[0].truncations
    assert 1500 < heard_ms < 3500


LOST = [
    (Drop(at_s=7.2), 0.1),
    (CloseWith(code=1011, at_s=7.2), 0.1),
    (HalfOpen(at_s=7.2), 7.0),
    (Garbage(at_s=7.2), 0.1),
]


@pytest.mark.parametrize(("fault", "noticed_s"), LOST)
async def test_a_session_that_is_lost_in_an_answer_is_followed_by_an_apology(
    ring, autojump_clock, fault, noticed_s
):
    sorry = RealtimeTurn("I am sorry. We are open from nine to five.")
    script = (*TALK[:2], sorry, TALK[2])
    _, record, fake, server = await ring(script, fault, caller=speech((5.0, 6.0), (22.0, 23.0)))
    assert record["end"]["reason"] == "agent_hung_up"
    assert len(server.requests) == len(fake.sessions) == 2
    _, second = fake.sessions
    assert second.texts[:2] == [("assistant", GREETING), ("user", "When are you open?")]
    assert "Apologize" in second.instructions[0]
    assert said(record, "agent")[-2:] == [sorry.text, BYE]
    told_at = next(t["at_s"] for t in record["turns"] if t["text"] == sorry.text)
    assert told_at < 7.2 + noticed_s + 6.5
    assert fake.faults == []


def error_of(code):
    error = {"type": "invalid_request_error", "code": code, "message": "as it happens"}
    return Garbage(text=json.dumps({"type": "error", "error": error}), at_s=4.5)


async def test_most_errors_of_the_api_change_nothing(ring, autojump_clock):
    _, record, fake, _ = await ring(TALK, error_of("item_truncate_invalid_item_id"))
    assert said(record, "agent") == [GREETING, ANSWER, BYE]
    assert len(fake.sessions) == 1


async def test_a_session_that_has_expired_is_followed_by_another(ring, autojump_clock):
    _, record, fake, _ = await ring(TALK, error_of("session_expired"), turn_detection="semantic")
    assert said(record, "agent") == [GREETING, ANSWER, BYE]
    assert len(fake.sessions) == 2
    detection = fake.sessions[1].config["audio"]["input"]["turn_detection"]
    assert detection == {"type": "semantic_vad", "eagerness": "auto"}


async def test_a_tool_that_finds_no_leg_ends_the_conversation(ring, monkeypatch, autojump_clock):
    async def press(*_, **__):
        await trio.lowlevel.checkpoint()
        raise CallGone("press", "the leg has ended", status=422, code="90018")

    monkeypatch.setattr("voiced.leg.phone.Phone.press", press)
    pressing = RealtimeTurn("One moment.", [("press", {"digits": "1"})], heard="Press one.")
    _, record, _, _ = await ring((TALK[0], pressing), tools=("press",))
    assert record["end"]["reason"] == "agent_failed"  # nobody else has said why, here
    assert "the leg has ended" in record["end"]["evidence"]


async def test_a_session_that_is_lost_in_a_pause_goes_on_without_a_word(ring, autojump_clock):
    _, record, fake, _ = await ring(TALK, CloseWith(at_s=4.5, reason="session_expired"))
    assert said(record, "agent") == [GREETING, ANSWER, BYE]
    assert fake.sessions[1].instructions == []
    assert record["end"]["reason"] == "agent_hung_up"


async def test_what_the_caller_says_while_there_is_no_session_is_not_lost(ring, autojump_clock):
    # Lost when the caller has just begun; the next connection is refused once.
    _, record, fake, _ = await ring(TALK, Drop(at_s=5.2), Refuse())
    assert said(record, "caller") == ["When are you open?", "Thank you."]
    assert said(record, "agent") == [GREETING, ANSWER, BYE]
    assert len(fake.sessions) == 2


async def test_an_answer_that_does_not_come_is_asked_for_in_another_session(ring, autojump_clock):
    slow = RealtimeTurn(ANSWER, heard="When are you open?", first_s=60.0)
    script = (TALK[0], slow, RealtimeTurn("I am sorry. From nine to five."), TALK[2])
    _, record, fake, _ = await ring(script, caller=speech((5.0, 6.0), (16.0, 17.0)), answer_s=3.0)
    assert said(record, "agent") == [GREETING, "I am sorry. From nine to five.", BYE]
    assert len(fake.sessions) == 2


REFUSED = [
    (Answer(status=401), "HTTP status 401"),
    (Answer(status=429, retry_after="30"), "rate limited for"),
]


@pytest.mark.parametrize(("fault", "evidence"), REFUSED)
async def test_who_is_refused_ends_the_call_with_an_apology(ring, autojump_clock, fault, evidence):
    report, record, _, server = await ring(TALK, fault, fault)
    assert record["end"]["reason"] == "agent_failed"
    assert evidence in record["end"]["evidence"]
    assert report.agent_utterances[-1].text.startswith("I am sorry, something went wrong")
    assert len(server.requests) <= 2  # while it rings, and once more


async def test_who_cannot_be_reached_is_tried_again_for_a_moment(ring, autojump_clock):
    _, record, _, server = await ring(TALK, *[Refuse()] * 9)
    assert record["end"]["reason"] == "agent_failed"
    assert len(server.requests) == 4  # while it rings, and then for a second


async def test_who_sets_up_no_session_is_too_slow(ring, autojump_clock):
    _, record, _, _ = await ring(TALK, Stall(), connect_s=2.0)
    assert record["end"]["reason"] == "agent_failed"
    assert "no session within 2 s" in record["end"]["evidence"]


async def test_a_wrong_key_is_said_so(ring, autojump_clock):
    _, record, _, _ = await ring(api_key="sk-wrong")
    assert "invalid_api_key" in record["end"]["evidence"]


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "server_error"])
async def test_a_response_that_fails_is_tried_in_another_session_unless_that_is_hopeless(
    ring, autojump_clock, code
):
    script = (TALK[0], RealtimeTurn(heard="When?", fails=code), TALK[1], TALK[2])
    _, record, fake, _ = await ring(script)
    if code == "rate_limit_exceeded":
        assert record["end"]["reason"] == "agent_failed"
        assert len(fake.sessions) == 1
    else:
        assert said(record, "agent") == [GREETING, ANSWER, BYE]


async def test_the_next_agent_of_a_list_goes_on_with_what_was_said(open_world, autojump_clock):
    def member(name, provider):
        breaker = Breaker(BreakerRules())
        return Member(name=name, provider=provider, breaker=breaker, patience_s=4.0)

    async with (
        open_agent(TALK[:1], CloseWith(at_s=4.5), *[Answer(status=503)] * 20) as (first, _, _),
        open_agent((RealtimeTurn("Where were we?"), *TALK[1:])) as (second, fake, _),
        open_world(
            agent=AudioAgentList((member("one", first), member("two", second)), SORRY)
        ) as world,
    ):
        report = await world.ring(PlayedCaller(speech((20.0, 21.0), (30.0, 31.0))))
    (record,) = world.records
    assert report.violations == ()
    assert said(record, "agent") == [GREETING, "Where were we?", ANSWER, BYE]
    assert fake.sessions[0].texts == [("assistant", GREETING)]
    assert "neither greet" in fake.sessions[0].instructions[0]
    (failure,) = record["provider_failures"]
    assert (failure["role"], failure["provider"], failure["kind"]) == ("agent", "one", "overloaded")
    assert report.actions.count("speak") == 1


async def test_a_silent_caller_is_prompted_and_in_the_end_let_go(ring, autojump_clock):
    script = [RealtimeTurn(text) for text in ("Hello.", "Are you there?", "Hello?", "Goodbye.")]
    tables = {"call": {"silence_timeout_s": 5}, "turns": {"max_prompts": 2}}
    report, record, fake, _ = await ring(script, caller=speech(), tables=tables)
    assert said(record, "agent") == ["Hello.", "Are you there?", "Hello?", "Goodbye."]
    assert record["end"]["reason"] == "silence"
    starts = [utterance.start_s for utterance in report.agent_utterances]
    assert np.diff(starts) == pytest.approx([5.6, 6.1, 5.6], abs=0.6)
    assert "Say goodbye" in fake.sessions[0].instructions[-1]


async def look_up(number: str) -> str:
    """Look an order up."""
    return f"Order {number} is on its way."


async def test_tools_are_run_and_the_model_goes_on_with_their_results(ring, autojump_clock):
    script = (
        TALK[0],
        RealtimeTurn("Let me look.", [("look_up", {"number": "7"}), ("nope", {})], heard="Order 7"),
        RealtimeTurn("It is on its way."),
        TALK[2],
    )
    _, record, fake, _ = await ring(script, tools=("hang_up", f"{__name__}:look_up"))
    (session,) = fake.sessions
    outputs = [output for _, output in session.outputs]
    assert "Order 7 is on its way." in outputs
    assert any("there is no tool" in output for output in outputs)
    assert said(record, "agent") == [GREETING, "Let me look.", "It is on its way.", BYE]
    assert fake.faults == []


async def test_a_goodbye_that_was_not_said_is_said_before_the_hangup(ring, autojump_clock):
    script = (
        TALK[0],
        RealtimeTurn("", [("hang_up", {"goodbye": "So long."})], heard="Bye."),
        RealtimeTurn("So long."),
    )
    _, record, fake, _ = await ring(script)
    assert said(record, "agent") == [GREETING, "So long."]
    assert '"So long."' in fake.sessions[0].instructions[-1]
    assert record["end"]["reason"] == "agent_hung_up"


async def test_the_model_may_transfer_and_goes_on_where_that_fails(ring_and_replay, autojump_clock):
    script = (
        TALK[0],
        RealtimeTurn("I will put you through.", [("transfer", {"target": "boss"})], heard="Boss."),
        RealtimeTurn("Nobody is there."),
        TALK[2],
    )
    record, fake = await ring_and_replay(
        script,
        caller=speech((5.0, 6.0), (30.0, 31.0), for_s=60.0),
        directory={"+13125550177": busy()},
        tools=("hang_up", "transfer"),
        transfers={"boss": {"to": "+13125550177", "description": "the boss"}},
    )
    (transfer,) = record["transfers"]
    assert (transfer["to"], transfer["outcome"]) == ("+13125550177", "busy")
    first, second = fake.sessions
    assert first.texts == []
    assert second.texts[0] == ("assistant", GREETING)
    assert "transfer has failed" in second.texts[-1][1]
    assert "Nobody is there." in said(record, "agent")


@pytest.fixture
def ring_and_replay(ring, tmp_path):
    """Ring with a flight recorder, and hold the call again from its recording."""

    async def run(*args, **keys):
        async def run_inline(function, *arguments):
            await trio.lowlevel.checkpoint()
            function(*arguments)

        async with open_flights(lambda record: tmp_path, run_inline) as flights:
            _, record, fake, _ = await ring(*args, flights=flights, **keys)
        (path,) = tmp_path.glob("wire.jsonl*")
        replayed = await trio.to_thread.run_sync(replay, read_flight(path))
        assert replayed.differences() == []
        assert said(replayed.record, "caller") == said(record, "caller")
        return record, fake

    return run


async def test_a_call_with_a_barge_in_is_replayed(ring_and_replay, autojump_clock):
    record, _ = await ring_and_replay(caller=speech((5.0, 6.0), (8.0, 9.0)))
    assert record["barge_ins"]


async def test_a_call_that_presses_keys_and_ends_by_itself_is_replayed(
    ring_and_replay, autojump_clock
):
    pressing = RealtimeTurn("One moment.", [("press", {"digits": "1"})], heard="Press one.")
    script = (TALK[0], pressing, RealtimeTurn("Done."), TALK[2])
    record, fake = await ring_and_replay(script, tools=("hang_up", "press"))
    assert [output for _, output in fake.sessions[0].outputs] == ["Pressed."]
    assert said(record, "agent") == [GREETING, "One moment.", "Done.", BYE]


@pytest.mark.parametrize(
    ("caller", "tables", "reason"),
    [
        (PlayedCaller(speech((20.0, 21.0)), keys=[(5.0, "1"), (5.5, "#")]), {}, "agent_hung_up"),
        (speech(), {"call": {"silence_timeout_s": 4}, "turns": {"max_prompts": 1}}, "silence"),
        (TURNS, {"budgets": {"max_tokens": 15}}, "budget_spent"),
    ],
)
async def test_a_call_that_ends_by_its_limits_is_replayed(
    ring_and_replay, autojump_clock, caller, tables, reason
):
    record, _ = await ring_and_replay(caller=caller, tables=tables)
    assert record["end"]["reason"] == reason


def test_a_missing_key_and_a_faulty_tool_are_told_by_check(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        RealtimeAgent.check(RealtimeSettings())
    RealtimeAgent.check(RealtimeSettings(api_key="sk"))
    with pytest.raises(ConfigError, match=r"agent.tools"):
        RealtimeAgent.check(RealtimeSettings(api_key="sk", tools=("nope",)))
