"""Three times as many callers as there is room for: who is in is served well, the rest told so."""

import pytest
import trio

from voiced.testing.caller import silent_caller, tone_caller

CAPACITY = 10


async def ring_many(world, n_calls, *, apart_s, lasts_s):
    """Return the reports of callers who ring one after the other and stay so long."""
    reports = []

    async def ring():
        caller = tone_caller(starts_s=0.5, lasts_s=lasts_s - 1, hangs_up_s=lasts_s)
        reports.append(await world.telnyx.ring(caller))

    async with trio.open_nursery() as nursery:
        for _ in range(n_calls):
            nursery.start_soon(ring)
            await trio.sleep(apart_s)
    return reports


def parted(reports):
    """Return the calls that were answered, and the others."""
    served = [report for report in reports if report.first_audio_s is not None]
    return served, [report for report in reports if report.first_audio_s is None]


@pytest.mark.parametrize(
    ("limits", "key"),
    [
        ({"call": {"max_concurrent": CAPACITY}}, "[call] max_concurrent"),
        ({"inbound": {"calls_per_second": CAPACITY}}, "[inbound] calls_per_second"),
    ],
)
async def test_at_three_times_the_capacity_a_third_is_served_and_the_rest_is_busy(
    open_world, autojump_clock, limits, key
):
    async with open_world(**limits) as world:
        reports = await ring_many(world, 3 * CAPACITY, apart_s=0.001, lasts_s=6)
    served, refused = parted(reports)
    assert (len(served), len(refused)) == (CAPACITY, 2 * CAPACITY)
    for report in served:
        assert report.ended_by == "caller"
        assert report.playback.underruns == 0
        assert report.violations == ()
    for report in refused:
        assert report.actions == ("reject",)
        assert report.cause == "user_busy"
        assert report.violations == ()
    evidence = [r["end"]["evidence"] for r in world.records if r["end"]["reason"] == "refused_busy"]
    assert len(evidence) == 2 * CAPACITY
    assert all(key in text for text in evidence)


async def test_a_steady_stream_of_callers_is_answered_at_the_rate_that_is_allowed(
    open_world, autojump_clock
):
    async with open_world(inbound={"calls_per_second": 2}) as world:
        served, refused = parted(await ring_many(world, 60, apart_s=1 / 6, lasts_s=2))
    assert len(served) == pytest.approx(2 * 10, abs=2)
    assert len(refused) == 60 - len(served)


async def test_a_late_loop_takes_no_more_calls_until_it_has_recovered(open_world, autojump_clock):
    async with open_world(inbound={"max_lag_ms": 40}) as world:
        lag = world.switchboard.generation.services.lag
        outcomes = []
        for lag_s in (0.03, 0.05, 0.03, 0.015, 0.03):
            lag.smoothed_s = lag_s
            report = await world.telnyx.ring(silent_caller(hangs_up_s=1))
            outcomes.append(report.actions)
    assert outcomes == [("answer",), ("reject",), ("reject",), ("answer",), ("answer",)]


async def test_the_refused_may_be_told_by_a_spoken_message(open_world, autojump_clock):
    inbound = {"max_lag_ms": 40, "when_full": "message", "full_message": "All lines are busy."}
    async with open_world(inbound=inbound) as world:
        world.switchboard.generation.services.lag.smoothed_s = 1.0
        report = await world.telnyx.ring(silent_caller())
    assert report.actions == ("answer", "speak", "hangup")
    assert report.violations == ()


async def test_a_loop_that_each_call_makes_later_serves_as_many_as_it_can_bear(
    open_world, autojump_clock
):
    """A call costs 3 ms of each round of the loop, and a round must take no more than 20 ms."""

    async def get_later_with_each_call(world):
        lag = world.switchboard.generation.services.lag
        while True:
            round_s = 0.003 * world.switchboard.n_calls
            await trio.sleep(0.05)
            lag.note(round_s, 0.05 + round_s)

    async with (
        open_world(inbound={"max_lag_ms": 20}) as world,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(get_later_with_each_call, world)
        reports = await ring_many(world, 21, apart_s=1, lasts_s=25)
        served, refused = parted(reports)
        assert 6 <= len(served) <= 8
        assert len(refused) == 21 - len(served)
        late = await world.telnyx.ring(silent_caller(hangs_up_s=1))
        assert late.actions == ("answer",)
        nursery.cancel_scope.cancel()
    assert all(report.playback.underruns == 0 for report in served)


@pytest.mark.slow
@pytest.mark.parametrize("apart_s", [0.02, 0.3, 1.5])
async def test_calls_are_counted_before_it_can_be_seen_what_they_take(
    open_world, autojump_clock, apart_s
):
    """Each call takes a tenth of the loop: eight leave a bit of it, however fast they come."""

    async def be_busy(world):
        lag = world.switchboard.generation.services.lag
        while True:
            await trio.sleep(0.05)
            n_calls = world.switchboard.count_streaming()
            lag.note(0.0, 0.05, 0.05 * max(0.0, 1 - 0.1 * n_calls), n_calls)

    async with open_world() as world, trio.open_nursery() as nursery:
        nursery.start_soon(be_busy, world)
        await ring_many(world, 2, apart_s=0.1, lasts_s=5)  # from these it knows
        served, refused = parted(
            await ring_many(world, 12, apart_s=apart_s, lasts_s=12 * apart_s + 3)
        )
        nursery.cancel_scope.cancel()
    assert (len(served), len(refused)) == (8, 4)
