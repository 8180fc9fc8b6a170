import ssl
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing
import trustme

from tests.net.conftest import Parrot
from voiced.errors import ProviderError, RecognizerFailed
from voiced.net.peer import Peer
from voiced.net.socket import Heartbeat, open_provider_socket
from voiced.net.watched import WatchedStream
from voiced.net.wire import Wire
from voiced.testing.fake_provider import (
    Answer,
    CloseWith,
    Drop,
    FakeServer,
    Garbage,
    HalfOpen,
    Late,
    Refuse,
    Stall,
    open_memory_wire,
    serve_fake,
)

# -- the virtual clock ----------------------------------------------------------------------------


@asynccontextmanager
async def open_socket(*faults, path="/echo", peer=None, **options):
    server = FakeServer(Parrot(), faults)
    async with (
        open_memory_wire(server) as wire,
        open_provider_socket(
            f"wss://acme.test{path}",
            peer=peer or Peer("acme", RecognizerFailed),
            wire=wire,
            **options,
        ) as socket,
    ):
        yield socket, server


async def trouble_of(*faults, path="/echo", said=(), **options):
    """Return the trouble that comes, when, and what was received before."""
    received = []
    with pytest.raises(RecognizerFailed) as info:  # noqa: PT012
        async with open_socket(*faults, path=path, **options) as (socket, _):
            for message in said:
                await socket.send(message)
            while True:
                received.append(await socket.receive())
    return info.value, trio.current_time(), received


async def test_messages_go_both_ways_as_they_are(autojump_clock):
    async with open_socket(headers={"Authorization": "Token k"}) as (socket, server):
        await socket.send("text")
        await socket.send(b"\0\1")
        await socket.send_json({"type": "KeepAlive"})
        received = [await socket.receive() for _ in range(3)]
    assert received == ["text", b"\0\1", '{"type":"KeepAlive"}']
    (request,) = server.requests
    assert (request.path, request.headers["authorization"]) == ("/echo", "Token k")
    assert request.headers["host"] == "acme.test"


@pytest.mark.parametrize(
    ("fault", "kind", "code", "reason"),
    [
        (Refuse(), "refused", None, "before the handshake"),
        (Answer(status=401, body="bad key"), "unauthorized", 401, "HTTP status 401: bad key"),
        (Answer(status=503), "overloaded", 503, "HTTP status 503"),
        (CloseWith(code=1008, reason="DATA-0000"), "closed", 1008, r"\(1008: DATA-0000\)"),
        (CloseWith(code=4001), "closed", 4001, r"\(4001\)"),
        (Drop(), "closed", 1006, r"\(1006\)"),
    ],
)
async def test_what_goes_wrong_at_once_is_told_at_once(autojump_clock, fault, kind, code, reason):
    error, at, _ = await trouble_of(fault)
    assert (error.kind, error.code, at) == (kind, code, 0.0)
    with pytest.raises(RecognizerFailed, match=reason):
        raise error


async def test_a_rate_limit_is_obeyed_by_all_who_use_the_peer(autojump_clock):
    peer = Peer("acme", RecognizerFailed)
    first, *_ = await trouble_of(Answer(status=429, retry_after="4"), peer=peer)
    second, *_ = await trouble_of(peer=peer)
    assert (first.kind, first.retry_after_s) == (second.kind, second.retry_after_s)
    await trio.sleep(4)
    async with open_socket(peer=peer):
        pass


async def test_a_far_end_that_has_vanished_is_noticed_within_seconds(autojump_clock):
    error, at, received = await trouble_of(HalfOpen(after=3), path="/talk")
    # The third word came at 1.0; the ping goes out at 4.0 and is not answered until 7.0.
    assert (error.kind, at, len(received)) == ("stalled", 7.0, 3)
    assert str(error) == "acme: silent for 6.0 s, and does not answer a ping"


async def test_a_silent_far_end_that_answers_pings_lives(autojump_clock):
    with trio.move_on_after(600) as scope:
        await trouble_of(Stall())
    assert scope.cancelled_caught


async def test_a_far_end_that_talks_is_sent_no_pings(autojump_clock):
    sent = []

    class Ear(WatchedStream):
        async def send_all(self, data):
            sent.append(data)
            await super().send_all(data)

    async with open_memory_wire(FakeServer(Parrot())) as wire:

        async def connect(address):
            return Ear(await wire.connect(address))

        async with open_provider_socket(
            "ws://a/talk", peer=Peer("acme"), wire=Wire(connect=connect)
        ) as socket:
            for _ in range(40):
                await socket.receive()
    assert len(sent) == 2  # handshake, close


async def test_messages_that_wait_for_us_are_no_sign_that_the_far_end_has_gone(autojump_clock):
    async with open_socket(path="/talk") as (socket, _):
        await trio.sleep(600)  # more than are read ahead
        for _ in range(2000):
            await socket.receive()


async def test_whatever_takes_no_data_has_stalled(autojump_clock):
    near, far = trio.testing.lockstep_stream_pair()

    async def connect(address):
        await trio.lowlevel.checkpoint()
        return near

    async with trio.open_nursery() as nursery:

        async def far_end():
            from trio_websocket import wrap_server_stream

            async with trio.open_nursery() as inner:
                request = await wrap_server_stream(inner, far)
                await request.accept()
                inner.cancel_scope.cancel()
            await trio.sleep_forever()  # reads no more, and its stream is lockstep

        nursery.start_soon(far_end)
        with pytest.raises(RecognizerFailed, match="has taken nothing for 5 s") as info:
            async with open_provider_socket(
                "ws://acme",
                peer=Peer("acme", RecognizerFailed),
                wire=Wire(connect=connect),
                heartbeat=Heartbeat(quiet_s=100),
            ) as socket:
                await socket.send(b"x")
        nursery.cancel_scope.cancel()
    assert info.value.kind == "stalled"
    assert trio.current_time() == pytest.approx(5.0, abs=0.2)


async def test_a_handshake_that_does_not_come_has_a_deadline(autojump_clock):
    server = FakeServer(Parrot())
    async with open_memory_wire(server, connect_s=60) as wire:
        with pytest.raises(RecognizerFailed, match="no connection within 2 s") as info:
            async with open_provider_socket(
                "ws://a", peer=Peer("acme", RecognizerFailed), connect_s=2, wire=wire
            ):
                pass
    assert (info.value.kind, trio.current_time()) == ("refused", 2.0)


async def test_garbage_in_place_of_a_handshake_is_told(autojump_clock):
    near, far = trio.testing.memory_stream_pair()
    await far.send_all(b"220 smtp.acme.test ESMTP\r\n\r\n")

    async def connect(address):
        await trio.lowlevel.checkpoint()
        return near

    with pytest.raises(RecognizerFailed, match="no WebSocket handshake") as info:
        async with open_provider_socket(
            "ws://a", peer=Peer("acme", RecognizerFailed), wire=Wire(connect=connect)
        ):
            pass
    assert (info.value.kind, trio.current_time()) == ("garbage", 0.0)


async def test_a_message_that_is_too_large_ends_the_socket(autojump_clock):
    error, *_ = await trouble_of(said=["x" * 2000], message_max_bytes=1000)
    assert (error.kind, error.code) == ("garbage", 1009)


async def test_what_makes_no_sense_is_passed_on_to_who_can_judge(autojump_clock):
    async with open_socket(Garbage()) as (socket, _):
        await socket.send("a")
        assert [await socket.receive() for _ in range(2)] == ['{"type": ', "a"]


async def test_everything_may_come_late(autojump_clock):
    async with open_socket(Late(by_s=0.7)) as (socket, _):
        await socket.send("a")
        assert (await socket.receive(), trio.current_time()) == ("a", 0.7)


async def test_leaving_takes_no_time_even_if_the_far_end_has_vanished(autojump_clock):
    async with open_socket(HalfOpen()) as (socket, _):
        await trio.sleep(1)
        await socket.send("a")
    assert trio.current_time() <= 1.05


async def test_cancelling_leaves_nothing_behind(autojump_clock):
    with trio.move_on_after(1):
        async with open_socket(path="/talk") as (socket, _):
            while True:
                await socket.receive()
    assert trio.current_time() <= 1.05


async def test_what_the_body_raises_comes_out_as_it_is(autojump_clock):
    with pytest.raises(ZeroDivisionError):
        async with open_socket():
            _ = 1 / 0


async def test_a_message_that_was_cut_off_is_followed_by_none(autojump_clock):
    near, far = trio.testing.memory_stream_pair()
    stuck = trio.Event()
    carry = near.send_stream.send_all_hook
    assert carry is not None

    async def hang():
        if stuck.is_set():
            await trio.sleep_forever()
        await carry()

    near.send_stream.send_all_hook = hang

    async def connect(address):
        await trio.lowlevel.checkpoint()
        return near

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(FakeServer(Parrot()).serve, far))
        with pytest.raises(RecognizerFailed, match="cut off"):  # noqa: PT012
            async with open_provider_socket(
                "ws://a", peer=Peer("acme", RecognizerFailed), wire=Wire(connect=connect)
            ) as socket:
                stuck.set()
                with trio.move_on_after(0.1):
                    await socket.send("half")
                await socket.send("whole")
        nursery.cancel_scope.cancel()


# -- real sockets ---------------------------------------------------------------------------------


@pytest.mark.socket
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Refuse(), "refused"),
        (Answer(status=403), "unauthorized"),
        (CloseWith(code=1011), "closed"),
        (Drop(), "closed"),
        (Drop(after=2), "closed"),
        (HalfOpen(after=1), "stalled"),
    ],
)
async def test_over_real_sockets_trouble_is_the_same(fault, kind):
    async with serve_fake(FakeServer(Parrot(), [fault])) as host:
        with pytest.raises(RecognizerFailed) as info, trio.fail_after(5):  # noqa: PT012
            async with open_provider_socket(
                f"ws://{host}/echo",
                peer=Peer("acme", RecognizerFailed),
                heartbeat=Heartbeat(quiet_s=0.05, answer_s=0.05),
            ) as socket:
                for n in range(3):
                    await socket.send(str(n))
                    assert await socket.receive() == str(n)
    assert info.value.kind == kind


@pytest.mark.socket
async def test_nobody_listening_and_no_tls_are_refusals():
    async with serve_fake(FakeServer(Parrot())) as host:
        with pytest.raises(RecognizerFailed) as info, trio.fail_after(5):
            async with open_provider_socket(f"wss://{host}", peer=Peer("a", RecognizerFailed)):
                pass
    assert info.value.kind == "refused"
    with pytest.raises(RecognizerFailed) as info, trio.fail_after(5):
        async with open_provider_socket(f"ws://{host}", peer=Peer("a", RecognizerFailed)):
            pass
    assert info.value.kind == "refused"


@pytest.fixture
def authority(monkeypatch):
    """Whom providers' certificates are signed by, in this test."""
    authority = trustme.CA()
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    monkeypatch.setattr("voiced.net.wire.tls_context", lambda: trusted)
    return authority


def certificate_of(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.socket
@pytest.mark.parametrize("fault", [None, Drop(after=1), CloseWith(code=1011, after=1)])
async def test_over_tls_messages_and_trouble_are_the_same(fault, authority):
    server = FakeServer(Parrot(), [fault])
    async with serve_fake(server, tls=certificate_of(authority)) as host:
        with trio.fail_after(5):
            async with open_provider_socket(f"wss://{host}/echo", peer=Peer("acme")) as socket:
                await socket.send("a")
                assert await socket.receive() == "a"
                if fault is not None:
                    with pytest.raises(ProviderError) as info:  # noqa: PT012
                        await socket.send("b")
                        await socket.receive()
                    assert info.value.kind == "closed"


@pytest.mark.socket
async def test_a_certificate_of_nobody_we_trust_is_a_refusal(authority):
    stranger = certificate_of(trustme.CA())
    async with serve_fake(FakeServer(Parrot()), tls=stranger) as host:
        with pytest.raises(ProviderError, match="certificate verify failed") as info:  # noqa: PT012
            with trio.fail_after(5):
                async with open_provider_socket(f"wss://{host}", peer=Peer("acme")):
                    pass
    assert info.value.kind == "refused"
