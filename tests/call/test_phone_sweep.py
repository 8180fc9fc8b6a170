"""An agent that uses the telephone is cut off at every single step of its call's tasks."""

import pytest
import trio

from tests.call.test_cancel_sweep import (  # noqa: F401 - the fixture is used by its name
    ObedientCaller,
    Probe,
    _same_order_every_time,
    assert_clean,
    hangup_of,
    ring,
    sweep,
)
from voiced.testing.caller import tone
from voiced.testing.providers import FunctionAgent

SONG = "https://sounds.test/song.wav"
ALL = (
    *("answer", "speak", "playback_start", "playback_stop", "send_dtmf", "record_pause", "gather"),
    *("record_resume", "streaming_stop", "streaming_start", "hangup"),
)


@pytest.fixture
def acting():
    """A call of two seconds: a speech, a file that is cut off, keys both ways, a pause."""

    async def greet(reply):
        phone = reply.phone
        await phone.speak("Hi")
        await phone.play(SONG, within_s=0.1)
        await phone.press("1", duration_millis=100)
        async with phone.recording_paused():
            await phone.gather(initial_timeout_millis=100)
        await phone.stop_streaming()
        await phone.start_streaming()
        await trio.sleep(0.2)
        reply.hang_up()

    return {
        "agent": FunctionAgent(greet=greet),
        "recording": {"telnyx": "from_answer"},
        "call": {"apology": ""},
    }


@pytest.mark.slow
async def test_a_hangup_webhook_at_any_step_leaves_nothing(open_world, autojump_clock, acting):
    async with open_world(**acting) as world:
        world.telnyx.media[SONG] = tone(700.0, 0.5)

        async def run_point(point):
            caller = ObedientCaller()

            def strike():
                caller.has_gone = True
                world.switchboard.webhook(hangup_of(probe.call_id))

            probe = Probe(point, strike)
            report = await ring(world, caller, probe)
            where = f"call.hangup at step {point}"
            assert_clean(probe, report, world.records[-1], where)
            assert world.records[-1]["end"]["reason"] in {"caller_hung_up", "agent_hung_up"}, where
            if probe.struck_at is None:
                assert report.actions == ALL, "the call had not its whole life"
            return probe.struck_at is not None

        assert await sweep(run_point) > 100
        assert world.switchboard.snapshot() == []
