"""Every budget of a call ends it, with a reason of its own in the record."""

import pytest
import trio

from voiced.testing.caller import silent_caller
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, ToneSynthesizer


async def say_much(reply):
    await reply.say("One two three four five six seven eight nine ten.")


async def think_for_ever(reply):
    await trio.sleep_forever()


async def use_a_slow_tool(reply):
    async with reply.tool("lookup"):
        await trio.sleep(60)


async def use_a_tool_again_and_again(reply):
    while True:
        async with reply.tool("lookup", "the same"):
            await trio.sleep(0.1)


async def spend_tokens(reply):
    await trio.sleep(0.1)
    reply.spend(101)


async def talk_on(reply):
    while True:
        await reply.say("And so on and so on.")


@pytest.mark.parametrize(
    ("greet", "tables", "reason", "evidence"),
    [
        (think_for_ever, {"budgets": {"first_words_s": 3}}, "agent_too_slow", "no words within 3"),
        (say_much, {"budgets": {"first_audio_s": 4}}, "synthesizer_too_slow", "no audio within 4"),
        (use_a_slow_tool, {"budgets": {"tool_s": 5}}, "tool_too_slow", "longer than 5 s"),
        (
            use_a_tool_again_and_again,
            {"budgets": {"max_same_tool_calls": 3}},
            "tool_repeated",
            "4 calls of the tool 'lookup'",
        ),
        (spend_tokens, {"budgets": {"max_tokens": 100}}, "budget_spent", "101 tokens"),
        (say_much, {"budgets": {"max_characters": 20}}, "budget_spent", "characters"),
        (talk_on, {"budgets": {"max_minutes": 0.2}}, "budget_spent", "0.2 minutes"),
        (talk_on, {"call": {"max_duration_s": 15}}, "max_duration", "15 s"),
    ],
)
async def test_a_budget_ends_the_call_with_its_reason(
    open_world, autojump_clock, greet, tables, reason, evidence
):
    late_s = 60.0 if reason == "synthesizer_too_slow" else 0.05
    async with open_world(
        agent=FunctionAgent(greet=greet),
        recognizer=ScriptedRecognizer(),
        synthesizer=ToneSynthesizer(first_audio_s=late_s),
        **tables,
    ) as world:
        report = await world.ring(silent_caller())
    end = world.records[0]["end"]
    assert end["reason"] == reason
    assert evidence in end["evidence"]
    assert report.ended_by == "agent"
    assert not report.zombie


async def test_minutes_count_the_talk_with_the_agent(open_world, autojump_clock):
    agent = FunctionAgent(greet=talk_on)
    async with open_world(
        agent=agent, recognizer=ScriptedRecognizer(), budgets={"max_minutes": 0.5}
    ) as world:
        report = await world.ring(silent_caller())
    (speak,) = [command for command in report.commands if command.action == "speak"]
    assert speak.at_s - report.streaming_s == pytest.approx(30.0, abs=0.2)
    spent = world.records[0]["spent"]
    assert (spent["tokens"], spent["minutes"]) == (0, 0.5)
    assert spent["characters"] > 100
