"""Calls over real sockets: they work, they leave nothing, and one cannot harm another."""

import json
import os
from contextlib import suppress

import pytest
import trio

from tests.call.conftest import media_frame
from tests.call.test_faults import names_of_live_tasks
from tests.sockets.conftest import frame, until
from voiced.testing.caller import tone_caller

pytestmark = pytest.mark.socket


async def test_a_whole_call_is_echoed_and_its_record_lies_on_the_disk(open_house):
    async with open_house() as house:
        caller = tone_caller(starts_s=0.3, lasts_s=60, heard_s=0.3)
        report = await house.telnyx.ring(caller)
        await until(lambda: not house.daemon.switchboard.snapshot())
    assert report.violations == ()
    assert report.first_audio_s is not None
    assert report.ended_by == "caller"
    (document,) = house.documents()
    assert document["end"]["reason"] == "caller_hung_up"
    assert document["counters"]["inbound"]["frames"] >= 15  # all that came back


# Nothing is left of a call.


async def talk(wire):
    """Send a frame ten times a second until it is cut: a hundred callers must fit into one core."""
    with suppress(trio.BrokenResourceError):
        for chunk in range(1, 10_000):
            await wire.send(media_frame(chunk))
            await trio.sleep(0.1)


async def live(hand, call, up, gone):
    path = await hand.ring(call)
    async with hand.wire(path, call=call) as wire, trio.open_nursery() as nursery:
        nursery.start_soon(talk, wire)
        up.append(call)
        await wire.has_ended()
        nursery.cancel_scope.cancel()
    gone.append(call)


def sockets_of(hand):
    """Return how many of this process's TCP connections end at the public listener."""
    port = f":{hand.address.port:04X}"
    with open("/proc/self/net/tcp") as table:
        rows = [line.split()[1:4] for line in table][1:]
    return sum(local.endswith(port) and state == "01" for local, _, state in rows)


@pytest.mark.parametrize("n_calls", [1, 100])
async def test_a_second_after_the_hangup_nothing_is_left_of_a_call(
    open_hand, record_testsuite_property, n_calls
):
    calls = [f"v3:{n}" for n in range(n_calls)]
    async with open_hand() as hand, trio.open_nursery() as nursery:
        before = sockets_of(hand)
        up: list[str] = []
        gone: list[str] = []
        for call in calls:
            nursery.start_soon(live, hand, call, up, gone)
        await until(lambda: len(up) == n_calls)
        await trio.sleep(0.3)
        assert len(names_of_live_tasks()) == n_calls
        assert sockets_of(hand) >= before + n_calls
        # One of them,
        begun = trio.current_time()
        await hand.hang_up(calls[0])
        with trio.fail_after(1):
            await until(lambda: gone == calls[:1])
            await until(lambda: len(names_of_live_tasks()) == n_calls - 1)
        one_ms = round((trio.current_time() - begun) * 1000, 1)
        record_testsuite_property(f"one of {n_calls} gone after ms", one_ms)
        assert len(up) == n_calls
        assert len(gone) == 1
        # then all the others at once.
        begun = trio.current_time()
        for call in calls[1:]:
            nursery.start_soon(hand.hang_up, call)
        with trio.fail_after(1 + n_calls / 50):
            await until(lambda: len(gone) == n_calls and not names_of_live_tasks())
        all_ms = round((trio.current_time() - begun) * 1000, 1)
        record_testsuite_property(f"all of {n_calls} gone after ms", all_ms)
        assert hand.daemon.switchboard.snapshot() == []
        await until(lambda: sockets_of(hand) <= before + 20)  # webhooks' own, kept alive
    documents = [json.loads(path.read_text()) for path in hand.records.glob("*/call.json")]
    assert {d["call_id"] for d in documents} == set(calls)
    assert {d["end"]["reason"] for d in documents} == {"caller_hung_up"}
    assert "hangup" not in {action for _, action, _ in hand.commands}


# Peers that break off.


async def test_a_peer_that_stops_reading_does_not_hold_up_the_end_of_its_call(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path, buffer_bytes=1) as wire:
            for chunk in range(1, 4000):
                await wire.send(media_frame(chunk, os.urandom(160)))
            await trio.sleep(0.3)
            await hand.hang_up()
            with trio.fail_after(1.5):  # at most the second that a close is given
                assert (await hand.ended())["end"]["reason"] == "caller_hung_up"
                await until(lambda: names_of_live_tasks() == [])


@pytest.mark.slow
async def test_a_peer_that_stops_reading_is_given_up_and_other_calls_go_on(open_hand):
    async with open_hand(media={"stall_timeout_s": 60, "reconnect_s": 0}) as hand:
        path, other = await hand.ring(), await hand.ring("v3:other")
        async with (
            hand.wire(path, buffer_bytes=1) as deaf,
            hand.wire(other, call="v3:other") as wire,
        ):
            chunk = 0
            while hand.daemon.switchboard.find("v3:hand") is not None:
                chunk += 1
                try:
                    await deaf.send(media_frame(chunk, os.urandom(160)))
                except trio.BrokenResourceError:
                    break
                assert await hand.echoes(wire, chunk)
                await trio.sleep(0.02)
            assert (await hand.ended())["end"]["reason"] == "media_lost"
            assert await hand.echoes(wire, chunk + 1)
            await hand.hang_up("v3:other")
            assert (await hand.ended("v3:other"))["end"]["reason"] == "caller_hung_up"
    assert hand.actions() == ["answer", "hangup"]


async def test_a_reset_connection_ends_the_call_and_the_leg_is_hung_up(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            assert await hand.echoes(wire, 1)
            wire.reset()
        document = await hand.ended()
    assert document["end"]["reason"] == "media_lost"
    assert hand.actions() == ["answer", "hangup"]


async def test_a_close_without_stop_is_a_lost_socket_with_its_code(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            assert await hand.echoes(wire, 1)
            await wire.send((1013).to_bytes(2), opcode=8)
            opcode, payload = await wire.receive()
            assert (opcode, payload) == (8, (1013).to_bytes(2))
        document = await hand.ended()
    assert document["end"]["reason"] == "media_lost"
    assert "1013" in document["end"]["evidence"]


async def test_after_a_reset_a_second_connection_carries_the_call_on(open_hand):
    async with open_hand(media={"reconnect_s": 5}) as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            assert await hand.echoes(wire, 1)
            wire.reset()
        await until(lambda: hand.actions() == ["answer", "streaming_start"])
        async with hand.wire(path) as wire:
            assert await hand.echoes(wire, 1)
            await wire.send(b'{"event":"stop","stream_id":"s1"}')
        document = await hand.ended()
    assert document["end"]["reason"] == "caller_hung_up"
    assert document["counters"]["stream_restarts"] == 1


# Frames as nobody sends them.


@pytest.mark.parametrize(
    ("data", "evidence"),
    [
        (frame("x" * 2_000_000), "media socket"),
        (frame(b"\x00" * 10, opcode=2), "binary"),
        (frame(b"\xff\xfe"), "UTF-8"),
        (frame("x", opcode=7), "media socket"),
        (b"\x81\x05hello", "media socket"),  # not masked
        (b"GET / HTTP/1.1\r\n\r\n", "media socket"),
        (frame("x" * 700_000, fin=False) + frame("x" * 700_000, opcode=0), "media socket"),
        (frame("{}", opcode=0), "media socket"),  # goes on with nothing
        (frame("x" * 126, opcode=9), "media socket"),  # a ping too long
    ],
)
async def test_a_frame_that_cannot_be_read_ends_its_call_and_says_why(open_hand, data, evidence):
    async with open_hand() as hand:
        path, other = await hand.ring(), await hand.ring("v3:other")
        async with hand.wire(path) as wire, hand.wire(other, call="v3:other") as sound:
            assert await hand.echoes(wire, 1)
            try:
                await wire.stream.send_all(data)
                await wire.has_ended()
            except trio.BrokenResourceError:
                pass  # it does not read two megabytes to the end
            document = await hand.ended()
            assert await hand.echoes(sound, 1)
            await hand.hang_up("v3:other")
    assert document["end"]["reason"] == "protocol_error"
    assert evidence in document["end"]["evidence"]
    assert len(document["end"]["evidence"]) < 300
    assert hand.actions() == ["answer", "hangup"]


async def test_messages_may_come_in_fragments_with_pings_between(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            text = media_frame(1, os.urandom(160)).encode()
            await wire.send(text[:50], fin=False)
            await wire.send("are you there", opcode=9)
            await wire.send(text[50:100], opcode=0, fin=False)
            await wire.send(text[100:], opcode=0)
            assert await wire.receive() == (10, b"are you there")
            message = await wire.receive_text()
            assert message["event"] == "media"
            await hand.hang_up()
            await hand.ended()


async def test_a_message_may_come_byte_by_byte(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            for byte in frame(media_frame(1, os.urandom(160))):
                await wire.stream.send_all(bytes([byte]))
            message = await wire.receive_text()
            assert message["event"] == "media"
            await hand.hang_up()
            await hand.ended()


async def test_two_seconds_of_audio_may_come_at_once(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            burst = b"".join(frame(media_frame(chunk)) for chunk in range(1, 101))
            await wire.stream.send_all(burst)
            assert await wire.receive_text() is not None
            await trio.sleep(0.1)
            assert hand.daemon.switchboard.find("v3:hand") is not None
            await hand.hang_up()
            document = await hand.ended()
    assert document["end"]["reason"] == "caller_hung_up"
    assert document["counters"]["inbound"]["frames"] == 100


async def test_what_comes_behind_a_fault_keeps_nothing_alive(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            burst = b"".join(frame(media_frame(chunk)) for chunk in range(1, 101))
            await wire.stream.send_all(frame("garbage") + burst)
            await wire.has_ended()
            document = await hand.ended()
    assert document["end"]["reason"] == "protocol_error"
    assert "JSON" in document["end"]["evidence"]


async def test_garbage_behind_a_good_message_is_noticed_at_once(open_hand):
    async with open_hand() as hand:
        path = await hand.ring()
        async with hand.wire(path) as wire:
            await wire.stream.send_all(frame(media_frame(1)) + b"\xff\xff\xff\xff")
            with trio.fail_after(2):
                document = await hand.ended()
    assert document["end"]["reason"] == "protocol_error"
