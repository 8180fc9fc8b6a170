import trio

from voiced.call.milestones import Milestones


async def test_a_milestone_is_waited_for(autojump_clock, nursery):
    milestones = Milestones()

    async def live():
        for milestone in ("placed", "answered", "ended"):
            await trio.sleep(1)
            milestones.reach(milestone)

    nursery.start_soon(live)
    await milestones.wait("placed")
    assert (trio.current_time(), milestones.has("answered")) == (1, False)
    await milestones.wait("answered")
    assert trio.current_time() == 2
    await milestones.wait("ended")
    assert (trio.current_time(), milestones.has("placed")) == (3, True)


async def test_a_call_that_has_ended_comes_no_further(autojump_clock):
    milestones = Milestones()
    milestones.reach("ended")
    await milestones.wait("answered")
    assert not milestones.has("answered")
