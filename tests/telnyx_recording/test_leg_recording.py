"""One leg's recordings: begun with the answer, after consent, or when the agent asks."""

from contextlib import asynccontextmanager

import pytest
import trio

from tests.telnyx_recording.conftest import Account
from voiced.config import RecordingConfig
from voiced.telnyx.events import parse_event
from voiced.telnyx.ids import CallControlId
from voiced.telnyx_recording import LegRecording

LEG = CallControlId("v3:a")
SPOKEN = parse_event(
    b'{"data": {"event_type": "call.speak.ended", "id": "h", "occurred_at":'
    b' "2026-11-22T10:00:00Z", "payload": {"call_control_id": "v3:a", "status": "completed"}}}'
)


@pytest.fixture
def open_leg(open_desk):
    @asynccontextmanager
    async def opener(account=None, **config):
        async with open_desk(account) as desk:
            leg = LegRecording(
                RecordingConfig(**config), desk.telnyx, desk.fetcher, directory="call-a", at=0.0
            )
            yield leg, desk

    return opener


def actions(desk):
    return [action for action, _ in desk.account.commands]


async def test_a_call_that_is_not_to_be_recorded_is_not(open_leg, autojump_clock):
    async with open_leg() as (leg, desk):
        assert leg.options is None
        assert leg.consent_limit_s == 0
        await leg.identified(LEG, "leg-a")
        await leg.after_answer()
        assert [await leg.start(), await leg.pause(), await leg.resume(), await leg.stop()] == [
            False
        ] * 4
        leg.ended(was_answered=True)
        assert actions(desk) == []
        assert desk.fetcher.pending == 0


async def test_from_the_answer_on_the_recording_is_part_of_the_answer(open_leg, autojump_clock):
    async with open_leg(telnyx="from_answer", telnyx_format="mp3", telnyx_max_length_s=60) as (
        leg,
        desk,
    ):
        assert leg.options is not None
        assert leg.options.render("answer") == {
            "record": "record-from-answer",
            "record_format": "mp3",
            "record_channels": "dual",
            "record_track": "both",
            "record_max_length": 60,
        }
        await leg.identified(LEG, "leg-a")
        assert desk.fetcher.pending == 1  # written down before the answer
        await leg.after_answer()
        assert actions(desk) == []
        assert await leg.start() is False  # there is one already
        leg.ended(was_answered=True)
        desk.saved()
        await trio.sleep(1)
        assert desk.record()["recordings"][0]["file"] == "telnyx.wav"


async def test_with_consent_it_is_told_first_and_recorded_then(open_leg, autojump_clock):
    async with (
        open_leg(telnyx="from_answer", consent="This call is recorded.") as (leg, desk),
        trio.open_nursery() as nursery,
    ):
        assert leg.options is None
        assert leg.consent_limit_s > 2
        await leg.identified(LEG, "leg-a")
        assert desk.fetcher.pending == 0
        nursery.start_soon(leg.after_answer)
        await trio.sleep(1)
        assert actions(desk) == ["speak"]
        leg.webhook(SPOKEN)
        await trio.sleep(0.1)
        assert actions(desk) == ["speak", "record_start"]
        assert desk.account.commands[0][1]["payload"] == "This call is recorded."
        assert desk.fetcher.pending == 1


@pytest.mark.parametrize("refused", [set(), {"speak"}])
async def test_what_could_not_be_told_is_not_recorded_and_the_call_goes_on(
    open_leg, autojump_clock, refused
):
    account = Account(refused=refused)
    async with open_leg(account, telnyx="from_answer", consent="Recorded.") as (leg, desk):
        await leg.identified(LEG, "leg-a")
        await leg.after_answer()
        assert trio.current_time() <= leg.consent_limit_s + 0.1
        assert actions(desk) == ["speak"]


async def test_on_demand_it_begins_pauses_goes_on_and_stops_when_asked(open_leg, autojump_clock):
    async with open_leg(telnyx="on_demand") as (leg, desk):
        assert leg.options is None
        await leg.identified(LEG, "leg-a")
        assert await leg.pause() is False
        assert await leg.start() is True
        assert await leg.start() is False
        for _ in range(2):
            assert await leg.pause() is True
            assert await leg.resume() is True
        assert await leg.stop() is True
        assert await leg.start() is True
        assert actions(desk) == [
            "record_start",
            *["record_pause", "record_resume"] * 2,
            "record_stop",
            "record_start",
        ]
        ids = [body["command_id"] for _, body in desk.account.commands]
        assert len(set(ids)) == len(ids)
        leg.ended(was_answered=True)
        desk.saved(1)
        desk.saved(2)
        await trio.sleep(1)
        assert len(desk.record()["recordings"]) == 2
        assert desk.fetcher.pending == 0


async def test_commands_fit_telnyx_schemas(open_leg, autojump_clock, check_command):
    async with open_leg(telnyx="on_demand", telnyx_channels="single") as (leg, desk):
        await leg.identified(LEG, "leg-a")
        await leg.start()
        await leg.pause()
        await leg.resume()
        await leg.stop()
        for action, body in desk.account.commands:
            check_command(action, body)


async def test_a_recording_that_telnyx_refuses_costs_nothing_but_itself(open_leg, autojump_clock):
    account = Account(refused={"record_start"})
    async with open_leg(account, telnyx="on_demand") as (leg, desk):
        await leg.identified(LEG, "leg-a")
        assert await leg.start() is False
        assert await leg.stop() is False
        account.refused.clear()
        assert await leg.start() is True
        leg.ended(was_answered=True)
        desk.saved()
        await trio.sleep(1)
        assert desk.fetcher.pending == 0


async def test_a_call_that_was_never_answered_has_no_recording_to_come(open_leg, autojump_clock):
    async with open_leg(telnyx="from_answer") as (leg, desk):
        await leg.identified(LEG, "leg-a")
        leg.ended(was_answered=False)
        await trio.sleep(1)
        assert desk.fetcher.pending == 0
        assert desk.record()["recordings"] == []
