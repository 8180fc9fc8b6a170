"""What a call writes into the log: everything that happened, and nothing that is anybody's own."""

from __future__ import annotations

import json

import trio

from tests.call.conftest import OUR_NUMBER
from voiced.log import configure_logging
from voiced.testing.caller import silent_caller
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, Speech

CALLER = "+13125550100"
SCRIPT = [Speech(from_s=4, to_s=5, text="my secret"), Speech(from_s=8, to_s=9, text="goodbye")]
SAID = ("my secret", "goodbye", "Hello, this is the test line", "You said")


def lines_of(text):
    return [json.loads(line) for line in text.getvalue().splitlines()]


async def converse(open_world, greeter):
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(SCRIPT)) as world:
        await world.ring(silent_caller())
    (record,) = world.records
    return world, record


async def test_each_event_is_a_line_with_the_calls_id(
    open_world, autojump_clock, greeter, log_text
):
    _, record = await converse(open_world, greeter)
    told = [line["event"] for line in lines_of(log_text) if line.get("call") == record["call_id"]]
    for event in ("call rings", "call answered", "caller said", "agent speaks", "caller heard"):
        assert event in told
    assert told.count("caller said") == 2
    assert told[-1] == "call ended" or "call ended" in told


async def test_no_number_no_word_and_no_secret_gets_out(
    open_world, autojump_clock, greeter, log_text
):
    world, _ = await converse(open_world, greeter)
    text = log_text.getvalue()
    for private in (CALLER, OUR_NUMBER, *SAID, world.telnyx.api_key, world.telnyx.public_key):
        assert private not in text
    assert not any(key.startswith("personal_") for line in lines_of(log_text) for key in line)


async def test_who_asks_for_them_gets_numbers_and_words_in_marked_fields_only(
    open_world, autojump_clock, greeter, log_text
):
    configure_logging("debug", "json", log_text, personal=True)
    await converse(open_world, greeter)
    lines = lines_of(log_text)
    log_text.truncate(0)  # the check of all calls must not find what was asked for
    (rings,) = [line for line in lines if line["event"] == "call rings"]
    assert (rings["personal_from"], rings["personal_to"]) == (CALLER, OUR_NUMBER)
    said = [line["personal_text"] for line in lines if line["event"] == "caller said"]
    assert said == ["my secret", "goodbye"]
    for line in lines:
        unmarked = {k: v for k, v in line.items() if not k.startswith("personal_")}
        assert not any(private in json.dumps(unmarked) for private in (CALLER, *SAID))


async def test_a_transfer_tells_no_target(open_world, autojump_clock, log_text):
    to = "+13125550142"

    async def hand_over(reply):
        await reply.say("One moment please.")
        reply.transfer(to)

    async with open_world(agent=FunctionAgent(greet=hand_over)) as world:
        await world.ring(silent_caller())
        await trio.sleep(5)  # until the call has learned of its end
    assert "transfer begins" in [line["event"] for line in lines_of(log_text)]
    assert to not in log_text.getvalue()
