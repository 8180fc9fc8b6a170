"""Whole calls whose callers press keys: socket and webhook tell of them, late, twice, or alone."""

import numpy as np
import pytest

from voiced.testing.caller import PlayedCaller
from voiced.testing.faults import Faults
from voiced.testing.providers import FunctionAgent
from voiced.turns.expect import ExpectDigits

WEBHOOK = "call.dtmf.received"
TOLD = {
    "by both": Faults(),
    "by the webhook first": Faults(socket_keys_late_s=0.4),
    "by the socket first": Faults(late=((WEBHOOK, 0.4),)),
    "by the socket alone": Faults(lost=frozenset({WEBHOOK})),
    "by the webhook alone": Faults(socket_keys_late_s=60.0),
    "by a webhook that comes twice": Faults(duplicates=frozenset({WEBHOOK})),
}


def dialling(digits, *, every_s=0.25, hangs_up_s=6.0):
    keys = [(1.0 + n * every_s, digit) for n, digit in enumerate(digits)]
    return PlayedCaller(np.zeros(0, np.int16), keys=keys, hangs_up_s=hangs_up_s)


@pytest.mark.parametrize("told", TOLD)
async def test_each_key_reaches_the_dialogue_once(open_world, autojump_clock, told):
    async def greet(reply):
        reply.expect(ExpectDigits(max_length=6, terminator="#"))
        await reply.say("Your number, please.")

    agent = FunctionAgent(greet=greet)
    async with open_world(agent=agent) as world:
        report = await world.ring(dialling("11223#"), faults=TOLD[told])
    assert agent.dialogues[0].digits == ["11223"]
    assert "".join(key.digit for key in report.keys_pressed) == "11223#"
    assert report.violations == ()
