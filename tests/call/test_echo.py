"""The smallest whole call: answered, echoed, hung up."""

import numpy as np
import pytest

from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.faults import Faults


async def test_a_tone_comes_back_within_forty_milliseconds(open_world, autojump_clock):
    async with open_world() as world:
        report = await world.ring(tone_caller(hangs_up_s=3.0), background_dbfs=None)
    onset_in = np.argmax(np.abs(report.spoken) > 1000)
    onset_out = np.argmax(np.abs(report.heard) > 1000)
    assert 0 < (onset_out - onset_in) / 8000 <= 0.040
    assert report.playback.underruns == 0
    assert report.violations == ()


async def test_hangup_by_the_caller_ends_the_call_and_is_the_reason(open_world, autojump_clock):
    async with open_world() as world:
        report = await world.ring(silent_caller(hangs_up_s=2.0))
    assert report.ended_by == "caller"
    assert not report.zombie
    (record,) = world.records
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["state"] == "ended"
    assert record["hangup_confirmed"] is True
    assert record["from"] == report.from_
    assert record["answered_after_s"] == pytest.approx(report.streaming_s, abs=0.05)
    assert record["counters"]["inbound"]["lost"] == 0


async def test_a_call_ends_at_its_longest_duration(open_world, autojump_clock):
    async with open_world(call={"max_duration_s": 10}) as world:
        report = await world.ring(silent_caller())
    assert report.ended_by == "agent"
    assert report.ended_s == pytest.approx(10.0, abs=0.1)
    assert world.records[0]["end"]["reason"] == "max_duration"
    assert report.actions == ("answer", "hangup")


async def test_a_pcma_leg_is_decoded_as_what_it_is_and_answered_as_declared(
    open_world, autojump_clock
):
    async with open_world() as world:
        report = await world.ring(
            tone_caller(hangs_up_s=3.0),
            faults=Faults(inbound_codec="PCMA"),
            background_dbfs=None,
        )
    loud = np.abs(report.heard_between(1.5, 1.9)).max()
    assert loud == pytest.approx(np.abs(report.spoken).max(), rel=0.05)
