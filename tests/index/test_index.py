"""The index beside the records: told of each, made anew when it must be, and never in the way."""

import json
import os
import sqlite3
import stat

import pytest
import trio

import voiced.index.index
from tests.index.records import keep, record
from voiced.errors import IndexUnavailable
from voiced.index.index import open_index
from voiced.index.indexer import Indexer
from voiced.index.query import CallQuery
from voiced.index.row import row_of
from voiced.index.sql import upsert
from voiced.index.sqlite import INDEX_FILE, sqlite_shelf


async def inline(function, *args):
    await trio.lowlevel.checkpoint()
    function(*args)


class Disk:
    """Runs what blocks at once, unless it fails, or hangs."""

    def __init__(self):
        self.fails = False
        self.hangs = False
        self.n_runs = 0

    async def run(self, function, *args):
        self.n_runs += 1
        if self.hangs:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        if self.fails:
            raise IndexUnavailable("no disk")
        function(*args)


def opened(root, run_sync=inline, instance="one"):
    return open_index(root, "", run_sync, instance=instance)


async def refs(index, **query):
    return [call["id"] for call in (await index.search(CallQuery(**query))).calls]


async def test_a_record_that_is_written_is_found_at_once(tmp_path, autojump_clock):
    async with opened(tmp_path) as index:
        assert await refs(index) == []
        index.note(keep(tmp_path, record("a", state="live", end=None)))
        assert await refs(index, state="live") == ["a"]
        index.note(keep(tmp_path, record("a")))
        assert await refs(index, state="live") == []
        assert await refs(index, reason="caller_hung_up") == ["a"]
        assert (await index.find("v3:a"))["turns"] == record("a")["turns"]
        assert await index.find("nobody") == {}


async def test_records_that_were_there_before_are_indexed_and_those_that_went_are_forgotten(
    tmp_path, autojump_clock
):
    for n in range(250):
        keep(tmp_path, record(f"r{n:03}"))
    async with opened(tmp_path) as index:
        assert len(await refs(index, limit=1000)) == 250
    (tmp_path / "20261122T10-r007" / "call.json").unlink()
    (tmp_path / "not-a-call").mkdir()
    async with opened(tmp_path) as index:
        found = await refs(index, limit=1000)
        assert len(found) == 249
        assert "r007" not in found
        assert index.statistics().indexed == 0  # all others were as they had been


async def test_what_changed_while_no_daemon_ran_is_read_again(tmp_path, autojump_clock):
    name = keep(tmp_path, record("a", state="live", end=None))
    done = keep(tmp_path, record("b"))
    async with opened(tmp_path):
        pass
    keep(tmp_path, record("a", end={"reason": "daemon_died", "evidence": ""}), name)
    keep(tmp_path, record("b", line="sales"), done)
    os.utime(tmp_path / done / "call.json", ns=(1, 1))  # an older file, put back from a backup
    async with opened(tmp_path) as index:
        assert await refs(index, reason="daemon_died") == ["a"]
    with sqlite3.connect(tmp_path / INDEX_FILE) as connection:
        connection.execute("DELETE FROM voiced_calls_1")
    connection.close()
    async with opened(tmp_path) as index:
        assert await refs(index, line="sales") == ["b"]


async def test_an_index_that_cannot_be_read_is_put_aside_and_made_anew(tmp_path, autojump_clock):
    keep(tmp_path, record("a"))
    (tmp_path / INDEX_FILE).write_bytes(b"this is no database" * 100)
    async with opened(tmp_path) as index:
        await trio.sleep(60)
        assert await refs(index) == ["a"]
    assert (tmp_path / INDEX_FILE).with_suffix(".damaged").exists()


async def test_a_file_that_is_removed_while_the_daemon_runs_is_made_anew(tmp_path, autojump_clock):
    keep(tmp_path, record("a"))
    async with opened(tmp_path) as index:
        assert await refs(index) == ["a"]
        for file in tmp_path.glob("index.sqlite*"):
            file.unlink()
        with pytest.raises(IndexUnavailable):
            await refs(index)
        await trio.sleep(60)
        assert await refs(index) == ["a"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"ref": 1}', b"\xff", b"[" * 100_000, b'{"state": "ended"}'],
)
async def test_a_record_that_cannot_be_read_costs_no_other(tmp_path, content, autojump_clock):
    name = keep(tmp_path, record("bad"))
    (tmp_path / name / "call.json").write_bytes(content)
    keep(tmp_path, record("good"))
    async with opened(tmp_path) as index:
        assert await refs(index) == ["good"]
        assert index.statistics().refused == 1


async def test_a_row_that_the_database_refuses_costs_no_other(tmp_path, autojump_clock):
    shelf = sqlite_shelf(tmp_path / INDEX_FILE)
    shelf.prepare()
    with sqlite3.connect(tmp_path / INDEX_FILE) as connection:
        connection.execute(
            "CREATE TRIGGER picky BEFORE INSERT ON voiced_calls_1 WHEN new.ref = 'bad'"
            " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    connection.close()
    for ref in ("a", "bad", "c"):
        keep(tmp_path, record(ref))
    async with opened(tmp_path) as index:
        assert await refs(index) == ["c", "a"]
        assert index.statistics().refused == 1


async def test_a_database_that_is_away_holds_nobody_up_and_is_caught_up_with(
    tmp_path, autojump_clock
):
    disk = Disk()
    disk.fails = True
    async with opened(tmp_path, disk.run) as index:
        await trio.sleep(1)
        began = trio.current_time()
        index.note(keep(tmp_path, record("a")))
        assert trio.current_time() == began
        with pytest.raises(IndexUnavailable):
            await index.search(CallQuery())
        assert trio.current_time() == began
        await trio.sleep(600)
        assert disk.n_runs < 20  # it does not hammer
        disk.fails = False
        await trio.sleep(voiced.index.index.LONGEST_RETRY_S + 1)
        assert await refs(index) == ["a"]


async def test_a_database_that_hangs_keeps_the_daemon_for_a_bounded_time(tmp_path, autojump_clock):
    disk = Disk()
    disk.hangs = True
    async with opened(tmp_path, disk.run) as index:
        index.note("a")
        began = trio.current_time()
    assert trio.current_time() - began == voiced.index.index.CATCH_UP_S


async def test_beyond_a_number_of_calls_that_wait_the_records_are_compared_instead(
    tmp_path, autojump_clock, monkeypatch
):
    monkeypatch.setattr(voiced.index.index, "MOST_WAITING", 5)
    disk = Disk()
    disk.fails = True
    async with opened(tmp_path, disk.run) as index:
        await trio.sleep(1)
        for n in range(13):
            index.note(keep(tmp_path, record(f"r{n:02}")))
            assert index.statistics().waiting <= 5
        disk.fails = False
        await trio.sleep(120)
        assert len(await refs(index)) == 13


async def test_the_file_is_for_its_owner_only(tmp_path, autojump_clock):
    old = os.umask(0)
    try:
        async with opened(tmp_path) as index:
            await refs(index)
    finally:
        os.umask(old)
    for file in tmp_path.glob("index.*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_crash_in_the_middle_of_a_write_leaves_nothing_of_it(tmp_path):
    indexer = Indexer(tmp_path, sqlite_shelf(tmp_path / INDEX_FILE), instance="one")
    names = [keep(tmp_path, record(f"r{n}")) for n in range(3)]
    assert indexer.compare() == names
    row = row_of(record("half"), directory="half", instance="one")
    half = upsert("home", row, changed_ns=0, record=None)
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(tmp_path / INDEX_FILE, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(half.sql, half.values)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert indexer.search(CallQuery()).calls == []
    assert indexer.index(names) == []
    assert len(indexer.search(CallQuery()).calls) == 3


@pytest.mark.socket
@pytest.mark.slow
async def test_instances_that_share_a_database_see_each_others_calls(tmp_path, postgres):
    roots = [tmp_path / name for name in ("one", "two")]
    for root in roots:
        root.mkdir()
        keep(root, record(root.name, record_of=root.name))
    indexers = [Indexer(root, postgres, instance=root.name) for root in roots]
    for indexer in indexers:
        assert indexer.index(indexer.compare()) == []
    for indexer in indexers:
        shown = indexer.search(CallQuery()).calls
        assert [(call["id"], call["instance"]) for call in shown] == [
            ("two", "two"),
            ("one", "one"),
        ]
        assert indexer.find("one")["record_of"] == "one"
        assert indexer.find("two")["record_of"] == "two"
    (roots[0] / "20261122T10-one" / "call.json").unlink()
    indexers[0].compare()
    assert [call["id"] for call in indexers[1].search(CallQuery()).calls] == ["two"]


@pytest.mark.socket
@pytest.mark.slow
async def test_a_server_that_is_not_there_is_an_index_that_cannot_be_used(tmp_path):
    url = f"postgresql://voiced:hush@127.0.0.1:1/x?host={tmp_path}"
    async with open_index(tmp_path, url, trio.to_thread.run_sync, instance="one") as index:
        with pytest.raises(IndexUnavailable) as caught:
            await index.search(CallQuery())
    assert "hush" not in str(caught.value)


def test_json_of_any_kind_comes_back_from_find(tmp_path):
    indexer = Indexer(tmp_path, sqlite_shelf(tmp_path / INDEX_FILE), instance="one")
    odd = "half \ud800, zero \0, quote \"'"
    name = keep(tmp_path, record("a", line=odd, turns=[{"text": odd}]))
    indexer.compare()
    assert indexer.index([name]) == []
    assert indexer.find("a")["line"] == json.loads(json.dumps(odd))
    assert [call["line"] for call in indexer.search(CallQuery(text="HALF")).calls] == [odd]
