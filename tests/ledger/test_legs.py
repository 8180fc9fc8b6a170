"""The ledger of legs: what it writes, and what it reads after a crash."""

import json
from contextlib import asynccontextmanager

import pytest
import trio
from structlog.testing import capture_logs

from voiced.ledger.legs import Ledger, LeftLeg, LegEntry
from voiced.telnyx.ids import CallControlId, CommandId

INCOMING = LegEntry(
    key="v3:a", direction="incoming", directory="d-a", at=1.5, call_control_id=CallControlId("v3:a")
)
DIALLED = LegEntry(
    key="dial-1",
    direction="outgoing",
    directory="d-b",
    at=2,
    command_id=CommandId("dial-1"),
    client_state="eA==",
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "legs.jsonl"


@asynccontextmanager
async def opened(path, disk):
    ledger = await Ledger.open(path, disk.run_sync)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.run)
            yield ledger
            nursery.cancel_scope.cancel()
    finally:
        ledger.close()


async def test_open_legs_are_found_after_a_crash_with_all_that_was_known(
    path, disk, autojump_clock
):
    async with opened(path, disk) as ledger:
        assert ledger.unsettled == ()
        await ledger.opened(INCOMING)
        await ledger.opened(DIALLED)
        await ledger.bridged("v3:a")
        await ledger.identified("dial-1", CallControlId("v3:b"), "leg-b")
        await ledger.identified("unknown", CallControlId("v3:c"))
        assert ledger.statistics().open == 2
    async with opened(path, disk) as ledger:
        first, second = ledger.unsettled
    assert first.is_bridged
    assert (second.call_control_id, second.call_leg_id) == ("v3:b", "leg-b")
    assert (second.client_state, second.command_id, second.at) == ("eA==", "dial-1", 2)


async def test_closed_legs_are_not_found(path, disk, autojump_clock):
    async with opened(path, disk) as ledger:
        await ledger.opened(INCOMING)
        await ledger.closed("v3:a")
        await ledger.closed("v3:a")
    async with opened(path, disk) as ledger:
        assert ledger.unsettled == ()


async def test_a_caller_who_is_back_is_no_longer_with_somebody_else(path, disk, autojump_clock):
    async with opened(path, disk) as ledger:
        await ledger.opened(INCOMING)
        await ledger.bridged("v3:a")
        await ledger.bridged("v3:a", is_bridged=False)
    async with opened(path, disk) as ledger:
        assert ledger.unsettled == (INCOMING,)


@pytest.mark.parametrize(
    "changes",
    [
        {"directory": "../../etc"},
        {"directory": ".."},
        {"directory": ""},
        {"directory": 7},
        {"direction": "sideways"},
        {"at": "yesterday"},
        {"at": True},
        {"call_control_id": 5},
        {"is_bridged": "no"},
    ],
)
async def test_an_entry_that_is_none_is_logged_and_passed_over(path, disk, autojump_clock, changes):
    async with opened(path, disk) as ledger:
        await ledger.opened(INCOMING)
    line = json.loads(path.read_text())
    bad = {"put": "bad", "item": {**line["item"], **changes}}
    path.write_text(json.dumps(bad) + "\n" + json.dumps(line) + "\n")
    with capture_logs() as logs:
        async with opened(path, disk) as ledger:
            assert ledger.unsettled == (INCOMING,)
    assert [line["event"] for line in logs] == ["damaged entry of the ledger"]


async def test_an_entry_of_a_later_release_is_read(path, disk, autojump_clock):
    async with opened(path, disk) as ledger:
        await ledger.opened(INCOMING)
    line = json.loads(path.read_text())
    line["item"]["new_in_2030"] = {"x": 1}
    path.write_text(json.dumps(line) + "\n")
    async with opened(path, disk) as ledger:
        assert ledger.unsettled == (INCOMING,)


async def test_a_leg_that_was_left_up_is_handed_on(path, disk, autojump_clock):
    async with opened(path, disk) as ledger:
        await ledger.opened(INCOMING)
        ledger.left_up("v3:a")
        ledger.left_up("unknown")
        assert await ledger.left.receive() == LeftLeg(entry=INCOMING, has_died=False)
        with pytest.raises(trio.WouldBlock):
            ledger.left.receive_nowait()
