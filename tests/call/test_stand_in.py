"""Calls whose agent in audio fails, and is followed by one in words with recognizer and voice."""

import numpy as np
import pytest
import trio

from tests.call.realtime import open_agent, said, speech
from voiced.agent.memory import AgentSpoke, CallerSpoke, Happened, UsedTools
from voiced.call.stand_in import resume_point
from voiced.errors import AgentFailed
from voiced.flight.reading import read_flight
from voiced.flight.recorder import open_flights
from voiced.recognizer.base import Vocabulary
from voiced.resilience.agent import AgentList
from voiced.resilience.audio_agent import AudioAgentList
from voiced.resilience.breaker import Breaker, BreakerRules
from voiced.resilience.roster import Member
from voiced.services.services import Staff
from voiced.testing.callees import busy
from voiced.testing.caller import PlayedCaller
from voiced.testing.fake_provider import Answer, CloseWith, Drop, Refuse
from voiced.testing.fake_realtime import RealtimeTurn
from voiced.testing.providers import HearingRecognizer, NoSettings, Speech, ToneSynthesizer
from voiced.testing.replay import replay

GREETING = "Hello, this is the front desk. How can I help you today?"
ANSWER = "We are open from nine to five on all days but Sunday, and on Sunday we are closed."
SORRY = "I am sorry, one moment please."
HELLO, OPEN = RealtimeTurn(GREETING), RealtimeTurn(ANSWER, heard="When are you open?")
GREETS, ANSWERS = "Good day, this is the clerk.", "From nine to five."


class Clerk:
    """Greets, answers, says goodbye; `told` is what was before, if it took over."""

    Settings = NoSettings
    vocabulary = Vocabulary()

    def __init__(self, fails=False):
        self.asked = []
        self.told = None
        self.circuits = []
        self.fails = fails

    @classmethod
    def open(cls, settings):
        raise NotImplementedError

    def begin(self, call):
        return ClerksDialogue(self)


class ClerksDialogue:
    """One call's."""

    def __init__(self, clerk):
        self.clerk = clerk

    def take_over(self, past):
        self.clerk.told = list(past)

    async def open(self, reply):
        if self.clerk.fails:
            raise AgentFailed("clerk", "nobody at home")
        await reply.say(GREETS)

    async def answer(self, turn, reply):
        self.clerk.asked.append((turn.text, turn.digits))
        if turn.digits:
            reply.transfer("+13125550177")
            return
        await reply.say("Goodbye." if "bye" in turn.text else ANSWERS)
        if "bye" in turn.text:
            reply.hang_up()

    async def prompt(self, silences, reply):
        await reply.say("Are you there?")

    async def transfer_failed(self, reason, reply):
        await reply.say(f"They are {reason}.")

    def interrupted(self, heard):
        pass


def heard(from_s, to_s, text):
    return Speech(from_s=from_s, to_s=to_s, text=text, silence_s=0.3, decode_s=0.1)


def member(name, provider):
    breaker = Breaker(BreakerRules(failures=1))
    return Member(name=name, provider=provider, breaker=breaker, patience_s=4.0)


def staff_of(realtime, clerk, spoken):
    return Staff(
        agent=AudioAgentList((member("realtime", realtime),), SORRY, stand_in="clerk"),
        stand_in=AgentList((member("clerk", clerk),), SORRY),
        recognizer=HearingRecognizer(spoken),
        synthesizer=ToneSynthesizer(),
    )


@pytest.fixture
def ring(open_world):
    """Ring; returns report, records, clerk and the fake of the API."""

    async def run(
        script,
        *faults,
        spans=(),
        spoken=(),
        n_calls=1,
        flights=None,
        directory=None,
        tables=None,
        clerk=None,
        keys=(),
        **settings,
    ):
        clerk = clerk or Clerk()
        async with open_agent(script, *faults, **settings) as (agent, fake, _):
            lines = {"": staff_of(agent, clerk, spoken)}
            async with open_world(
                agent=agent, lines_staff=lines, flights=flights, **(tables or {})
            ) as world:
                world.telnyx.directory.entries.update(directory or {})
                reports = [
                    await world.ring(PlayedCaller(speech(*spans, for_s=60.0), keys=keys))
                    for _ in range(n_calls)
                ]
                told = world.switchboard.circuits()
                clerk.circuits = [(circuit.provider, circuit.is_open) for circuit in told]
        assert [report.violations for report in reports] == [()] * n_calls
        assert not any(report.zombie for report in reports)
        return reports[-1], world.records, clerk, fake

    return run


async def test_who_is_refused_at_the_start_is_replaced_before_a_word_and_without_one(
    ring, autojump_clock
):
    spoken = [heard(5.0, 6.0, "when are you open"), heard(10.0, 11.0, "bye")]
    refused = [Answer(status=401)] * 2  # while it rings, and once more
    report, (record,), clerk, _ = await ring([], *refused, spoken=spoken)
    assert said(record, "agent") == [GREETS, ANSWERS, "Goodbye."]
    assert clerk.told is None
    assert record["end"]["reason"] == "agent_hung_up"
    (failure,), (switch,) = record["provider_failures"], record["provider_switches"]
    assert (failure["provider"], failure["kind"]) == ("realtime", "unauthorized")
    assert (switch["role"], switch["provider"], switch["to"]) == ("agent", "realtime", "clerk")
    assert "speak" not in report.actions
    assert report.agent_utterances[0].start_s - report.streaming_s < 0.5


async def test_the_next_call_begins_with_who_works(ring, autojump_clock):
    spoken = [heard(3.0, 3.5, "bye"), heard(14.0, 14.5, "bye"), heard(25.0, 25.5, "bye")]
    _, records, clerk, fake = await ring([], *[Answer(status=401)] * 9, spoken=spoken, n_calls=2)
    assert [len(record["provider_failures"]) for record in records] == [1, 0]
    assert [said(record, "agent")[0] for record in records] == [GREETS] * 2
    assert fake.sessions == []
    assert clerk.circuits == [("realtime", True), ("clerk", False)]


LOST_FOR_GOOD = [Refuse()] * 30


@pytest.fixture
def ring_lost(ring):
    """Ring a call whose session is lost for good, and see what becomes of it."""

    async def run(script, lost_at_s, *, reconnect_s=2.0, **keys):
        drop = Drop(at_s=lost_at_s)
        return await ring(script, drop, *LOST_FOR_GOOD, reconnect_s=reconnect_s, **keys)

    return run


async def test_in_an_answer_the_stand_in_apologizes_and_answers_the_turn(ring_lost, autojump_clock):
    _, (record,), clerk, _ = await ring_lost(
        [HELLO, OPEN], 7.2, spans=[(5.0, 6.0)], spoken=[heard(20.0, 21.0, "bye")]
    )
    assert said(record, "agent")[-3:] == [SORRY, ANSWERS, "Goodbye."]
    assert clerk.asked == [("When are you open?", ""), ("bye", "")]
    assert clerk.told == [AgentSpoke(heard=GREETING)]
    assert record["end"]["reason"] == "agent_hung_up"
    assert record["spent"]["tokens"] == 10  # those of the agent before count on


async def test_in_a_pause_the_stand_in_takes_over_without_a_word(ring_lost, autojump_clock):
    spoken = [heard(10.0, 11.0, "when are you open"), heard(16.0, 17.0, "bye")]
    _, (record,), clerk, _ = await ring_lost([HELLO], 4.5, spoken=spoken)
    assert said(record, "agent") == [GREETING, ANSWERS, "Goodbye."]
    assert clerk.told == [AgentSpoke(heard=GREETING)]


async def test_what_was_said_meanwhile_is_heard_from_its_beginning(ring_lost, autojump_clock):
    # Lost while the caller speaks; given up two seconds later.
    spoken = [heard(5.0, 6.0, "when are you open"), heard(14.0, 15.0, "bye")]
    _, (record,), clerk, _ = await ring_lost(
        [HELLO], 5.4, spans=[(5.0, 6.0), (14.0, 15.0)], spoken=spoken
    )
    assert said(record, "caller") == ["when are you open", "bye"]
    assert said(record, "agent") == [GREETING, ANSWERS, "Goodbye."]
    assert clerk.asked[0] == ("when are you open", "")


async def test_before_anything_was_understood_the_caller_is_asked(ring_lost, autojump_clock):
    _, (record,), clerk, _ = await ring_lost([HELLO], 0.6, spoken=[heard(12.0, 13.0, "bye")])
    assert said(record, "agent")[-3:] == [SORRY, "Are you there?", "Goodbye."]
    assert clerk.told is not None


async def test_after_a_transfer_that_failed_the_stand_in_says_so(ring, autojump_clock):
    over = RealtimeTurn("One moment.", [("transfer", {"target": "boss"})], heard="The boss.")
    _, (record,), clerk, _ = await ring(
        [HELLO, over],
        None,
        *LOST_FOR_GOOD,
        spans=[(5.0, 6.0)],
        spoken=[heard(16.0, 17.0, "bye")],
        directory={"+13125550177": busy()},
        tools=("hang_up", "transfer"),
        transfers={"boss": {"to": "+13125550177", "description": "the boss"}},
    )
    assert record["transfers"][0]["outcome"] == "busy"
    assert said(record, "agent")[-2:] == ["They are busy.", "Goodbye."]
    assert AgentSpoke(heard=GREETING) in clerk.told


async def test_the_stand_in_takes_keys_and_goes_on_after_a_transfer_of_its_own(
    ring_lost, autojump_clock
):
    _, (record,), clerk, _ = await ring_lost(
        [HELLO],
        4.5,
        keys=[(10.0, "1"), (10.3, "#")],
        spoken=[heard(22.0, 23.0, "bye")],
        directory={"+13125550177": busy()},
    )
    assert clerk.asked[0] == ("", "1")
    assert record["transfers"][0]["outcome"] == "busy"
    assert said(record, "agent")[-2:] == ["They are busy.", "Goodbye."]


async def test_a_budget_is_nobodys_failure_and_ends_the_call(ring, autojump_clock):
    _, (record,), clerk, _ = await ring(
        [HELLO, OPEN], spans=[(5.0, 6.0)], tables={"budgets": {"max_tokens": 15}}
    )
    assert record["end"]["reason"] == "budget_spent"
    assert clerk.asked == []


async def test_when_the_stand_in_fails_too_its_failure_is_the_calls(ring, autojump_clock):
    clerk = Clerk(fails=True)
    report, (record,), _, _ = await ring([], *[Answer(status=401)] * 2, clerk=clerk)
    assert record["end"]["reason"] == "agent_failed"
    assert "nobody at home" in record["end"]["evidence"]
    assert [entry["provider"] for entry in record["provider_failures"]] == ["realtime", "clerk"]
    assert report.actions.count("speak") == 1  # the apology at the end


@pytest.mark.parametrize(
    ("script", "faults", "spans", "spoken"),
    [
        ([], [Answer(status=401)] * 2, [], [heard(5.0, 6.0, "bye")]),
        (
            [HELLO, OPEN],
            [Drop(at_s=7.2), *LOST_FOR_GOOD],
            [(5.0, 6.0)],
            [heard(20.0, 21.0, "bye")],
        ),
        ([HELLO], [CloseWith(at_s=4.5), *LOST_FOR_GOOD], [], [heard(14.0, 15.0, "bye")]),
    ],
)
async def test_such_a_call_is_replayed(
    ring, tmp_path, autojump_clock, script, faults, spans, spoken
):
    async def run_inline(function, *arguments):
        await trio.lowlevel.checkpoint()
        function(*arguments)

    async with open_flights(lambda record: tmp_path, run_inline) as flights:
        await ring(script, *faults, spans=spans, spoken=spoken, flights=flights, reconnect_s=2.0)
    (path,) = tmp_path.glob("wire.jsonl*")
    replayed = await trio.to_thread.run_sync(replay, read_flight(path))
    assert replayed.differences() == []


QUESTION, DONE = CallerSpoke(text="Is it open?"), UsedTools(said=AgentSpoke(heard=""), calls=())
SAID = AgentSpoke(heard="Hello.")


@pytest.mark.parametrize(
    ("past", "told", "text"),
    [
        ([SAID, QUESTION], [SAID], "Is it open?"),
        ([SAID, QUESTION, AgentSpoke(heard="We")], [SAID], "Is it open?"),
        ([SAID, QUESTION, DONE], [SAID, QUESTION, DONE], "Is it open?"),
        ([SAID, Happened(text="x")], [SAID, Happened(text="x")], None),
    ],
)
def test_the_last_turn_is_answered_again_and_what_was_done_for_it_stays(past, told, text):
    before, turn = resume_point(past)
    assert list(before) == told
    assert (turn and turn.text) == text
    assert np.all([entry in past for entry in before])
