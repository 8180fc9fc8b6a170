"""The agent's task: who answered, the talk, transfers; with its neighbours played by the test."""

from typing import Any

import pytest
import trio

from voiced.call.agent_task import AgentTask
from voiced.call.reply import Transfer
from voiced.config import parse_config
from voiced.leg.leg import EndReason
from voiced.telnyx.machine import Judgement, Verdict

TO = "+13125550177"


class Stage:
    """An agent that talks for `talks_s` and then decides; a machine may turn out after a while."""

    def __init__(self, decision, *, talks_s=3.0, machine_after_s=None, **outbound):
        self.unheard_in, self.unheard = trio.open_memory_channel[Any](1)
        self.talks = 0
        self.clears = 0
        self.transfers: list[str] = []
        self.messages: list[str] = []
        self.ended: list[EndReason] = []
        self._decision = decision
        self._talks_s = talks_s
        self._machine_after_s = machine_after_s
        stage: Any = self
        self.task = AgentTask(
            stage,
            stage,
            stage,
            stage,
            answerer=None if machine_after_s is None else stage,
            config=parse_config({"outbound": outbound}, {}).outbound,
        )

    async def talk(self, failed):
        del failed
        self.talks += 1
        await trio.sleep(self._talks_s)
        return self._decision

    async def leave_message(self, text):
        await trio.sleep(1)
        self.messages.append(text)

    def clear(self):
        self.clears += 1

    async def run(self, transfer):
        self.transfers.append(transfer.to)
        await trio.sleep_forever()

    def end(self, reason, evidence):
        assert evidence
        self.ended.append(reason)

    async def decided(self):
        await trio.lowlevel.checkpoint()

    async def is_no_person(self):
        await trio.sleep(self._machine_after_s)
        return self._judgement

    async def settled(self):
        await trio.lowlevel.checkpoint()
        return self._judgement

    @property
    def _judgement(self):
        return Judgement(verdict=Verdict.MACHINE_READY, presumed=False, reason="machine")

    async def play(self, within_s=10):
        with trio.move_on_after(within_s):
            await self.task.run()


async def test_a_machine_that_turns_out_late_is_left_the_message(autojump_clock):
    stage = Stage(EndReason.AGENT_HUNG_UP, machine_after_s=1, voicemail_message="Hello.")
    await stage.play()
    assert stage.messages == ["Hello."]
    assert stage.ended == [EndReason.VOICEMAIL_LEFT]


async def test_a_machine_with_which_the_agent_carries_on_changes_nothing(autojump_clock):
    stage = Stage(EndReason.AGENT_HUNG_UP, machine_after_s=1, on_machine="carry on")
    await stage.play()
    assert stage.ended == [EndReason.AGENT_HUNG_UP]
    assert stage.clears == 0


async def test_a_machine_that_turns_out_once_the_leg_is_handed_over_is_not_ours(autojump_clock):
    stage = Stage(Transfer(TO), talks_s=1, machine_after_s=2, voicemail_message="Hello.")
    await stage.play()
    assert stage.transfers == [TO]
    assert (stage.messages, stage.ended) == ([], [])


async def test_a_transfer_may_be_ordered_before_the_agent_has_begun(autojump_clock):
    stage = Stage(EndReason.AGENT_HUNG_UP)
    assert stage.task.transfer(TO)
    assert not stage.task.transfer(TO)
    await stage.play()
    assert stage.talks == 0
    assert stage.transfers == [TO]


@pytest.mark.parametrize("when_s", [0, 1])
async def test_a_leg_that_is_given_away_is_neither_talked_to_nor_transferred(
    autojump_clock, when_s
):
    stage = Stage(EndReason.AGENT_HUNG_UP)
    async with trio.open_nursery() as nursery:
        if when_s:
            nursery.start_soon(stage.play)
            await trio.sleep(when_s)
            stage.task.fall_silent()
        else:
            stage.task.fall_silent()
            nursery.start_soon(stage.play)
        assert not stage.task.transfer(TO)
    assert (stage.transfers, stage.ended) == ([], [])
