"""Each named fault plan of `voiced simulate`: what the caller hears, and what the record says."""

import numpy as np
import pytest
import trio

from tests.recordings.remake import in_place
from voiced.flight.reading import read_flight
from voiced.flight.recorder import open_flights
from voiced.testing.caller import PlayedCaller
from voiced.testing.fault_plans import FAULT_PLANS
from voiced.testing.providers import ScriptedRecognizer, Speech
from voiced.testing.replay import replay
from voiced.testing.utterances import level_dbfs

SAID = (
    "Hello, this is the test line.",
    "How can I help you today?",
    "You said hello there.",
    "Goodbye, and thank you for calling.",
)
SPEAKS = [
    Speech(from_s=2.5, to_s=3.2, text="hello there", silence_s=0.3, decode_s=0.1),
    Speech(from_s=7.0, to_s=8.0, text="goodbye", silence_s=0.3, decode_s=0.1),
]


@pytest.fixture
def ring(open_world, greeter, tmp_path):
    """Ring with a plan: greeting, barge-in, one turn, one key, goodbye; what came of it replays."""

    async def run(name, *, speaks=SPEAKS):
        caller = PlayedCaller(np.zeros(0, np.int16), keys=[(6.0, "5")])
        async with (
            open_flights(lambda record: tmp_path, in_place) as flights,
            open_world(
                agent=greeter, recognizer=ScriptedRecognizer(speaks), flights=flights
            ) as world,
        ):
            report = await world.ring(caller, faults=FAULT_PLANS[name].faults)
        (record,) = world.records
        assert report.violations == ()
        assert not report.zombie
        assert record["hangup_confirmed"]
        (path,) = tmp_path.glob("wire.jsonl*")
        replayed = await trio.to_thread.run_sync(replay, read_flight(path))
        assert replayed.differences() == []
        return report, record

    return run


def assert_conversation(report, record):
    """The caller has heard the whole conversation, and the record knows it."""
    assert record["end"]["reason"] == "agent_hung_up"
    agent = [turn for turn in record["turns"] if turn["who"] == "agent"]
    assert tuple(turn["text"] for turn in agent) == SAID
    assert [turn["heard"] for turn in agent] == ["all", "part", "all", "all"]
    greeting, answer, goodbye = report.agent_utterances
    answered_s = report.streaming_s
    assert greeting.start_s == pytest.approx(answered_s + 0.07, abs=0.1)
    assert answer.start_s - greeting.end_s == pytest.approx(1.2, abs=0.1)
    assert goodbye.end_s == pytest.approx(report.ended_s, abs=0.1)
    assert report.playback.underruns == 0


WITHOUT_EFFECT = (
    "none",
    "duplicate-webhooks",
    "late-webhooks",
    "reordered-webhooks",
    "lost-webhooks",
    "lost-hangup",
    "forged-webhooks",
    "clock-jump",
    "late-marks",
    "late-keys",
    "held-media",
)
REST = ("rest-throttled", "rest-failing", "rest-slow", "rest-dropped")
MEDIA = {"lost-media": "lost", "repeated-media": "duplicated", "swapped-media": "reordered"}
SOCKETS = ("socket-dropped", "socket-reset")
OTHERS = (
    *("error-frames", "rest-refused", "socket-half-open", "stalled-reader", "early-hangup"),
    "gives-up",
)


def test_every_plan_has_its_test():
    assert {*WITHOUT_EFFECT, *REST, *MEDIA, *SOCKETS, *OTHERS} == FAULT_PLANS.keys()


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
async def test_the_caller_notices_nothing(ring, autojump_clock, name):
    report, record = await ring(name)
    assert_conversation(report, record)
    assert report.streaming_s == pytest.approx(0.08, abs=0.02)


@pytest.mark.parametrize("name", REST)
async def test_commands_that_fail_at_first_only_let_the_caller_wait(ring, autojump_clock, name):
    report, record = await ring(name)
    assert_conversation(report, record)
    assert 1.0 < report.streaming_s < 10.0


@pytest.mark.parametrize("name", MEDIA)
async def test_what_happens_to_frames_is_made_good_and_counted(ring, autojump_clock, name):
    report, record = await ring(name)
    assert_conversation(report, record)
    inbound = record["counters"]["inbound"]
    counts = {name: inbound[counter] for name, counter in MEDIA.items()}
    assert counts.pop(name) == pytest.approx(inbound["frames"] / 10, abs=1)
    assert set(counts.values()) == {0}


@pytest.mark.parametrize("name", SOCKETS)
async def test_a_lost_socket_is_followed_by_another(ring, autojump_clock, name):
    report, record = await ring(name)
    assert_conversation(report, record)
    assert len(report.sockets) == 2
    assert record["counters"]["stream_restarts"] == 1


async def test_complaints_on_the_media_socket_are_counted_and_heard_by_nobody(ring, autojump_clock):
    report, record = await ring("error-frames")
    assert_conversation(report, record)
    assert record["counters"]["stream_errors"] == dict.fromkeys(
        ("100002", "100003", "100004", "100005"), 1
    )


async def test_an_answer_that_is_refused_ends_the_call_before_the_caller_hears_anything(
    ring, autojump_clock
):
    report, record = await ring("rest-refused")
    assert record["end"]["reason"] == "not_answered"
    assert "This account may not do that now." in record["end"]["evidence"]
    assert report.actions == ("hangup",)
    assert report.answered_s is None
    assert record["turns"] == []
    assert not report.heard.any()


async def test_a_half_open_socket_ends_the_call_with_an_apology(ring, autojump_clock):
    report, record = await ring("socket-half-open", speaks=SPEAKS[:1])
    assert record["end"]["reason"] == "media_stalled"
    assert report.ended_by == "agent"
    apology = report.agent_utterances[-1]
    assert apology.text
    # Ten seconds without media, and two in which a hangup might have explained them.
    assert apology.start_s == pytest.approx(report.streaming_s + 3.0 + 12.0, abs=0.5)
    assert report.ended_s == pytest.approx(apology.end_s, abs=0.3)
    # Interrupted by a key that a webhook told, when all of it should have been played.
    (answer,) = [turn for turn in record["turns"] if turn["text"] == "You said hello there."]
    assert (answer["heard"], answer["heard_text"]) == ("unknown", "")


async def test_a_reader_that_stalls_leaves_a_hole_in_what_the_caller_hears(ring, autojump_clock):
    report, record = await ring("stalled-reader")
    assert record["end"]["reason"] == "agent_hung_up"
    hole_s = report.streaming_s + 1.5
    assert not report.heard_between(hole_s, hole_s + 0.9).any()
    assert level_dbfs(report.heard_between(hole_s - 1.0, hole_s - 0.2)) > -30
    last = record["turns"][-1]
    assert (last["text"], last["heard"]) == (SAID[-1], "all")


async def test_an_early_hangup_ends_the_record_there(ring, autojump_clock):
    report, record = await ring("early-hangup")
    assert record["end"]["reason"] == "caller_hung_up"
    assert report.ended_s == pytest.approx(report.answered_s + 1.5)
    assert "hangup" not in report.actions


async def test_a_caller_who_gives_up_has_heard_nothing(ring, autojump_clock):
    report, record = await ring("gives-up")
    assert record["end"]["reason"] == "caller_hung_up"
    assert report.answered_s is None
    assert record["turns"] == []
    assert not report.heard.any()
