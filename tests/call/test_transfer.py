"""The caller is handed over to somebody else: from then on we only watch."""

import pytest
import trio

from tests.call.conftest import media_frame, start_message
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

    def opener(reasons=None, **tables):
        async def come_back(reason, reply):
            reasons.append(reason)
            await reply.say("They cannot be reached.")

        return open_line(
            agent=FunctionAgent(greet=greet, take_back=come_back),
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
            await line.webhook("call.bridged")
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
        await line.webhook("call.bridged")
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
            await line.webhook("call.bridged")
            await line.webhook("call.hangup", hangup_cause="normal_clearing")
    assert line.records[0]["end"]["reason"] == "transferred"


async def test_a_refused_transfer_brings_the_caller_back_to_the_agent(
    open_transfer, autojump_clock
):
    reason_heard: list[str] = []
    async with open_transfer(reason_heard) as line:
        line.answers["transfer"] = (422, {"errors": [{"code": "10015", "title": "Bad Request"}]})
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await talk(socket, 0.6, 1.5)
            assert reason_heard == ["refused"]
            assert line.switchboard.snapshot()[0]["leg"] == "streaming"
            await line.webhook("call.hangup", hangup_cause="normal_clearing")
    assert line.records[0]["end"]["reason"] == "caller_hung_up"
    assert line.records[0]["transfers"][0]["outcome"] == "refused"


def of_target(line, event_type, **payload):
    state = line.commands[1][1]["target_leg_client_state"]
    return line.webhook(event_type, "v3:target", client_state=state, **payload)


@pytest.mark.parametrize(
    ("hangup", "reason"),
    [
        ({"hangup_cause": "user_busy", "sip_hangup_cause": "486"}, "busy"),
        ({"hangup_cause": "timeout"}, "no answer"),
        ({"hangup_cause": "call_rejected", "sip_hangup_cause": "603"}, "declined"),
    ],
)
async def test_a_target_who_cannot_be_reached_brings_the_caller_back_with_the_reason(
    open_transfer, autojump_clock, hangup, reason
):
    reason_heard: list[str] = []
    async with open_transfer(reason_heard) as line:
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await of_target(line, "call.initiated", direction="outgoing", state="bridging")
            await talk(socket, 0.6, 2)
            assert line.switchboard.snapshot()[0]["leg"] == "transferring"
            await of_target(line, "call.hangup", **hangup)
            await talk(socket, 2, 3)
            assert reason_heard == [reason]
            await line.webhook("call.hangup", hangup_cause="normal_clearing")
    assert line.records[0]["transfers"][0]["outcome"] == reason
    assert line.actions() == ["answer", "transfer"]


async def test_a_target_is_known_by_its_session_where_telnyx_leaves_our_state_out(
    open_transfer, autojump_clock
):
    reason_heard: list[str] = []
    async with open_transfer(reason_heard) as line:
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            hangup = {"hangup_cause": "user_busy", "client_state": None}
            await line.webhook("call.hangup", "v3:stranger", call_session_id="other", **hangup)
            await talk(socket, 0.6, 1)
            assert reason_heard == []
            await line.webhook("call.hangup", "v3:target", **hangup)
            await talk(socket, 1, 2)
            assert reason_heard == ["busy"]
            await line.webhook("call.hangup", hangup_cause="normal_clearing")


async def test_a_stream_that_was_stopped_for_a_failed_transfer_starts_anew(
    open_transfer, autojump_clock
):
    reason_heard: list[str] = []
    async with open_transfer(reason_heard) as line:
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await socket.send_text('{"event":"stop","sequence_number":"2","stream_id":"s1"}')
        await of_target(line, "call.hangup", hangup_cause="user_busy")
        await line.settle()
        assert line.actions() == ["answer", "transfer", "streaming_start"]
        async with line.media() as socket:
            await socket.send_text(start_message())
            await talk(socket, 0, 1)
            assert reason_heard == ["busy"]
            await line.webhook("call.hangup", hangup_cause="normal_clearing")


async def test_a_target_that_answers_is_bridged_even_if_that_is_never_told(
    open_transfer, autojump_clock
):
    reason_heard: list[str] = []
    async with open_transfer(reason_heard) as line:
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await of_target(line, "call.answered")
            await talk(socket, 0.6, 5)
            assert line.switchboard.snapshot()[0]["leg"] == "bridged"
            await line.webhook("call.hangup", hangup_cause="normal_clearing")
    assert reason_heard == []
    assert line.records[0]["end"]["reason"] == "transferred"


async def test_a_transfer_of_which_nothing_is_heard_is_given_up(open_transfer, autojump_clock):
    reason_heard: list[str] = []
    async with open_transfer(reason_heard, transfer={"ring_s": 5}) as line:
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await talk(socket, 0.6, 20)
            assert reason_heard == ["no answer"]
            await line.webhook("call.hangup", hangup_cause="normal_clearing")


async def test_a_daemon_that_stops_leaves_a_transferred_leg_up(open_transfer, autojump_clock):
    async with open_transfer() as line:
        await line.ring()
        async with line.media() as socket:
            await begin(line, socket)
            await line.webhook("call.bridged")
            await line.switchboard.close()
    assert line.records[0]["end"]["reason"] == "shutdown"
    assert line.records[0]["hangup_confirmed"] is True
    assert line.actions() == ["answer", "transfer"]
