"""What no honest Telnyx would send: each is refused, or ends in a clear reason, without harm."""

import json

import pytest
import trio

from tests.call.conftest import media_frame, start_message
from voiced.errors import MediaStreamClosed, TelnyxError

LIMIT_S = 60


async def ended(line, n=1):
    """Wait until `n` calls have their record and return why the last one ended."""
    with trio.fail_after(LIMIT_S):
        while len(line.records) < n:  # noqa: ASYNC110  # a list of the test's own
            await trio.sleep(0.01)
    return line.records[-1]["end"]


async def read_to_the_end(socket):
    while True:
        await socket.receive()


async def test_a_media_socket_without_a_known_token_is_refused(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        for url in (
            "ws://voiced/telnyx/media/",
            "ws://voiced/telnyx/media/wrong",
            line.media_url + "x",
            line.media_url[:-1],
        ):
            with pytest.raises(TelnyxError):
                async with line.media(url):
                    pass
        async with line.media() as socket:  # the right one still opens
            await socket.send_text(start_message())
            await trio.sleep(0.1)
            (call,) = line.switchboard.snapshot()
            assert call["leg"] == "streaming"
            await line.webhook("call.hangup", hangup_cause="normal_clearing")


async def test_a_second_connection_with_the_same_token_is_refused_and_the_first_goes_on(
    open_line, autojump_clock
):
    async with open_line() as line:
        await line.ring()
        async with line.media() as first:
            await first.send_text(start_message())
            await trio.sleep(0.1)
            with pytest.raises(TelnyxError):
                async with line.media():
                    pass
            await first.send_text(media_frame(1))
            await trio.sleep(0.1)
            assert line.switchboard.snapshot()[0]["leg"] == "streaming"
            await line.webhook("call.hangup", hangup_cause="normal_clearing")


async def test_the_token_of_an_ended_call_opens_nothing(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        await line.webhook("call.hangup", hangup_cause="originator_cancel")
        await ended(line)
        with pytest.raises(TelnyxError):
            async with line.media():
                pass


async def test_the_start_of_another_call_on_this_calls_socket_ends_it(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message(call="v3:someone else's"))
            end = await ended(line)
    assert end["reason"] == "protocol_error"
    assert "another call" in end["evidence"]


@pytest.mark.parametrize(
    ("messages", "evidence"),
    [
        (["garbage"], "JSON"),
        (["[]"], "object"),
        ([media_frame(1)], "media"),
        ([start_message(), '{"event":"media"}'], "media"),
        ([start_message(), media_frame().replace("////", "!!!!", 1)], "base64"),
        ([start_message(), start_message(encoding="PCMA")], "media_format"),
        ([start_message(encoding="AMR-WB", sample_rate=16000)], "AMR-WB"),
        ([start_message(), json.dumps({"event": "x" * 10, "a": [[[[]]]]}), "{"], "JSON"),
    ],
)
async def test_what_cannot_be_read_ends_the_call_with_the_reason_and_an_apology(
    open_line, autojump_clock, messages, evidence
):
    async with open_line() as line:
        await line.ring()
        async with line.media() as socket:
            for message in messages:
                await socket.send_text(message)
            with pytest.raises(MediaStreamClosed):
                await read_to_the_end(socket)
        await line.webhook("call.speak.ended", status="completed")
        end = await ended(line)
    assert end["reason"] == "protocol_error"
    assert evidence in end["evidence"]
    assert line.actions() == ["answer", "speak", "hangup"]


async def test_no_media_socket_ends_the_call_after_the_answer_timeout(open_line, autojump_clock):
    async with open_line(call={"answer_timeout_s": 5}) as line:
        await line.ring()
        before = trio.current_time()
        await trio.sleep(5.5)
        await line.webhook("call.speak.ended", status="completed")
        end = await ended(line)
    assert trio.current_time() - before < 6
    assert end["reason"] == "no_media"
    assert line.actions() == ["answer", "speak", "hangup"]


async def test_a_socket_that_never_starts_ends_the_call_too(open_line, autojump_clock):
    async with open_line(call={"answer_timeout_s": 5}) as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text('{"event":"connected","version":"1.0.0"}')
            await trio.sleep(6)
            await line.webhook("call.speak.ended", status="completed")
            assert (await ended(line))["reason"] == "no_media"


async def test_an_open_socket_on_which_nothing_comes_is_stalled(open_line, autojump_clock):
    async with open_line(media={"stall_timeout_s": 3}) as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message())
            await socket.send_text(media_frame(1))
            await trio.sleep(3.2)
            await line.webhook("call.speak.ended", status="completed")
            assert (await ended(line))["reason"] == "media_stalled"


async def test_streaming_failed_ends_the_call_at_once(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        await line.webhook("streaming.failed", failure_reason="connection_failed")
        await trio.sleep(0.01)
        await line.webhook("call.speak.ended", status="completed")
        end = await ended(line)
    assert end["reason"] == "streaming_failed"
    assert "connection_failed" in end["evidence"]


async def test_a_webhook_that_comes_twice_is_answered_twice_and_acted_on_once(
    open_line, autojump_clock
):
    async with open_line() as line:
        for _ in range(3):
            status = await line.webhook(
                "call.initiated", webhook_id="same", direction="incoming", state="parked"
            )
            assert status == 200
        await trio.sleep(0.1)
        assert line.actions() == ["answer"]
        await line.webhook("call.hangup", hangup_cause="normal_clearing")


async def test_a_second_call_initiated_of_a_live_or_ended_call_starts_nothing(
    open_line, autojump_clock
):
    async with open_line() as line:
        await line.ring()
        await line.ring()
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
        await ended(line)
        await line.ring()
        assert line.actions() == ["answer"]
        assert len(line.records) == 1


async def test_our_own_outgoing_legs_are_not_answered(open_line, autojump_clock):
    async with open_line() as line:
        await line.webhook("call.initiated", direction="outgoing", state="bridging")
        await trio.sleep(0.1)
        assert line.commands == []


async def test_the_caller_may_give_up_before_the_answer(open_line, autojump_clock):
    async with open_line() as line:
        line.answers["answer"] = (
            422,
            {"errors": [{"code": "90018", "title": "Call has already ended"}]},
        )
        await line.ring()
        end = await ended(line)
    assert end["reason"] == "caller_hung_up"
    assert line.actions() == ["answer"]  # nobody is there to hang up


async def test_a_refused_answer_is_the_reason_and_the_leg_is_hung_up(open_line, autojump_clock):
    async with open_line() as line:
        line.answers["answer"] = (401, {"errors": []})
        await line.ring()
        end = await ended(line)
    assert end["reason"] == "not_answered"
    assert "TELNYX_API_KEY" in end["evidence"]
    assert line.actions() == ["answer", "hangup"]


async def test_a_hangup_that_telnyx_never_takes_is_said_in_the_record(open_line, autojump_clock):
    async with open_line() as line:
        line.answers["hangup"] = (500, {})
        line.answers["answer"] = (401, {"errors": []})
        await line.ring()
        await ended(line)
    assert line.records[0]["hangup_confirmed"] is False


async def test_calls_beyond_the_limit_are_rejected_as_busy(open_line, autojump_clock):
    async with open_line(call={"max_concurrent": 2}) as line:
        for n in range(5):
            await line.ring(f"v3:{n}")
        assert line.actions() == ["answer", "answer", "reject", "reject", "reject"]
        assert line.commands[2][1]["cause"] == "USER_BUSY"
        assert [r["end"]["reason"] for r in line.records] == ["refused_busy"] * 3
        for n in range(2):
            await line.webhook("call.hangup", f"v3:{n}", hangup_cause="normal_clearing")
        await ended(line, 5)
        await line.ring("v3:after")
        assert line.actions()[-1] == "answer"
        await line.webhook("call.hangup", "v3:after", hangup_cause="normal_clearing")


async def test_two_hundred_rings_at_once_each_get_one_command(open_line, autojump_clock):
    async with open_line(call={"max_concurrent": 100}) as line:
        async with trio.open_nursery() as nursery:
            for n in range(200):
                nursery.start_soon(line.ring, f"v3:{n}")
        await trio.sleep(0.1)
        assert sorted(line.actions()) == ["answer"] * 100 + ["reject"] * 100
        for n in range(200):
            await line.webhook("call.hangup", f"v3:{n}", hangup_cause="normal_clearing")
        await ended(line, 200)


async def test_draining_refuses_new_calls_and_waits_for_the_live_ones(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring("v3:old")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.switchboard.drain)
            await trio.sleep(0.1)
            await line.ring("v3:new")
            assert line.actions() == ["answer", "reject"]
            assert line.switchboard.is_draining
            await line.webhook("call.hangup", "v3:old", hangup_cause="normal_clearing")
        assert line.switchboard.snapshot() == []


async def test_a_daemon_that_stops_hangs_up_what_is_live(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        async with line.media() as socket:
            await socket.send_text(start_message())
            await trio.sleep(0.1)
            assert line.records == []
            await line.switchboard.close()
    assert line.records[0]["end"]["reason"] == "shutdown"
    assert line.actions() == ["answer", "hangup"]
