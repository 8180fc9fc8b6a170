"""Warm transfers: the target is asked before the caller is handed over."""

import numpy as np
import pytest
import trio

from voiced.agent.briefing import CONNECTING, DECLINED
from voiced.ledger import LegBooks
from voiced.testing.callees import Answers, busy, human
from voiced.testing.caller import PlayedCaller, silent_caller
from voiced.testing.emulator import Account
from voiced.testing.faults import Faults, RestFault
from voiced.testing.providers import FunctionAgent
from voiced.testing.rules import Latencies

TARGET = "+13125550177"
BRIEFING = "Mister Smith is on the line about his order."


@pytest.fixture
def clerk():
    """Transfers at once; takes the caller back with the reason and hangs up."""

    async def greet(reply):
        await reply.say("One moment please.")
        reply.transfer(TARGET, BRIEFING)

    async def take_back(reason, reply):
        await reply.say(f"They cannot come, they said {reason}.")
        reply.hang_up()

    return FunctionAgent(greet=greet, take_back=take_back)


def keys(*digits, at_s=6.0):
    """Somebody who answers and presses keys."""
    pressed = [(at_s + n, digit) for n, digit in enumerate(digits)]
    silence = np.zeros(0, np.int16)
    return Answers(party=lambda: PlayedCaller(silence, keys=pressed), after_s=3.0)


async def hold(world, target, caller=None):
    world.telnyx.directory.entries[TARGET] = target
    report = await world.ring(caller or silent_caller(hangs_up_s=60))
    await world.switchboard.drain()
    records = {record["direction"]: record for record in world.records}
    return report, records["incoming"], records.get("outgoing")


def said(record):
    return [turn["text"] for turn in record["turns"] if turn["who"] == "agent"]


async def test_a_target_who_takes_the_call_is_briefed_and_bridged(
    open_world, autojump_clock, clerk
):
    async with open_world(agent=clerk) as world:
        report, caller, target = await hold(world, keys("1"))
        other = await world.telnyx.dialled()
    assert caller["end"]["reason"] == target["end"]["reason"] == "transferred"
    assert caller["transfers"][0]["outcome"] == "bridged"
    assert said(target)[0] == BRIEFING
    assert said(target)[-1] == CONNECTING
    assert [bridge.call_control_id for bridge in report.bridges] == [other.call_control_id]
    assert report.violations == other.violations == ()
    assert not report.zombie
    assert not other.zombie


@pytest.mark.parametrize("reply_s", [0.011, 3.0])
async def test_bridged_legs_are_no_longer_ours_to_end_whichever_news_comes_first(
    open_world, autojump_clock, clerk, monkeypatch, reply_s
):
    given_away = []

    async def note(books, *, is_bridged=True):
        given_away.append((books, is_bridged))
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(LegBooks, "bridged", note)
    account = Account(latencies=Latencies(reply_s=reply_s))
    async with open_world(agent=clerk, emulator={"account": account}) as world:
        await hold(world, keys("1", at_s=12.0))
    assert len({id(books) for books, is_bridged in given_away if is_bridged}) == 2


@pytest.mark.parametrize(
    ("target", "reason"),
    [(keys("2"), "declined"), (busy(), "busy"), (human(after_s=90), "no answer")],
)
async def test_a_target_who_does_not_come_brings_the_caller_back(
    open_world, autojump_clock, clerk, target, reason
):
    outbound = {"ring_timeout_s": 20}
    async with open_world(agent=clerk, outbound=outbound) as world:
        report, caller, other = await hold(world, target)
    assert caller["transfers"][0]["outcome"] == reason
    assert said(caller)[-1] == f"They cannot come, they said {reason}."
    assert caller["end"]["reason"] == "agent_hung_up"
    assert report.bridges == ()
    assert report.violations == ()
    if reason == "declined":
        assert said(other)[-1] == DECLINED


async def test_a_target_who_says_nothing_is_not_held_for_ever(open_world, autojump_clock, clerk):
    call = {"silence_timeout_s": 3}
    async with open_world(agent=clerk, call=call) as world:
        _, caller, other = await hold(world, human(after_s=3.0))
    assert caller["transfers"][0]["outcome"] == "declined"
    assert other["end"]["reason"] in {"agent_hung_up", "silence"}


async def test_a_caller_who_goes_takes_the_targets_leg_along(open_world, autojump_clock, clerk):
    async with open_world(agent=clerk) as world:
        report, caller, other = await hold(
            world, human(after_s=3.0), caller=silent_caller(hangs_up_s=8)
        )
        target = await world.telnyx.dialled()
    assert caller["end"]["reason"] == "caller_hung_up"
    assert other["end"]["reason"] == "agent_hung_up"
    assert target.actions[-1] == "hangup"
    assert report.bridges == ()


async def test_a_bridge_that_telnyx_refuses_brings_the_caller_back(
    open_world, autojump_clock, clerk
):
    async with open_world(agent=clerk) as world:
        world.telnyx.directory.entries[TARGET] = keys("1")
        faults = Faults(rest=(RestFault(action="bridge", trouble="fail", times=99),))
        report = await world.ring(silent_caller(hangs_up_s=90), faults=faults)
        await world.switchboard.drain()
    caller = next(r for r in world.records if r["direction"] == "incoming")
    assert caller["transfers"][0]["outcome"] == "refused"
    assert caller["end"]["reason"] == "agent_hung_up"
    assert not report.zombie
    await trio.lowlevel.checkpoint()
