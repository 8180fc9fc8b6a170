"""Open items on a disk: good, slow, full, damaged, or somebody else's."""

import errno
import fcntl
import json
import os
import stat
import threading
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from structlog.testing import capture_logs

import voiced.ledger.open_items
from voiced.errors import StartupError
from voiced.ledger.lines import read_lines
from voiced.ledger.open_items import PATIENCE_S, RETRY_S, OpenItems

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "legs.jsonl"


@asynccontextmanager
async def opened(path, run_sync=None):
    items = await OpenItems.open(path, run_sync)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(items.run)
            yield items
            nursery.cancel_scope.cancel()
    finally:
        items.close()


def on_disk(path):
    return read_lines(path.read_bytes()).items


async def emptied(path):
    while on_disk(path):  # noqa: ASYNC110  # a thread writes it
        await trio.sleep(0.01)


async def test_what_is_noted_is_on_the_disk_when_put_returns(path):
    async with opened(path) as items:
        await items.put("a", {"n": 1})
        assert on_disk(path) == {"a": {"n": 1}}
        await items.put("a", {"n": 2})
        await items.put("b", {"n": 3})
        await items.drop("a")
        await items.drop("never put")
        assert on_disk(path) == items.items == {"b": {"n": 3}}
    assert items.statistics().late == items.statistics().failed == 0


async def test_the_file_is_for_its_owner_only(path):
    old = os.umask(0)
    try:
        async with opened(path) as items:
            await items.put("a", {})
    finally:
        os.umask(old)
    for name in ("legs.jsonl", "legs.lock"):
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600


async def test_what_is_open_is_found_again_and_the_file_is_shortened(path, disk, autojump_clock):
    async with opened(path, disk.run_sync) as items:
        for n in range(10):
            await items.put(str(n), {"n": n})
            if n != 5:
                await items.drop(str(n))
    async with opened(path, disk.run_sync) as items:
        assert items.items == {"5": {"n": 5}}
        await trio.sleep(1)
        assert len(path.read_bytes().splitlines()) == 1


async def test_a_torn_line_is_passed_over_and_written_over(path, disk, autojump_clock):
    path.write_bytes(b'{"put":"a","item":{"n":1}}\n{"put":"b","it')
    with capture_logs() as logs:
        async with opened(path, disk.run_sync) as items:
            assert items.items == {"a": {"n": 1}}
            await items.put("c", {"n": 3})
    assert on_disk(path) == {"a": {"n": 1}, "c": {"n": 3}}
    assert logs == []


async def test_damage_is_logged_and_costs_no_other_line(path, disk, autojump_clock):
    path.write_bytes(b'{"put":"a","item":{"n":1}}\n\0\0\0\n{"put":"b","item":{"n":2}}\n')
    with capture_logs() as logs:
        async with opened(path, disk.run_sync) as items:
            assert items.items.keys() == {"a", "b"}
    assert [(line["event"], line["lines"]) for line in logs] == [("damaged lines", 1)]
    assert items.statistics().damaged == 1


async def test_lines_that_come_together_are_synced_together(path, disk, autojump_clock):
    async with opened(path, disk.run_sync) as items:
        await items.put("first", {})
        disk.delay_s = 0.1
        before = len(disk.works)
        async with trio.open_nursery() as nursery:
            for n in range(50):
                nursery.start_soon(items.put, str(n), {"n": n})
        assert len(disk.works) - before <= 2
        assert len(on_disk(path)) == 51


async def test_a_slow_disk_is_waited_for_once_and_no_longer_than_the_patience(
    path, disk, autojump_clock
):
    async with opened(path, disk.run_sync) as items:
        await items.put("first", {})
        disk.delay_s = 60
        begun = trio.current_time()
        with capture_logs() as logs:
            for n in range(5):
                await items.put(str(n), {})
        assert trio.current_time() - begun == pytest.approx(PATIENCE_S)
        assert [line["event"] for line in logs] == ["the disk is slow: not waited for"]
        assert items.statistics().late == 5
        await trio.sleep(200)
        assert len(on_disk(path)) == 6  # late, and there all the same
        disk.delay_s = 0.01
        await items.put("prompt", {})
        assert "prompt" in on_disk(path)


async def test_a_full_disk_holds_nobody_up_and_is_made_good_later(path, disk, autojump_clock):
    async with opened(path, disk.run_sync) as items:
        await items.put("a", {"n": 1})
        disk.error = FULL
        begun = trio.current_time()
        with capture_logs() as logs:
            await items.put("b", {"n": 2})
            await items.drop("a")
            await trio.sleep(RETRY_S + 1)
        assert trio.current_time() - begun == pytest.approx(RETRY_S + 1)
        assert [line["event"] for line in logs] == ["not written"]
        assert items.statistics().failed >= 3
        disk.error = None
        await trio.sleep(RETRY_S + 1)
        assert on_disk(path) == {"b": {"n": 2}}


async def test_a_write_that_is_cut_short_by_the_end_of_the_disk_is_made_good(
    path, autojump_clock, disk, monkeypatch
):
    whole = os.write
    async with opened(path, disk.run_sync) as items:
        await items.put("a", {"n": 1})
        monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, data[:7]))
        await items.put("b", {"n": 2})
        monkeypatch.undo()
        await trio.sleep(RETRY_S + 1)
        assert path.read_bytes().count(b"\n") == 2
        assert on_disk(path) == {"a": {"n": 1}, "b": {"n": 2}}


async def test_a_disk_that_hangs_is_left_behind_at_the_end(path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(voiced.ledger.open_items, "_append", lambda *_: release.wait(30))
    try:
        with trio.fail_after(5):
            async with opened(path) as items:
                await trio.sleep(0.05)
                await items.put("a", {})
        assert items.statistics().late == 1
    finally:
        release.set()


async def test_the_file_does_not_grow_for_ever(path, disk, autojump_clock, monkeypatch):
    monkeypatch.setattr(voiced.ledger.open_items, "MOST_LINES", 20)
    async with opened(path, disk.run_sync) as items:
        await items.put("stays", {})
        for n in range(100):
            await items.put(str(n), {})
            await items.drop(str(n))
            assert len(path.read_bytes().splitlines()) <= 20
        assert on_disk(path) == {"stays": {}}


async def test_lines_beyond_a_bound_are_not_kept_and_the_file_comes_true_all_the_same(
    path, disk, autojump_clock, monkeypatch
):
    monkeypatch.setattr(voiced.ledger.open_items, "MOST_WAITING", 3)
    async with opened(path, disk.run_sync) as items:
        await items.put("first", {})
        disk.delay_s = 10
        for n in range(10):
            await items.put(str(n), {})
        await items.drop("4")
        await trio.sleep(30)
        assert on_disk(path).keys() == {"first", *"012356789"}


async def test_two_daemons_cannot_share_a_ledger(path):
    async with opened(path):
        with pytest.raises(StartupError, match=r"\[records\] path .*: another voiced is using it"):
            await OpenItems.open(path)
    async with opened(path):
        pass


async def test_a_ledger_that_cannot_be_read_is_one_sentence(path):
    path.mkdir()
    with pytest.raises(StartupError, match=r"\[records\] path .*: legs.jsonl: Is a directory"):
        await OpenItems.open(path)


async def test_a_disk_that_does_not_answer_at_start_is_one_sentence(path, disk, autojump_clock):
    disk.delay_s = 1000
    with pytest.raises(StartupError, match="not read within 10 s"):
        await OpenItems.open(path, disk.run_sync)
    async with opened(path, partial(trio.to_thread.run_sync)):
        pass  # the lock was given back


async def test_a_file_system_without_locks_is_a_warning(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with capture_logs() as logs:
        async with opened(path) as items:
            await items.put("a", {})
    assert [line["event"] for line in logs] == ["file system without locks"]
    assert json.loads(path.read_bytes()) == {"put": "a", "item": {}}


async def test_a_newer_process_has_a_file_beside_and_adopts_what_the_older_leaves(path):
    async with opened(path) as older:
        await older.put("old", {"n": 1})
        newer = await OpenItems.open(path, has_elders=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(newer.run)
            await newer.put("new", {"n": 2})
            beside = path.with_name("legs.2.jsonl")
            assert (on_disk(path), on_disk(beside)) == ({"old": {"n": 1}}, {"new": {"n": 2}})
            assert await newer.adopt() == {}
            older.close()
            assert await newer.adopt() == {"old": {"n": 1}}
            await newer.put("newer", {"n": 3})
            await emptied(path)
            assert on_disk(beside).keys() == {"old", "new", "newer"}
            assert await newer.adopt() == {}
            nursery.cancel_scope.cancel()
        newer.close()


async def test_what_a_crash_in_a_handover_has_left_is_adopted_by_the_next_start(path):
    path.write_bytes(b'{"put":"a","item":{"n":1}}\n')
    path.with_name("legs.3.jsonl").write_bytes(b'{"put":"b","item":{"n":2}}\n')
    async with opened(path) as items:
        assert items.items == {"a": {"n": 1}, "b": {"n": 2}}
        await items.put("c", {"n": 3})
        await emptied(path.with_name("legs.3.jsonl"))
        assert on_disk(path).keys() == {"a", "b", "c"}


async def test_only_a_newer_process_may_have_a_file_beside(path):
    async with opened(path):
        with pytest.raises(StartupError, match="another voiced is using it"):
            await OpenItems.open(path)
        files = [await OpenItems.open(path, has_elders=True) for _ in range(8)]
        with pytest.raises(StartupError, match="have not ended yet"):
            await OpenItems.open(path, has_elders=True)
        for items in files:
            items.close()
