"""The doorbell wakes its one waiter, remembers a ring, and keeps a deadline."""

import pytest
import trio
import trio.testing

from voiced.doorbell import Doorbell

NEVER = float("inf")


async def test_a_ring_wakes_the_waiter(autojump_clock):
    bell, woken = Doorbell(), []

    async def wait():
        await bell.wait(NEVER)
        woken.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(1)
        bell.ring()
        bell.ring()
    assert woken == [1.0]


async def test_rings_while_nobody_waits_count_as_one(autojump_clock):
    bell = Doorbell()
    bell.ring()
    bell.ring()
    await bell.wait(NEVER)
    await bell.wait(2.0)
    assert trio.current_time() == 2.0


async def test_the_deadline_ends_a_wait_and_a_later_ring_is_kept(autojump_clock):
    bell = Doorbell()
    await bell.wait(3.0)
    assert trio.current_time() == 3.0
    bell.ring()
    await bell.wait(NEVER)
    assert trio.current_time() == 3.0


async def test_a_cancelled_wait_leaves_the_bell_usable(autojump_clock):
    bell = Doorbell()
    with trio.move_on_after(1):
        await bell.wait(NEVER)
    bell.ring()
    with trio.testing.assert_no_checkpoints():
        await bell.wait(NEVER)
    with pytest.raises(trio.TooSlowError), trio.fail_after(1):
        await bell.wait(NEVER)
