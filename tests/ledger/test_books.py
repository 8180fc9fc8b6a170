"""A call's books are opened and closed together."""

import json
from contextlib import asynccontextmanager

import pytest
import trio

from voiced.ledger import CLOSE_LIMIT_S, Ledger, LegBooks
from voiced.ledger.open_items import PATIENCE_S
from voiced.record.store import RecordStore
from voiced.telnyx.ids import CallControlId, CommandId

LIVE = {
    "call_id": "v3:a",
    "ref": "a",
    "started_at": "2026-11-22T10:00:00.123+00:00",
    "state": "live",
}
ENDED = {**LIVE, "state": "ended"}


@pytest.fixture
def open_books(tmp_path, disk):
    @asynccontextmanager
    async def opener():
        ledger = await Ledger.open(tmp_path / "legs.jsonl", disk.run_sync)
        records = RecordStore(tmp_path, disk.run_sync)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.run)
            books = LegBooks(
                ledger,
                records,
                key="dial-1",
                direction="outgoing",
                command_id=CommandId("dial-1"),
                client_state="eA==",
            )
            yield books, ledger
            nursery.cancel_scope.cancel()
        ledger.close()

    return opener


def record_in(path):
    (record,) = [json.loads(p.read_text()) for p in path.glob("*/call.json")]
    return record


async def test_what_is_open_is_enough_to_end_the_leg_after_a_crash(
    open_books, tmp_path, disk, autojump_clock
):
    async with open_books() as (books, _):
        await books.open(LIVE)
        await books.identified(CallControlId("v3:a"), "leg-a")
        await books.bridged()
        await books.bridged(is_bridged=False)
    ledger = await Ledger.open(tmp_path / "legs.jsonl", disk.run_sync)
    (entry,) = ledger.unsettled
    ledger.close()
    assert (entry.key, entry.call_control_id, entry.client_state) == ("dial-1", "v3:a", "eA==")
    assert entry.at == pytest.approx(1795341600.123)
    assert (tmp_path / entry.directory / "call.json").exists()
    assert record_in(tmp_path) == LIVE


async def test_closing_saves_the_record_and_closes_the_leg(open_books, tmp_path, autojump_clock):
    async with open_books() as (books, ledger):
        await books.open(LIVE)
        await books.close(ENDED, is_over=True)
        assert ledger.statistics().open == 0
    assert record_in(tmp_path) == ENDED


async def test_a_leg_that_may_be_up_is_handed_on_after_its_record_is_saved(
    open_books, tmp_path, autojump_clock
):
    async with open_books() as (books, ledger):
        await books.open(LIVE)
        await books.close(ENDED, is_over=False)
        assert ledger.left.receive_nowait().entry.key == "dial-1"
        assert ledger.statistics().open == 1
    assert record_in(tmp_path) == ENDED


async def test_a_slow_disk_holds_neither_beginning_nor_end_up(open_books, disk, autojump_clock):
    async with open_books() as (books, _):
        await trio.sleep(1)
        disk.delay_s = 1000
        begun = trio.current_time()
        await books.open(LIVE)
        assert trio.current_time() - begun == pytest.approx(PATIENCE_S)
        begun = trio.current_time()
        await books.close(ENDED, is_over=True)
        assert trio.current_time() - begun <= CLOSE_LIMIT_S + 0.01
