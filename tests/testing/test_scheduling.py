"""A seed repeats the order of tasks that are ready together."""

import trio

from voiced.testing.scheduling import shuffled_by


def order(seed):
    ran = []

    async def note(number):
        await trio.lowlevel.checkpoint()
        ran.append(number)

    async def main():
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(note, number)

    with shuffled_by(seed):
        trio.run(main)
    return ran


def test_a_seed_gives_the_same_order_again():
    assert order(3) == order(3)


def test_another_seed_gives_another_order():
    assert len({tuple(order(seed)) for seed in range(10)}) > 5


def test_what_was_random_goes_on_as_if_nothing_had_been():
    run = trio._core._run
    state, flag = run._r.getstate(), run._ALLOW_DETERMINISTIC_SCHEDULING
    order(1)
    assert run._r.getstate() == state
    assert run._ALLOW_DETERMINISTIC_SCHEDULING is flag
