"""Whole calls that Telnyx records: told or not, and in the call's directory soon after."""

import json
import wave

import pytest
import trio

from voiced.call.dialing import DialOrder
from voiced.record.store import RecordStore
from voiced.testing.callees import human
from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.emulator import CONNECTION_ID
from voiced.testing.faults import Faults, RestFault

CONSENT = "This call is recorded."
CALLEE = "+13125550177"


async def inline(work, *args):
    await trio.lowlevel.checkpoint()
    return work(*args)


@pytest.fixture
def records(tmp_path):
    return RecordStore(tmp_path / "calls", inline)


def the_call(tmp_path):
    """Return the record of the one call, and its directory."""
    (path,) = (tmp_path / "calls").glob("*/call.json")
    return json.loads(path.read_text()), path.parent


async def test_a_call_is_recorded_from_its_answer_and_the_file_is_beside_its_record(
    open_world, autojump_clock, records, tmp_path
):
    recording = {"telnyx": "from_answer"}
    async with open_world(store=records, recording=recording) as world:
        report = await world.ring(tone_caller(starts_s=0.5, lasts_s=1.0, hangs_up_s=3.0))
        await trio.sleep(5)
        record, directory = the_call(tmp_path)
    assert report.violations == ()
    assert report.actions[0] == "answer"
    (entry,) = record["recordings"]
    assert entry["error"] is None
    with wave.open(str(directory / entry["file"])) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() / file.getframerate() == pytest.approx(3.0, abs=0.2)


async def test_the_caller_is_told_before_and_the_agent_waits_until_it_was_said(
    open_world, autojump_clock, records, tmp_path
):
    tables = {
        "recording": {"telnyx": "from_answer", "consent": CONSENT},
        "media": {"start": "answered"},
    }
    async with open_world(store=records, **tables) as world:
        report = await world.ring(tone_caller(starts_s=6.0, lasts_s=1.0, hangs_up_s=9.0))
        await trio.sleep(5)
        record, _ = the_call(tmp_path)
    assert report.violations == ()
    assert report.actions[:4] == ("answer", "speak", "record_start", "streaming_start")
    assert report.commands[1].body["payload"] == CONSENT
    assert [entry["file"] for entry in record["recordings"]] == ["telnyx.wav"]


async def test_a_call_that_cannot_be_told_goes_on_without_a_recording(
    open_world, autojump_clock, records, tmp_path
):
    tables = {
        "recording": {"telnyx": "from_answer", "consent": CONSENT},
        "media": {"start": "answered"},
    }
    faults = Faults(rest=(RestFault(action="speak", trouble="fail", times=9),))
    async with open_world(store=records, **tables) as world:
        report = await world.ring(silent_caller(hangs_up_s=25.0), faults=faults)
        await trio.sleep(5)
        record, _ = the_call(tmp_path)
    assert "record_start" not in report.actions
    assert "streaming_start" in report.actions
    assert record["end"]["reason"] == "caller_hung_up"
    assert "recordings" not in record


async def test_a_caller_who_hangs_up_before_the_answer_has_no_recording_to_come(
    open_world, autojump_clock, records, tmp_path
):
    faults = Faults(gives_up_s=0.05, rest=(RestFault(action="answer", trouble="hang", hang_s=3),))
    async with open_world(store=records, recording={"telnyx": "from_answer"}) as world:
        await world.ring(silent_caller(), faults=faults)
        await trio.sleep(10)
        record, _ = the_call(tmp_path)
    assert record["recordings"] == []


@pytest.mark.parametrize("consent", ["", CONSENT])
async def test_a_callee_is_told_too_and_recorded(
    open_world, autojump_clock, records, tmp_path, consent
):
    tables = {
        "recording": {"telnyx": "from_answer", "consent": consent},
        "outbound": {"caller_id": "+13125550199", "answering_machine_detection": "disabled"},
        "telnyx": {"connection_id": CONNECTION_ID},
        "media": {"start": "answered" if consent else "answer"},
    }
    async with open_world(store=records, **tables) as world:
        world.telnyx.directory.entries[CALLEE] = human(after_s=3.0, hangs_up_s=12.0)
        order = DialOrder(to=CALLEE, caller_id="+13125550199", key="order-1")
        world.switchboard.dial(order)
        await trio.sleep(30)
        report = await world.telnyx.dialling.report(1)
        record, directory = the_call(tmp_path)
    assert report.violations == ()
    begun = ("speak", "record_start", "streaming_start") if consent else ()
    assert report.actions == ("dial", *begun)
    assert record["direction"] == "outgoing"
    assert [entry["file"] for entry in record["recordings"]] == ["telnyx.wav"]
    assert (directory / "telnyx.wav").exists()
