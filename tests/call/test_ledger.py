"""A call's leg is written down before it costs money, and no call waits long for that."""

import json

import pytest
import trio

from voiced.ledger.open_items import PATIENCE_S
from voiced.record.store import RecordStore
from voiced.telnyx_recording.wanted import Wanted


async def test_a_leg_is_in_the_ledger_before_it_is_answered_until_it_is_gone(
    open_line, autojump_clock
):
    async with open_line() as line:
        line.delays["answer"] = 1.0
        await line.ring()
        assert line.actions() == ["answer"]
        assert line.ledger.statistics().open == 1
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
        await trio.sleep(0.1)
        assert line.ledger.statistics().open == 0


async def test_a_call_that_is_rejected_costs_nothing_and_is_not_in_the_ledger(
    open_line, autojump_clock
):
    async with open_line(call={"max_concurrent": 1}) as line:
        await line.ring("v3:first")
        line.delays["reject"] = 1.0
        await line.ring("v3:second")
        assert line.actions() == ["answer", "reject"]
        assert line.ledger.statistics().open == 1
        await line.webhook("call.hangup", "v3:first", hangup_cause="normal_clearing")
        await trio.sleep(2)
        assert line.ledger.statistics().open == 0


async def test_a_disk_that_hangs_holds_the_answer_up_for_no_longer_than_the_patience(
    open_line, autojump_clock, tmp_path
):
    async def hang(*_work):
        await trio.sleep_forever()

    async with open_line(store=RecordStore(tmp_path, hang)) as line:
        line.ledger._items._run_sync = hang
        await line.webhook("call.initiated", direction="incoming", state="parked")
        begun = trio.current_time()
        while not line.commands:  # noqa: ASYNC110  # what is waited for is in the emulated Telnyx
            await trio.sleep(0.01)
        assert trio.current_time() - begun < PATIENCE_S + 0.05
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
        await trio.sleep(10)
        assert line.switchboard.snapshot() == []


async def test_the_record_of_a_live_call_is_on_the_disk_while_the_caller_waits(
    open_line, autojump_clock, tmp_path
):
    async def inline(work, *args):
        await trio.lowlevel.checkpoint()
        return work(*args)

    async with open_line(store=RecordStore(tmp_path, inline)) as line:
        line.delays["answer"] = 1.0
        await line.ring()
        (path,) = tmp_path.glob("*/call.json")
        live = json.loads(path.read_text())
        assert (live["state"], live["from"]) == ("live", "+13125550100")
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
        await trio.sleep(0.1)
        assert json.loads(path.read_text())["state"] == "ended"


async def test_a_hangup_that_telnyx_did_not_confirm_is_tried_until_it_does(
    open_line, autojump_clock
):
    async with open_line(call={"goodbye_timeout_s": 1, "max_duration_s": 10}) as line:
        line.answers["hangup"] = (500, {"errors": []})
        alive = {"call_control_id": "v3:hand", "is_alive": True}
        line.answers["v3:hand"] = (200, {"data": alive})
        await line.ring()
        await trio.sleep(20)
        assert line.records[0]["hangup_confirmed"] is False
        assert line.ledger.statistics().open == 1
        line.answers["hangup"] = (200, {"data": {"result": "ok"}})
        await trio.sleep(60)
        assert line.actions()[-1] == "hangup"
        assert line.ledger.statistics().open == 0


@pytest.mark.parametrize("event", ["call.initiated", "call.answered"])
async def test_webhooks_of_a_leg_that_was_left_go_to_the_settler(open_line, autojump_clock, event):
    async with open_line(call={"goodbye_timeout_s": 1, "max_duration_s": 10}) as line:
        line.answers["hangup"] = line.answers["v3:hand"] = (500, {"errors": []})
        await line.ring()
        await trio.sleep(40)
        await line.webhook(event, direction="incoming", state="parked")
        assert line.switchboard.snapshot() == []
        await line.webhook("call.hangup")
        await trio.sleep(0.1)
        assert line.ledger.statistics().open == 0


async def test_a_recording_that_is_saved_long_after_its_call_is_fetched(open_line, autojump_clock):
    wanted = Wanted(call_leg_id="leg", call_control_id="v3:hand", directory="d", at=0.0)
    async with open_line() as line:
        await line.fetcher.expect(wanted)
        line.fetcher.ended("leg")
        await trio.sleep(30)
        urls = {"wav": "gs://a-bucket-of-ours/r.wav"}
        saved = {"recording_id": "rec-1", "channels": "dual", "recording_urls": urls}
        assert await line.webhook("call.recording.saved", call=None, **saved) == 200
        await trio.sleep(0.1)
        assert line.fetcher.pending == 0  # done with: it lies in the operator's own bucket
        assert line.switchboard.snapshot() == []
