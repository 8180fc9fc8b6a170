"""Calls whose brain is somebody else's server, on virtual time."""

from contextlib import asynccontextmanager

import pytest

from voiced.agent.http import HttpAgent, HttpAgentSettings
from voiced.testing.callees import busy
from voiced.testing.caller import silent_caller
from voiced.testing.fake_brain import FakeBrain
from voiced.testing.fake_provider import Answer, Drop, FakeServer, open_memory_wire
from voiced.testing.providers import ScriptedRecognizer, Speech


def say(text, **more):
    return ("say", {"text": text, **more})


def speech(from_s, text, to_s=None):
    return Speech(
        from_s=from_s, to_s=to_s or from_s + 0.5, text=text, silence_s=0.2, decode_s=0.1
    )  # fmt: skip


class Brain:
    """Answers requests in turn, and keeps them."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        return self.answers.pop(0) if self.answers else [say("Nothing more.")]


@pytest.fixture
def open_line(open_world):
    @asynccontextmanager
    async def opener(brain, *, talk=(), faults=(), tables=None, **keys):
        server = FakeServer(FakeBrain(brain, token="secret"), faults)
        settings = HttpAgentSettings(
            url="http://brain/v1/", **{"token": "secret", "keep_warm": False, **keys}
        )
        async with (
            open_memory_wire(server) as wire,
            HttpAgent.open(settings, wire) as agent,
            open_world(agent=agent, recognizer=ScriptedRecognizer(talk), **(tables or {})) as world,
        ):
            yield world

    return opener


def heard(world):
    (record,) = (kept for kept in world.records if kept["direction"] == "incoming")
    return [turn["heard_text"] for turn in record["turns"] if turn["who"] == "agent"]


def end(world):
    return next(kept["end"] for kept in world.records if kept["direction"] == "incoming")


async def test_a_brain_greets_answers_in_pieces_and_hangs_up(open_line, autojump_clock):
    brain = Brain(
        [say("Hello."), ("expect", {"what": "yes_no"})],
        [say("How "), ("wait", {"s": 0.3}), say("nice. "), say("Goodbye."), ("hang_up", {})],
    )
    async with open_line(brain, talk=[speech(3, "yes")]) as world:
        report = await world.ring(silent_caller())
    assert heard(world) == ["Hello.", "How nice. Goodbye."]
    assert report.ended_by == "agent"
    greeted, answered = brain.requests
    assert greeted["event"] == {"type": "open"}
    assert answered["event"] == {"type": "turn", "text": "yes", "confidence": 0.9, "digits": ""}
    assert (answered["request"], answered["conversation"][1]["heard"]) == (2, "Hello.")
    assert answered["call"]["id"] == greeted["call"]["id"]


async def test_a_brain_is_told_what_was_cut(open_line, autojump_clock):
    brain = Brain([say("We have pizza with ham, with cheese, and with mushrooms.")])
    async with open_line(brain, talk=[speech(2, "with cheese please", 3.5)]) as world:
        await world.ring(silent_caller(hangs_up_s=7))
    spoken = brain.requests[1]["conversation"][1]
    assert spoken["heard"] == heard(world)[0]
    whole = f"{spoken['heard']} {spoken['unheard']}"
    assert whole == "We have pizza with ham, with cheese, and with mushrooms."


async def test_a_brain_is_asked_once_a_turn_is_certain(open_line, autojump_clock):
    brain = Brain([say("Hello.")], [say("Seven it is.")])
    talk = [speech(3, "i want pizza number"), speech(3.75, "seven")]
    async with open_line(brain, talk=talk) as world:
        await world.ring(silent_caller(hangs_up_s=8))
    assert [request["event"].get("text") for request in brain.requests] == [
        None,
        "i want pizza number seven",
    ]


async def test_what_the_phone_refuses_is_told_with_the_next_request(open_line, autojump_clock):
    brain = Brain(
        [say("Hello."), ("press", {"digits": "99x"}), ("press", {"digits": "12"}), say("Done.")]
    )
    async with open_line(brain, talk=[speech(4, "well")]) as world:
        await world.ring(silent_caller(hangs_up_s=8))
    assert heard(world)[:2] == ["Hello.", "Done."]
    (refused,) = brain.requests[1]["refused"]
    assert "digits" in refused


async def test_everything_that_a_brain_may_ask_for_is_done(open_line, autojump_clock):
    brain = Brain(
        [
            ("fill", {"text": "One moment."}),
            ("wait", {"s": 2}),
            say("Listen.", protected=True),
            ("play", {"url": "https://music.example.com/hold.mp3"}),
            ("pause_recording", {}),
            ("press", {"digits": "1"}),
            ("resume_recording", {}),
            ("spend", {"tokens": 7}),
            say("Done."),
        ],
        [say("Goodbye.")],
    )
    tables = {"call": {"max_duration_s": 60}, "budgets": {"warn_left_s": 40}}
    async with open_line(brain, tables=tables) as world:
        report = await world.ring(silent_caller(hangs_up_s=35))
    assert heard(world)[:3] == ["One moment.", "Listen.", "Done."]
    (record,) = world.records
    assert record["spent"]["tokens"] == 7
    assert report.violations == ()
    warned = [request for request in brain.requests if request["event"]["type"] == "time_is_short"]
    assert warned[0]["event"]["left_s"] == pytest.approx(40, abs=10)


async def test_a_transfer_that_fails_is_told(open_line, autojump_clock):
    brain = Brain(
        [say("I connect you."), ("transfer", {"to": "+15551234567"})], [say("Nobody is free.")]
    )
    async with open_line(brain) as world:
        world.telnyx.directory.entries["+15551234567"] = busy()
        await world.ring(silent_caller(hangs_up_s=9))
    assert brain.requests[1]["event"] == {"type": "transfer_failed", "reason": "busy"}
    assert heard(world) == ["I connect you.", "Nobody is free."]


async def test_a_silence_is_told(open_line, autojump_clock):
    brain = Brain([say("Hello.")], [say("Still there?")])
    tables = {"call": {"silence_timeout_s": 3}}
    async with open_line(brain, tables=tables) as world:
        await world.ring(silent_caller(hangs_up_s=6))
    assert brain.requests[1]["event"] == {"type": "silence", "silences": 1}
    assert heard(world) == ["Hello.", "Still there?"]


@pytest.mark.parametrize("fault", [Answer(status=503), Drop()], ids=repr)
async def test_a_brain_that_has_not_begun_is_asked_again(open_line, autojump_clock, fault):
    brain = Brain([say("Hello.")], [say("Hello.")])
    async with open_line(brain, faults=[fault]) as world:
        await world.ring(silent_caller(hangs_up_s=4))
    assert heard(world) == ["Hello."]


@pytest.mark.parametrize(
    ("keys", "faults", "evidence"),
    [
        ({"token": "wrong"}, [], "HTTP status 401"),
        ({}, [Drop(after=1)], "http: "),
    ],
)
async def test_a_brain_that_fails_ends_the_call_with_its_reason(
    open_line, autojump_clock, keys, faults, evidence
):
    brain = Brain([say("This is a long sentence for the ear. "), say("And more.")])
    async with open_line(brain, faults=faults, **keys) as world:
        await world.ring(silent_caller())
    assert end(world)["reason"] == "agent_failed"
    assert evidence in end(world)["evidence"]
