"""The caller is handed over to somebody else: from then on we only watch."""

import pytest
import trio

from tests.call.conftest import media_frame, start_message
from voiced.errors import MediaStreamClosed
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, Speech, ToneSynthesizer

TO = "+13125550177"


@pytest.fixture
def open_transfer(open_line):
    """A line whose agent transfers at once; the caller goes on talking."""

    async def greet(reply):
        await reply.say("One moment.")
        reply.transfer(TO)

    script = [
        Speech(from_s=at, to_s=at + 0.2, text="hello", silence_s=0.1, decode_s=0.1)
        for at in range(1, 9)
    ]

    def opener(**tables):
        return open_line(
            agent=FunctionAgent(greet=greet),
            recognizer=ScriptedRecognizer(script),
            synthesizer=ToneSynthesizer(first_audio_s=0.01, letters_per_s=50),
            **tables,
        )

    return opener


async def talk(socket, from_s, to_s):
    for chunk in range(round(from_s * 50), round(to_s * 50)):
        await socket.send_text(media_frame(chunk + 1))
        await trio.sleep(0.02)


async def begin(line, socket):
    """Play one call up to its transfer."""
    await socket.send_text(start_message())
    await talk(socket, 0, 0.5)
    with trio.move_on_after(0.001):
        while True:
            message = await socket.receive()
            if '"mark"' in message:  # so it has been heard
                await socket.send_text(message)
    await talk(socket, 0.5, 0.6)


async def test_the_leg_of_a_caller_who_talks_on_is_left_alone_until_it_ends(
    open_transfer, autojump_clock
):
    async with open_transfer() as line:
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            assert line.actions() == ["answer", "transfer"]
            assert line.commands[-1][1]["to"] == TO
            await talk(socket, 0.6, 10)
            assert line.switchboard.snapshot() != []
        await trio.sleep(60)  # the socket has gone without a `stop`
        assert line.switchboard.snapshot() != []
        await line.webhook("call.hangup", hangup_cause="normal_clearing", hangup_source="callee")
        await trio.sleep(0.01)
    (record,) = line.records
    assert record["end"]["reason"] == "transferred"
    assert line.actions() == ["answer", "transfer"]


async def test_a_stop_before_telnyx_has_confirmed_the_transfer_is_no_hangup(
    open_transfer, autojump_clock
):
    async with open_transfer() as line:
        line.delays["transfer"] = 3.0
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await socket.send_text('{"event":"stop","sequence_number":"2","stream_id":"s1"}')
        await trio.sleep(30)
        assert line.switchboard.snapshot() != []
        await line.webhook("call.hangup", hangup_cause="normal_clearing", hangup_source="caller")
        await trio.sleep(0.01)
    assert line.records[0]["end"]["reason"] == "transferred"
    assert line.actions() == ["answer", "transfer"]


async def test_a_slow_transfer_does_not_make_the_recognizer_late(open_transfer, autojump_clock):
    async with open_transfer() as line:
        line.delays["transfer"] = 4.9
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await talk(socket, 0.6, 8)
            assert line.switchboard.snapshot() != []
            await line.webhook("call.hangup", hangup_cause="normal_clearing")
    assert line.records[0]["end"]["reason"] == "transferred"


async def test_a_refused_transfer_ends_the_call_with_an_apology(open_transfer, autojump_clock):
    async with open_transfer() as line:
        line.answers["transfer"] = (422, {"errors": [{"code": "10015", "title": "Bad Request"}]})
        await line.ring()
        async with line.media() as socket:
            with pytest.raises(MediaStreamClosed):
                await begin(line, socket)
            await line.webhook("call.speak.ended", status="completed")
            await trio.sleep(0.1)
    assert line.records[0]["end"]["reason"] == "transfer_failed"
    assert line.actions() == ["answer", "transfer", "speak", "hangup"]


async def test_a_daemon_that_stops_leaves_a_transferred_leg_up(open_transfer, autojump_clock):
    async with open_transfer() as line:
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await line.switchboard.close()
    assert line.records[0]["end"]["reason"] == "shutdown"
    assert line.records[0]["hangup_confirmed"] is True
    assert line.actions() == ["answer", "transfer"]
