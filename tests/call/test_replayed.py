"""A call that was just recorded is held again as it was, whoever ended it and by whatever."""

from functools import partial

import pytest
import trio

from tests.recordings.remake import in_place
from voiced.flight.reading import read_flight
from voiced.flight.recorder import open_flights
from voiced.leg.leg import EndReason
from voiced.testing.caller import silent_caller
from voiced.testing.providers import FunctionAgent
from voiced.testing.replay import replay


@pytest.fixture
def recorded(open_world, greeter, tmp_path):
    """Ring, do something meanwhile, and hold the call again; returns both records."""

    async def run(meanwhile=None, *, agent=greeter, caller=None, at_s=2.0, media=(), **tables):
        async def interfere(switchboard):
            await trio.sleep(at_s)
            await meanwhile(switchboard)

        async with (
            open_flights(lambda record: tmp_path / record["ref"], in_place) as flights,
            open_world(agent=agent, flights=flights, **tables) as world,
            trio.open_nursery() as nursery,
        ):
            world.telnyx.media.update(media)
            if meanwhile is not None:
                nursery.start_soon(interfere, world.switchboard)
            await world.ring(caller or silent_caller(hangs_up_s=4.0))
            nursery.cancel_scope.cancel()
        (record,) = world.records
        (path,) = tmp_path.glob("*/wire.jsonl*")
        replayed = await trio.to_thread.run_sync(replay, read_flight(path))
        assert replayed.differences() == []
        return record, replayed.record

    return run


async def end(reason, switchboard):
    ((_, call),) = switchboard.live()
    call.end_from_outside(reason, "told to")
    await trio.lowlevel.checkpoint()


async def reach_drain_limit(switchboard):
    switchboard.end_all(EndReason.DRAIN_LIMIT, "the limit is reached")
    await trio.lowlevel.checkpoint()


async def close(switchboard):
    await switchboard.close()


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (partial(end, EndReason.OPERATOR_HUNG_UP), "operator_hung_up"),
        (reach_drain_limit, "drain_limit"),
        (close, "shutdown"),
    ],
)
@pytest.mark.parametrize("at_s", [0.02, 0.07, 2.0003])
async def test_who_ended_it_from_outside_ends_it_again(
    recorded, autojump_clock, meanwhile, reason, at_s
):
    first, second = await recorded(meanwhile, at_s=at_s)
    assert first["end"] == second["end"]
    assert first["end"]["reason"] == reason
    assert first["duration_s"] == second["duration_s"] < at_s


@pytest.mark.parametrize("when_full", ["busy", "message"])
async def test_a_call_for_which_there_was_no_room_is_refused_again(
    recorded, autojump_clock, monkeypatch, when_full
):
    inbound = {"when_full": when_full, "full_message": "All lines are busy."}
    with monkeypatch.context() as patched:
        patched.setattr("voiced.switchboard.gate.Gate.is_lagging", lambda *_: True)
        record, _ = await recorded(inbound=inbound)
    assert record["end"]["reason"] == "refused_busy"


async def test_what_telnyx_records_is_recorded_again(recorded, autojump_clock):
    async def greet(reply):
        await reply.say("Hello.")
        async with reply.phone.recording_paused():
            await reply.phone.press("1")
        reply.hang_up()

    await recorded(agent=FunctionAgent(greet=greet), recording={"telnyx": "from_answer"})
