"""The figures of the day survive a restart."""

from datetime import UTC, datetime

import pytest
import trio

from tests.index.records import keep, record
from voiced.dashboard.day import Day
from voiced.dashboard.yesterday import Yesterday
from voiced.errors import IndexUnavailable
from voiced.index import open_index

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()


async def inline(function, *args):
    await trio.lowlevel.checkpoint()
    function(*args)


@pytest.mark.parametrize(
    ("after_s", "n_calls"), [(3600, 3), (22.9 * 3600, 3), (25 * 3600, 0), (90, 2)]
)
async def test_calls_of_the_last_day_count_and_no_others(
    tmp_path, autojump_clock, after_s, n_calls
):
    for minute, (ref, reason) in enumerate([("a", "silence"), ("b", "silence"), ("c", "no_media")]):
        end = {"reason": reason, "evidence": ""}
        keep(tmp_path, record(ref * 16, minute, end=end), f"20261122T100{minute}00-{ref * 16}")
    day = Day()
    async with open_index(tmp_path, "", inline, instance="one") as index:
        with trio.fail_after(60):
            await Yesterday(day, index, lambda: TEN + after_s).recall()
    figures = day.figures(trio.current_time())
    assert figures.n_calls == n_calls
    assert figures.n_waits == n_calls
    if n_calls == 3:
        assert figures.reasons == (("silence", 2), ("no_media", 1))
        assert figures.p50_s == 0.7


async def test_an_index_that_cannot_be_asked_leaves_the_day_empty(tmp_path, autojump_clock):
    async def broken(function, *args):
        await trio.lowlevel.checkpoint()
        raise IndexUnavailable("the disk is gone")

    day = Day()
    async with open_index(tmp_path, "", inline, instance="one") as index:
        index._run_sync = broken
        await Yesterday(day, index, lambda: TEN).recall()
    assert day.figures(trio.current_time()).n_calls == 0


async def test_calls_that_a_process_before_us_ends_later_count_once(tmp_path, autojump_clock):
    for minute, ref in enumerate("abc"):  # they end after 80, 140 and 200 s
        call = record(ref * 16, minute, duration_s=80.0)
        keep(tmp_path, call, f"20261122T100{minute}00-{ref * 16}")
    clock = iter((TEN + 100, TEN + 100, TEN + 145, TEN + 300))  # the third begins after us
    day, counts = Day(), []
    async with open_index(tmp_path, "", inline, instance="one") as index:
        yesterday = Yesterday(day, index, lambda: next(clock))
        with trio.fail_after(60):
            for _ in range(3):
                await yesterday.recall()
                counts.append(day.figures(trio.current_time()).n_calls)
    assert counts == [1, 2, 2]
