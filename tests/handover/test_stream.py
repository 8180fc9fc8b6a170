"""Lines, sockets and who is at the far end, on real Unix sockets."""

import os
import socket

import pytest
import trio

from voiced.errors import RemoteProtocolError
from voiced.handover.stream import LineStream, peer_of
from voiced.handover.wire import MOST_BYTES

pytestmark = pytest.mark.socket


async def test_lines_come_whole_however_they_were_cut(ends):
    near, far = ends
    async with near, far:
        lines = LineStream(near, b'{"a')
        for part in (b'": 1}\n{"b"', b": 2}", b"\n\nlast\n"):
            await far.send_all(part)
        assert [await lines.receive() for _ in range(4)] == [b'{"a": 1}', b'{"b": 2}', b"", b"last"]
        await far.send_all(b"half a line")
        await far.aclose()
        assert await lines.receive() is None


async def test_a_line_without_an_end_is_refused_and_not_kept(ends):
    near, far = ends
    async with near, far, trio.open_nursery() as nursery:
        nursery.start_soon(far.send_all, b"x" * 4 * MOST_BYTES)
        with pytest.raises(RemoteProtocolError, match="too long"):
            await LineStream(near).receive()
        nursery.cancel_scope.cancel()


async def test_sockets_go_with_a_line_and_listen_at_the_far_end(ends):
    near, far = ends
    async with near, far:
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as two:
            await LineStream(near).send(b'{"state": "serving"}\n', [one, two])
            lines = LineStream(far)
            line, given = await lines.receive_with_sockets()
            assert line == b'{"state": "serving"}'
            assert [g.getsockname() for g in given] == [one.getsockname(), two.getsockname()]
            assert not any(g.get_inheritable() for g in given)
        for taken in given:  # ours have been closed: theirs still listen
            with taken, socket.create_connection(taken.getsockname()):
                pass


async def test_a_line_without_sockets_brings_none(ends):
    near, far = ends
    async with near, far:
        await LineStream(near).send(b"{}\n")
        assert await LineStream(far).receive_with_sockets() == (b"{}", [])


async def test_a_far_end_that_has_gone_is_no_error(ends):
    near, far = ends
    await far.aclose()
    async with near:
        lines = LineStream(near)
        await lines.send(b"{}\n")
        assert await lines.receive() is None
        assert await lines.receive_with_sockets() == (None, [])


async def test_who_is_at_the_far_end_is_known(ends):
    near, far = ends
    async with near, far:
        assert peer_of(near) == (os.getpid(), True)
