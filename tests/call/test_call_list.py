"""A list of numbers, from the CSV to the emulated Telnyx: campaign, admin API, dialer, calls."""

from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio

from tests.call.test_dialer import (
    BUSY,
    DIRECTORY,
    FAST,
    FORBIDDEN,
    HUMAN,
    MACHINE,
    NOBODY,
    SILENT,
    UNWILLING,
)
from voiced.admin import make_admin_app
from voiced.campaign import Limits, call_list
from voiced.errors import CallListError
from voiced.metrics import Metrics
from voiced.remote.client import AdminClient, Where
from voiced.remote.lists import PATIENCE_S, Placer

LIST = "number\n" + "\n".join((HUMAN, BUSY, SILENT, UNWILLING, NOBODY, MACHINE)) + "\n"
OUTCOMES = {
    "line 2: completed",
    "line 3: busy",
    "line 4: no_answer",
    "line 5: declined",
    "line 6: bad_number",
    "line 7: completed",
}
WHERE = Where(url="http://127.0.0.1:1", token="")


def make_order(number, variables, key):
    return {"to": number, "variables": dict(variables), "idempotency_key": key}


@asynccontextmanager
async def open_list(world, tmp_path, text=LIST):
    """Yield what runs a list against a world's daemon, by its admin API."""
    path = tmp_path / "list.csv"
    path.write_text(text)
    app: Any = make_admin_app(
        world.switchboard,
        world.dialer,
        world.store,
        None,
        Metrics(),
        token="",
        drain=world.switchboard.refuse_new_calls,
        wall_clock=lambda: 0.0,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), headers={"content-type": "application/json"}
    ) as http:
        placer = Placer(AdminClient(http, WHERE), make_order)

        async def run(**limits):
            said: list[str] = []
            done = await call_list(
                path,
                Limits(**{"at_once": 2, "per_s": 100.0, "retries": {}, **limits}),
                placer.place,
                wall=lambda: 1_770_000_000.0 + trio.current_time(),
                say=said.append,
                ask=placer.ask,
            )
            return done, said

        yield run


async def test_a_list_is_called_to_its_end(open_world, tmp_path, autojump_clock):
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        async with open_list(world, tmp_path) as run:
            done, said = await run()
            assert done
            assert set(said[1:-1]) == OUTCOMES
            dialled = [request.body["to"] for request in world.telnyx.dialling.requests]
            assert sorted(dialled) == sorted(LIST.split()[1:])
            done, said = await run()
            assert done
            assert len(world.telnyx.dialling.requests) == 6


@pytest.mark.parametrize("killed_after_s", [0.01, 1.0, 5.0, 20.0, 28.0])
async def test_a_list_that_was_killed_goes_on_and_calls_nobody_twice(
    open_world, tmp_path, autojump_clock, killed_after_s
):
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        async with open_list(world, tmp_path) as run:
            with trio.move_on_after(killed_after_s) as killed:
                await run()
            assert killed.cancelled_caught
            done, said = await run()
            assert done
            assert said[-1] == "6 done (1 bad_number, 1 busy, 2 completed, 1 declined, 1 no_answer)"
            dialled = [request.body["to"] for request in world.telnyx.dialling.requests]
            assert sorted(dialled) == sorted(LIST.split()[1:])


async def test_a_full_daemon_delays_a_list(open_world, tmp_path, autojump_clock):
    async with open_world(outbound=FAST, call={"max_concurrent": 1}) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        async with open_list(world, tmp_path) as run:
            done, said = await run(at_once=3)
            assert done
            assert set(said[1:-1]) == OUTCOMES


async def test_a_daemon_that_drains_ends_a_list_and_marks_nobody(
    open_world, tmp_path, autojump_clock
):
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        async with open_list(world, tmp_path) as run, trio.open_nursery() as nursery:

            async def drain():
                await trio.sleep(5)
                world.switchboard.refuse_new_calls()

            nursery.start_soon(drain)
            done, said = await run()
            assert not done
            assert said[-1] == "ended early: the daemon is draining and places no calls"
            assert said[-2].endswith("to be called")
            n_done = int(said[-2].split()[0])
            assert len(world.telnyx.dialling.requests) == n_done


async def test_orders_that_waited_in_a_daemon_that_drained_are_called_later(
    open_world, tmp_path, autojump_clock
):
    slow = {**FAST, "calls_per_second": 0.05}
    async with open_world(outbound=slow) as world:
        world.telnyx.directory.entries.update(DIRECTORY)
        async with open_list(world, tmp_path) as run, trio.open_nursery() as nursery:

            async def drain():
                await trio.sleep(5)
                world.switchboard.refuse_new_calls()

            nursery.start_soon(drain)
            _, said = await run()
            assert said[-2] == "1 done (1 completed); 5 to be called"


async def test_an_account_problem_ends_a_list(open_world, tmp_path, autojump_clock):
    numbers = [f"+1312555020{n}" for n in range(6)]
    async with open_world(outbound=FAST) as world:
        world.telnyx.directory.entries.update(dict.fromkeys(numbers, DIRECTORY[FORBIDDEN]))
        async with open_list(world, tmp_path, "number\n" + "\n".join(numbers)) as run:
            done, said = await run(at_once=1)
            assert not done
            assert "voiced doctor" in said[-1]
            assert len(world.telnyx.dialling.requests) == 3


async def test_a_daemon_that_does_not_place_calls_at_all_marks_nobody(
    open_world, tmp_path, autojump_clock
):
    silent = {**FAST, "caller_id": ""}
    async with open_world(outbound=silent) as world, open_list(world, tmp_path) as run:
        done, said = await run()
        assert not done
        assert said[-2] == "0 done; 6 to be called"
        assert "set [outbound] caller_id" in said[-1]


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (httpx.ConnectError("no"), "0 done; 6 to be called"),
        (httpx.ReadError("no"), "0 done; 4 to be called; 2 interrupted, and not called again"),
    ],
)
async def test_a_daemon_that_stays_away_ends_a_list(tmp_path, autojump_clock, error, left):
    def away(request):
        raise error

    path = tmp_path / "list.csv"
    path.write_text(LIST)
    async with httpx.AsyncClient(transport=httpx.MockTransport(away)) as http:
        said: list[str] = []
        began = trio.current_time()
        done = await call_list(
            path,
            Limits(at_once=2, per_s=100.0),
            Placer(AdminClient(http, WHERE), make_order).place,
            wall=trio.current_time,
            say=said.append,
        )
        assert not done
        assert trio.current_time() - began == pytest.approx(PATIENCE_S, abs=3)
    assert said[-2] == left


async def nobody(number, variables, key):
    raise AssertionError("nobody is called")


async def test_a_list_with_a_faulty_state_is_not_begun(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    state = tmp_path / "elsewhere"
    state.write_text("no\n")
    with pytest.raises(CallListError, match="elsewhere, line 1"):
        await call_list(path, Limits(), nobody, wall=trio.current_time, say=print, state_file=state)
