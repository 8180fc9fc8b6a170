"""Two ends of a Unix socket."""

import os
import socket
from contextlib import contextmanager

import pytest
import trio


def connected():
    """Return both ends of a connection, as streams."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return [trio.SocketStream(trio.socket.from_stdlib_socket(one)) for one in (near, far)]


@pytest.fixture
async def ends():
    streams = connected()
    yield streams
    for stream in streams:
        await stream.aclose()


@contextmanager
def as_somebody_else():
    """Be another user of the machine; what connects or listens meanwhile is that user's."""
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
