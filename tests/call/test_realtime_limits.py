"""Realtime calls: what a conversation puts up with, and what budgets, keys and speech do to it."""

import numpy as np
import pytest
import trio

from tests.call import realtime
from tests.call.realtime import open_agent, said, speech
from voiced.testing.callees import busy
from voiced.testing.caller import PlayedCaller
from voiced.testing.fake_provider import Drop, Stall
from voiced.testing.fake_realtime import RealtimeTurn

GREETING = "Hello, this is the front desk. How can I help you today?"
ANSWER = "We are open from nine to five on all days but Sunday, and on Sunday we are closed."
BYE = "Thank you for calling. Goodbye."
HELLO, OPEN = RealtimeTurn(GREETING), RealtimeTurn(ANSWER, heard="When are you open?")
END = RealtimeTurn(BYE, [("hang_up", {})], heard="Thank you.")


@pytest.fixture
def ring(open_world):
    """Ring; returns report, record and fake."""

    async def run(script, *faults, caller, **keys):
        got = await realtime.ring(open_world, script, *faults, caller=caller, **keys)
        report, record, fake, _ = got
        assert fake.faults == []
        return report, record, fake

    return run


def agents_turn(record, number):
    return [turn for turn in record["turns"] if turn["who"] == "agent"][number]


# -- what was heard -------------------------------------------------------------------------------


async def test_of_a_long_answer_that_is_cut_short_the_words_heard_are_those_of_the_audio_heard(
    ring, autojump_clock
):
    # The API sends faster than it plays: when the caller cuts in it has sent all of it.
    long = RealtimeTurn(ANSWER * 2, heard="Tell me all.")
    _, record, fake = await ring([HELLO, long, END], caller=speech((5.0, 6.0), (9.8, 10.8)))
    turn = agents_turn(record, 1)
    ((_, heard_ms),) = fake.sessions[0].truncations
    share = heard_ms / 1000 / (len(long.text) / 16)
    assert len(turn["heard_text"]) / len(long.text) == pytest.approx(share, abs=0.04)


async def test_an_answer_that_is_stopped_before_its_first_word_is_not_silence(ring, autojump_clock):
    stopped = RealtimeTurn("", heard="Say it.", stopped_by="content_filter")
    sorry = RealtimeTurn("That I cannot say.")
    _, record, fake = await ring(
        [HELLO, stopped, sorry, END], caller=speech((5.0, 6.0), (14.0, 15.0))
    )
    assert said(record, "agent") == [GREETING, sorry.text, BYE]
    assert "cannot answer" in fake.sessions[0].instructions[-1]


async def test_who_is_lost_for_words_again_is_not_asked_for_ever(ring, autojump_clock):
    stopped = RealtimeTurn("", heard="Say it.", stopped_by="content_filter")
    _, record, fake = await ring(
        [HELLO, stopped, stopped, END], caller=speech((5.0, 6.0), (14.0, 15.0))
    )
    assert said(record, "agent") == [GREETING, BYE]
    assert len(fake.sessions[0].instructions) == 2


# -- an API that stops ----------------------------------------------------------------------------


async def test_an_answer_that_stalls_in_its_middle_is_given_by_another_session(
    ring, autojump_clock
):
    sorry = RealtimeTurn("I am sorry. From nine to five.")
    _, record, fake = await ring(
        [HELLO, OPEN, sorry, END], Stall(at_s=7.2), caller=speech((5.0, 6.0), (22.0, 23.0))
    )
    assert said(record, "agent")[-2:] == [sorry.text, BYE]
    assert "Apologize" in fake.sessions[1].instructions[0]
    assert record["end"]["reason"] == "agent_hung_up"


async def test_an_end_of_speech_that_is_not_told_is_found_by_another_session(ring, autojump_clock):
    _, record, fake = await ring(
        [HELLO, OPEN, OPEN, END], Stall(at_s=5.5), caller=speech((5.0, 6.0), (22.0, 23.0))
    )
    assert said(record, "caller") == ["When are you open?", "Thank you."]
    assert said(record, "agent") == [GREETING, ANSWER, BYE]
    assert fake.sessions[1].instructions == []  # it has heard the caller itself


async def test_what_was_not_written_down_yet_is_heard_again(ring, autojump_clock):
    mute = RealtimeTurn("", heard="", is_written=False, first_s=60.0)
    _, record, fake = await ring(
        [HELLO, mute, OPEN, END], Drop(at_s=7.0), caller=speech((5.0, 6.0), (20.0, 21.0))
    )
    assert said(record, "caller") == ["When are you open?", "Thank you."]
    assert said(record, "agent") == [GREETING, ANSWER, BYE]
    assert fake.sessions[1].instructions == []


async def test_without_a_transcript_the_next_session_goes_on_with_what_the_model_said(
    ring, autojump_clock
):
    sorry = RealtimeTurn("I am sorry. From nine to five.")
    _, record, fake = await ring(
        [HELLO, RealtimeTurn(ANSWER, is_written=False), sorry, END],
        Drop(at_s=7.2),
        caller=speech((5.0, 6.0), (22.0, 23.0)),
        transcription="",
    )
    assert fake.sessions[1].texts == [("assistant", GREETING)]
    assert "Apologize" in fake.sessions[1].instructions[0]
    assert said(record, "agent")[-2:] == [sorry.text, BYE]


async def slow(number: str) -> str:
    """Look an order up, which takes a while."""
    await trio.sleep(5)
    return f"Order {number} is on its way."


SLOW = ("hang_up", f"{__name__}:slow")
LOOKS = RealtimeTurn("Let me look.", [("slow", {"number": "7"})], heard="Order 7?")
FOUND = RealtimeTurn("It is on its way.")


@pytest.mark.parametrize("faults", [(Drop(at_s=9.0),), (Drop(at_s=11.5), Stall())])
async def test_what_a_tool_has_found_is_not_lost_with_the_session(ring, autojump_clock, faults):
    _, record, fake = await ring(
        [HELLO, LOOKS, FOUND, END],
        *faults,
        caller=speech((5.0, 6.0), (20.0, 21.0)),
        tools=SLOW,
        connect_s=1.0,
    )
    assert [output for _, output in fake.sessions[-1].outputs[:1]] == ["Order 7 is on its way."]
    assert said(record, "agent") == [GREETING, LOOKS.text, FOUND.text, BYE]
    assert agents_turn(record, 2)["at_s"] < 14.0


async def test_a_rate_limit_told_in_a_session_is_obeyed_by_the_next_call(
    open_world, autojump_clock
):
    limited = RealtimeTurn(heard="When?", fails="rate_limit_exceeded", used_up_s=30.0)
    async with (
        open_agent([HELLO, limited]) as (agent, fake, server),
        open_world(agent=agent, recognizer=None, synthesizer=None) as world,
    ):
        for _ in range(2):
            await world.ring(PlayedCaller(speech((5.0, 6.0))))
    first, second = world.records
    assert "rate_limit_exceeded" in first["end"]["evidence"]
    assert "rate limited for" in second["end"]["evidence"]
    assert len(fake.sessions) == 1
    assert len(server.requests) == 1


# -- a caller who speaks on -----------------------------------------------------------------------


async def test_a_caller_who_speaks_over_the_goodbye_keeps_the_line(ring, autojump_clock):
    bye = RealtimeTurn("Thank you for calling us, and goodbye.", [("hang_up", {})], heard="Thanks.")
    _, record, fake = await ring(
        [HELLO, bye, OPEN, END], caller=speech((5.0, 6.0), (8.0, 9.0), (20.0, 21.0))
    )
    assert said(record, "agent") == [GREETING, bye.text, ANSWER, BYE]
    ((_, output),) = fake.sessions[0].outputs
    assert output == "It has not come about: the caller spoke on."


async def test_a_caller_who_speaks_over_the_announcement_is_not_transferred(ring, autojump_clock):
    over = RealtimeTurn(
        "I will put you through to my colleague.", [("transfer", {"target": "boss"})], heard="Boss."
    )
    report, record, _ = await ring(
        [HELLO, over, OPEN, END],
        caller=speech((5.0, 6.0), (8.0, 9.0), (20.0, 21.0)),
        directory={"+13125550177": busy()},
        tools=("hang_up", "transfer"),
        transfers={"boss": {"to": "+13125550177", "description": "the boss"}},
    )
    assert record["transfers"] == []
    assert "transfer" not in report.actions
    assert said(record, "agent")[-1] == BYE


async def test_a_silent_caller_who_answers_the_goodbye_is_not_let_go(ring, autojump_clock):
    farewell = RealtimeTurn("Nobody seems to be there. Goodbye.")
    tables = {"call": {"silence_timeout_s": 4}, "turns": {"max_prompts": 1}}
    _, record, _ = await ring(
        [HELLO, RealtimeTurn("Are you there?"), farewell, OPEN, END],
        caller=speech((14.2, 15.2), (22.0, 23.0)),
        tables=tables,
    )
    assert agents_turn(record, 2)["heard"] == "part"
    assert said(record, "agent")[-2:] == [ANSWER, BYE]


async def test_a_hold_ends_as_soon_as_the_caller_speaks(ring, autojump_clock):
    holds = RealtimeTurn("I will wait.", [("hold", {"seconds": 60})], heard="Wait, please.")
    _, record, fake = await ring(
        [HELLO, holds, OPEN, END],
        caller=speech((5.0, 6.0), (12.0, 13.0), (22.0, 23.0)),
        tools=("hang_up", "hold"),
    )
    ((_, output),) = fake.sessions[0].outputs
    assert output == "The caller has spoken: the hold is over."
    assert record["duration_s"] < 27


async def test_a_message_for_a_machine_is_left_to_its_end_whatever_beeps(ring, autojump_clock):
    message = "This is the clinic. Please call us back about your appointment on Monday."
    leaves = RealtimeTurn("", [("leave_message", {"message": message})], heard="After the beep.")
    report, record, fake = await ring(
        [HELLO, leaves, RealtimeTurn(message), OPEN],
        caller=speech((5.0, 6.0), (8.0, 8.5), (10.0, 11.0)),
        tools=("hang_up", "leave_message"),
    )
    assert agents_turn(record, 1)["text"] == message
    assert agents_turn(record, 1)["heard"] == "all"
    assert record["end"]["reason"] == "agent_hung_up"
    assert fake.sessions[0].config["audio"]["input"]["turn_detection"] is None
    assert len(record["barge_ins"]) == 0
    assert report.clears == ()


# -- the operator's words -------------------------------------------------------------------------


async def test_all_that_the_model_is_asked_for_stands_behind_the_operators_prompt(
    ring, autojump_clock
):
    _, _, fake = await ring(
        [HELLO, OPEN, RealtimeTurn("I am sorry."), END],
        Drop(at_s=7.2),
        caller=speech((5.0, 6.0), (22.0, 23.0)),
        prompt="You are the clerk of Luigi's.",
    )
    for session in fake.sessions:
        assert session.instructions[0].startswith("You are the clerk of Luigi's.")


# -- budgets --------------------------------------------------------------------------------------


async def test_a_tool_counts_and_has_its_time_as_anybodys(ring, autojump_clock):
    _, record, fake = await ring(
        [HELLO, LOOKS, FOUND, END],
        caller=speech((5.0, 6.0), (20.0, 21.0)),
        tools=SLOW,
        tables={"budgets": {"tool_s": 2}},
    )
    assert [output for _, output in fake.sessions[0].outputs[:1]] == ["took too long"]
    (ran,) = record["tools"]
    assert (ran["name"], ran["seconds"], ran["ok"]) == ("slow", 2.0, False)
    assert record["spent"]["tokens"] == 40


SILENT = RealtimeTurn(heard="When are you open?", first_s=60.0)
AGAIN = [RealtimeTurn("", [("slow", {"number": "7"})]) for _ in range(4)]


@pytest.mark.parametrize(
    ("script", "budgets", "reason", "evidence"),
    [
        ([HELLO, OPEN], {"max_tokens": 15}, "budget_spent", "20 tokens, 15 are allowed"),
        ([HELLO, OPEN], {"max_minutes": 0.2}, "budget_spent", "0.2 minutes"),
        (
            [HELLO, *AGAIN],
            {"max_same_tool_calls": 3},
            "tool_repeated",
            "4 calls of the tool 'slow'",
        ),
        ([HELLO, *[SILENT] * 3], {"first_audio_s": 7}, "agent_too_slow", "no audio within 7 s"),
    ],
)
async def test_a_budget_ends_the_call_with_its_reason(
    ring, autojump_clock, script, budgets, reason, evidence
):
    report, record, _ = await ring(
        script, caller=speech((5.0, 6.0)), tools=SLOW, tables={"budgets": budgets}
    )
    assert record["end"]["reason"] == reason
    assert evidence in record["end"]["evidence"]
    assert report.agent_utterances[-1].text.startswith("I am sorry, something went wrong")


async def test_the_model_is_told_when_time_is_short_and_it_is_nobodys_go(ring, autojump_clock):
    _, record, fake = await ring(
        [HELLO, OPEN, RealtimeTurn("I have to go soon."), END],
        caller=speech((5.0, 6.0), (22.0, 23.0)),
        tables={"call": {"max_duration_s": 40}, "budgets": {"warn_left_s": 32}},
    )
    assert said(record, "agent") == [GREETING, ANSWER, "I have to go soon.", BYE]
    (asked,) = [text for text in fake.sessions[0].instructions if "will be cut" in text]
    assert "in 2" in asked  # seconds: the answer was on when they were 32


# -- keys -----------------------------------------------------------------------------------------


def keys(*pressed, spans=((24.0, 25.0),)):
    return PlayedCaller(speech(*spans), keys=list(pressed))


async def test_keys_are_told_as_one_number(ring, autojump_clock):
    noted = RealtimeTurn("Four two, thank you.")
    _, record, fake = await ring(
        [HELLO, noted, END], caller=keys((6.0, "4"), (6.5, "2"), (7.0, "#"))
    )
    assert fake.sessions[0].texts == [("user", "(keys: 42)")]
    assert said(record, "agent") == [GREETING, noted.text, BYE]
    assert "42" not in str(record["turns"])


async def test_a_key_interrupts_and_is_told_when_no_other_follows(ring, autojump_clock):
    long, noted = RealtimeTurn(ANSWER * 3), RealtimeTurn("One.")
    report, record, fake = await ring(
        [long, noted, END], caller=keys((2.0, "1"), spans=((15.0, 16.0),))
    )
    assert agents_turn(record, 0)["heard"] == "part"
    assert report.agent_utterances[0].end_s - report.streaming_s == pytest.approx(2.0, abs=0.2)
    ((_, heard_ms),) = fake.sessions[0].truncations
    assert heard_ms == pytest.approx(1800, abs=200)
    assert fake.sessions[0].texts == [("user", "(keys: 1)")]
    assert said(record, "agent")[1:] == [noted.text, BYE]


async def test_a_caller_who_may_not_interrupt_is_told_of_after_the_answer(ring, autojump_clock):
    noted = RealtimeTurn("One.")
    _, record, _ = await ring(
        [HELLO, noted, END],
        caller=keys((1.0, "1"), (1.2, "#"), spans=((15.0, 16.0),)),
        tables={"call": {"barge_in": False}},
    )
    assert agents_turn(record, 0)["heard"] == "all"
    assert said(record, "agent") == [GREETING, noted.text, BYE]


async def test_keys_pressed_while_there_is_no_session_are_told_to_the_next(ring, autojump_clock):
    noted = RealtimeTurn("One.")
    _, record, fake = await ring(
        [HELLO, noted, END],
        *(Drop(at_s=5.0), Stall()),
        caller=keys((6.0, "1"), (6.2, "#")),
        connect_s=2.0,
    )
    assert ("user", "(keys: 1)") in fake.sessions[-1].texts
    assert said(record, "agent") == [GREETING, noted.text, BYE]
    assert np.isfinite(record["duration_s"])
