"""The media socket's framing over a stream in memory; real sockets have tests of their own."""

import pytest
import trio
from trio.testing import memory_stream_pair
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.sockets.conftest import frame, upgrade
from voiced.errors import MediaStreamClosed, RemoteProtocolError
from voiced.public.media_socket import MESSAGE_LIMIT_BYTES, StreamMediaSocket


@pytest.fixture
async def ends(autojump_clock):
    """Return our socket and the far end's stream, connected."""
    near, far = memory_stream_pair()
    protocol = ServerProtocol(max_size=MESSAGE_LIMIT_BYTES)
    protocol.receive_data(upgrade("/telnyx/media/x"))
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    protocol.data_to_send()
    return StreamMediaSocket(near, protocol), far


async def send(socket, text):
    if not socket.send_text_nowait(text):
        await socket.flush()


async def test_several_messages_may_come_in_one_piece(autojump_clock, ends):
    socket, far = ends
    await far.send_all(frame("one") + frame("two") + frame("") + frame("three")[:3])
    assert [await socket.receive_text() for _ in range(3)] == ["one", "two", ""]
    await far.send_all(frame("three")[3:])
    assert await socket.receive_text() == "three"


async def test_fragments_are_put_together_and_pings_are_answered(autojump_clock, ends):
    socket, far = ends
    parts = [frame("o", fin=False), frame("", opcode=9), frame("n", opcode=0, fin=False)]
    await far.send_all(b"".join(parts) + frame("e", opcode=0) + frame("two"))
    assert [await socket.receive_text(), await socket.receive_text()] == ["one", "two"]
    assert await far.receive_some() == b"\x8a\x00"


@pytest.mark.parametrize("data", [b"", frame("x")[:-1], frame("x", fin=False)])
async def test_an_end_without_a_close_is_abnormal(autojump_clock, ends, data):
    socket, far = ends
    await far.send_all(data)
    await far.aclose()
    with pytest.raises(MediaStreamClosed) as caught:
        await socket.receive_text()
    assert caught.value.code == 1006


@pytest.mark.parametrize(
    ("payload", "code"), [(b"", 1005), (b"\x03\xe8", 1000), (b"\x0f\xa1x", 4001)]
)
async def test_a_close_is_answered_and_tells_its_code(autojump_clock, ends, payload, code):
    socket, far = ends
    await far.send_all(frame("last") + frame(payload, opcode=8))
    assert await socket.receive_text() == "last"
    with pytest.raises(MediaStreamClosed) as caught:
        await socket.receive_text()
    assert caught.value.code == code
    assert (await far.receive_some())[0] == 0x88
    with pytest.raises(MediaStreamClosed):
        await send(socket, "late")


async def test_what_came_before_a_fault_is_still_given(autojump_clock, ends):
    socket, far = ends
    await far.send_all(frame("good") + b"\xff\xff\xff\xff")
    assert await socket.receive_text() == "good"
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="media socket: "):
            await socket.receive_text()


async def test_a_message_at_the_limit_is_taken_and_one_over_it_is_not(autojump_clock, ends):
    socket, far = ends
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.send_all, frame("x" * MESSAGE_LIMIT_BYTES) + frame("y"))
        assert len(await socket.receive_text()) == MESSAGE_LIMIT_BYTES
        assert await socket.receive_text() == "y"
    await far.send_all(frame("x" * (MESSAGE_LIMIT_BYTES + 1)))
    with pytest.raises(RemoteProtocolError):
        await socket.receive_text()


async def test_closing_says_so_and_closes_the_stream(autojump_clock, ends):
    socket, far = ends
    await send(socket, "hello")
    await socket.close()
    assert await far.receive_some() == b"\x81\x05hello\x88\x02\x03\xe9"
    assert await far.receive_some() == b""


async def test_a_stream_that_is_closed_here_is_closed_for_both(autojump_clock, ends):
    socket, _ = ends
    await socket.close()
    with pytest.raises(MediaStreamClosed):
        await socket.receive_text()
    with pytest.raises(MediaStreamClosed):
        await send(socket, "late")


async def test_a_broken_stream_is_closed_for_the_sender(autojump_clock, ends):
    socket, far = ends
    await far.aclose()
    with pytest.raises(MediaStreamClosed):
        await send(socket, "hello")


class DeafStream(trio.abc.Stream):
    """Takes three bytes and then no more."""

    def __init__(self):
        self.taken = b""
        self.is_closed = False

    async def send_all(self, data):
        self.taken += data[:3]
        await trio.sleep_forever()

    async def wait_send_all_might_not_block(self):
        await trio.sleep_forever()

    async def receive_some(self, max_bytes=None):
        await trio.sleep_forever()

    async def aclose(self):
        self.is_closed = True
        await trio.lowlevel.checkpoint()


@pytest.fixture
async def deaf(autojump_clock):
    protocol = ServerProtocol()
    protocol.receive_data(upgrade("/telnyx/media/x"))
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    protocol.data_to_send()
    stream = DeafStream()
    return StreamMediaSocket(stream, protocol), stream


async def test_a_peer_that_takes_nothing_has_stopped_reading(autojump_clock, deaf):
    socket, _ = deaf
    with pytest.raises(MediaStreamClosed, match="stopped reading"):
        await send(socket, "hello")
    assert trio.current_time() == pytest.approx(3)


async def test_nothing_is_said_behind_a_message_that_was_cut(autojump_clock, deaf):
    socket, stream = deaf
    with trio.move_on_after(0.1):
        await send(socket, "hello")
    await socket.close()
    assert stream.taken == b"\x81\x05h"
    assert stream.is_closed


async def test_two_senders_take_turns(autojump_clock, ends, nursery):
    socket, far = ends
    for n in range(20):
        nursery.start_soon(send, socket, "x" * 200 + f"{n:02}")
    received = b""
    while len(received) < 20 * (4 + 202):
        received += await far.receive_some()
    numbers = {received[n * 206 + 204 : n * 206 + 206] for n in range(20)}
    assert numbers == {f"{n:02}".encode() for n in range(20)}
