"""Bytes both ways between a connection and a Unix socket, until either end closes."""

import os
import socket
import ssl

import pytest
import trio
import trio.testing
import trustme

from voiced.handover.splice import splice

pytestmark = pytest.mark.socket


@pytest.fixture
def far_side(tmp_path):
    """A Unix socket that listens; its path."""
    path = tmp_path / "far.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.setblocking(False)
        yield trio.SocketListener(trio.socket.from_stdlib_socket(listening.dup())), path


async def test_what_was_read_before_comes_first_and_then_all_both_ways(ends, far_side):
    near, client = ends
    listener, path = far_side
    big = os.urandom(300_000)  # more than any buffer
    async with trio.open_nursery() as nursery, listener, client:
        nursery.start_soon(splice, near, path, b"GET /telnyx/media/x")
        far = await listener.accept()
        nursery.start_soon(client.send_all, big)
        nursery.start_soon(far.send_all, big[::-1])
        assert await exactly(far, 19 + len(big)) == b"GET /telnyx/media/x" + big
        assert await exactly(client, len(big)) == big[::-1]
        await far.aclose()


async def test_a_connection_with_tls_is_carried_in_clear(ends, far_side):
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("voice.example").configure_cert(ours)
    authority.configure_trust(theirs)
    near = trio.SSLStream(ends[0], ours, server_side=True, https_compatible=True)
    client = trio.SSLStream(ends[1], theirs, server_hostname="voice.example", https_compatible=True)
    listener, path = far_side
    big = os.urandom(300_000)
    async with trio.open_nursery() as nursery, listener, client:
        nursery.start_soon(splice, near, path, b"GET")
        far = await listener.accept()
        nursery.start_soon(client.send_all, big)
        nursery.start_soon(far.send_all, big[::-1])
        nursery.start_soon(exactly, client, len(big))
        assert await exactly(far, 3 + len(big)) == b"GET" + big
        await trio.testing.wait_all_tasks_blocked()
        await far.aclose()


async def exactly(stream, n_bytes):
    read = bytearray()
    with trio.fail_after(5):
        while len(read) < n_bytes:
            read += await stream.receive_some(n_bytes - len(read))
    return bytes(read)


@pytest.mark.parametrize("who", ["client", "far"])
async def test_it_ends_when_either_end_closes(ends, far_side, who):
    near, client = ends
    listener, path = far_side
    async with listener, client:
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(splice, near, path, b"x")
                far = await listener.accept()
                assert await far.receive_some() == b"x"
                await (client if who == "client" else far).aclose()
        other = far if who == "client" else near
        if who == "client":
            assert await other.receive_some() == b""
        await far.aclose()
        await near.aclose()


async def test_a_process_that_has_just_ended_is_no_error(ends, tmp_path):
    near, client = ends
    async with near, client:
        await splice(near, tmp_path / "nobody.sock", b"x")
