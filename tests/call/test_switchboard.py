"""Admission, drains and memory, where whole calls do not go."""

import base64
from urllib.parse import urlsplit

import pytest
import trio
import trio.testing

import voiced.switchboard.switchboard
from voiced.call.call import Call
from voiced.leg.leg import EndReason
from voiced.telnyx.commands import Speak
from voiced.telnyx.rest import TelnyxClient


async def test_without_a_public_key_every_webhook_is_refused(open_line, autojump_clock):
    async with open_line(server={"insecure": False}) as line:
        assert await line.ring() == 403
        assert line.commands == []


async def test_each_call_has_a_media_token_of_192_random_bits(open_line, autojump_clock):
    async with open_line() as line:
        for n in range(3):
            await line.ring(f"v3:{n}")
        await trio.testing.wait_all_tasks_blocked()
        urls = [body["stream_url"] for _, body in line.commands]
    tokens = {urlsplit(url).path.removeprefix("/telnyx/media/") for url in urls}
    assert len(tokens) == 3
    for token in tokens:
        assert len(base64.urlsafe_b64decode(token)) * 8 == 192


async def test_refusals_beyond_a_limit_are_left_to_telnyx(open_line, autojump_clock, monkeypatch):
    monkeypatch.setattr(voiced.switchboard.switchboard, "MOURNING", 3)
    async with open_line(call={"max_concurrent": 1}) as line:
        line.delays["reject"] = 1.0
        for n in range(10):
            assert (
                await line.webhook(
                    "call.initiated", f"v3:{n}", direction="incoming", state="parked"
                )
                == 200
            )
        await trio.sleep(0.1)
        assert line.actions() == ["answer"] + ["reject"] * 3
        await trio.sleep(2)
        await line.ring("v3:late")  # they have been told: there is room for refusals again
        assert line.actions()[4:] == ["reject"]
        await line.webhook("call.hangup", "v3:0", hangup_cause="normal_clearing")
        await trio.sleep(2)


async def test_ended_calls_are_forgotten_beyond_a_number(open_line, autojump_clock, monkeypatch):
    monkeypatch.setattr(voiced.switchboard.directory, "REMEMBERED", 2)
    async with open_line() as line:
        for n in range(3):
            await line.ring(f"v3:{n}")
            await line.webhook("call.hangup", f"v3:{n}", hangup_cause="normal_clearing")
            await trio.sleep(0.1)
        for n in range(3):
            await line.ring(f"v3:{n}")  # late, or again: only the first is unknown by now
        assert line.actions() == ["answer"] * 4
        await line.webhook("call.hangup", "v3:0", hangup_cause="normal_clearing")
        await trio.sleep(0.1)


async def test_a_fault_of_a_call_outside_its_supervisor_reaches_nobody_else(
    open_line, autojump_clock, monkeypatch
):
    whole = Call.run

    async def broken(call):
        if call.id == "v3:bad":
            raise ZeroDivisionError
        await whole(call)

    monkeypatch.setattr(Call, "run", broken)
    async with open_line() as line:
        await line.ring("v3:bad")
        await line.ring("v3:good")
        assert [call["call_id"] for call in line.switchboard.snapshot()] == ["v3:good"]
        await line.webhook("call.hangup", "v3:good", hangup_cause="normal_clearing")
        await trio.sleep(0.1)
    assert [record["call_id"] for record in line.records] == ["v3:good"]


async def test_a_fault_while_apologizing_does_not_keep_the_leg_up(
    open_line, autojump_clock, monkeypatch
):
    whole = TelnyxClient.send

    async def broken(client, command, *args):
        if isinstance(command, Speak):
            raise ZeroDivisionError
        return await whole(client, command, *args)

    monkeypatch.setattr(TelnyxClient, "send", broken)
    async with open_line() as line:
        await line.ring()
        await line.webhook("streaming.failed", failure_reason="connection_failed")
        await trio.sleep(0.1)
    assert line.actions() == ["answer", "hangup"]
    assert line.records[0]["end"]["reason"] == "streaming_failed"


@pytest.mark.parametrize("message", ['{"event":"stop","stream_id":"s1"}', ""])
async def test_a_socket_that_ends_before_its_start_is_lost_media(
    open_line, autojump_clock, message
):
    async with open_line(call={"apology": ""}) as line:
        await line.ring()
        async with line.media() as socket:
            if message:
                await socket.send_text(message)
                await trio.sleep(0.1)
        await trio.sleep(0.1)
    assert line.records[0]["end"]["reason"] == "media_lost"
    assert line.actions() == ["answer", "hangup"]


async def test_webhooks_that_are_of_no_consequence_have_none(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        for event_type, payload in (
            ("call.bridged", {}),
            ("call.speak.started", {}),
            ("call.dtmf.received", {"digit": "5"}),
            ("streaming.started", {"stream_url": "wss://x"}),
            ("call.something.new", {}),
        ):
            assert await line.webhook(event_type, **payload) == 200
        assert line.actions() == ["answer"]
        assert len(line.switchboard.snapshot()) == 1
        await line.webhook("call.hangup", hangup_cause="time_limit")
        await trio.sleep(0.1)
    assert line.records[0]["end"]["reason"] == EndReason.MAX_DURATION.value


async def test_find_knows_live_calls_only(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        call = line.switchboard.find("v3:hand")
        assert call is not None
        assert call.id == "v3:hand"
        assert line.switchboard.find("v3:other") is None
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
        await trio.sleep(0.1)
        assert line.switchboard.find("v3:hand") is None
