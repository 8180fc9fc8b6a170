"""The watchdog is fed with answers, and with nothing else."""

import socket
from contextlib import asynccontextmanager

import pytest
import trio

from voiced.address import Bind
from voiced.server.supervisor import Supervisor
from voiced.server.watchdog import feed

pytestmark = pytest.mark.socket

INTERVAL_S = 0.05
FED = b"WATCHDOG=1"


class Kennel:
    """A watchdog, and a listener whose answer is its food."""

    def __init__(self, path):
        self.mouth = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = path
        self.answer = b"HTTP/1.1 200 \r\n\r\n"
        self.asked = []

    async def serve(self, stream):
        async with stream:
            self.asked.append(bytes(await stream.receive_some(1000)))
            if self.answer:
                await stream.send_all(self.answer)
            else:
                await trio.sleep_forever()

    async def is_fed(self, within_s):
        with trio.move_on_after(within_s):
            assert await self.mouth.recv(100) == FED
            return True
        return False


@pytest.fixture
def open_kennel(tmp_path):
    @asynccontextmanager
    async def opener(*, host="127.0.0.1"):
        kennel = Kennel(str(tmp_path / "notify"))
        with kennel.mouth:
            await kennel.mouth.bind(kennel.path)
            supervisor = Supervisor(
                {
                    "NOTIFY_SOCKET": kennel.path,
                    "WATCHDOG_USEC": f"{3 * INTERVAL_S * 1e6:.0f}",
                }
            )
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            port = listeners[0].socket.getsockname()[1]
            async with trio.open_nursery() as nursery:
                await nursery.start(trio.serve_listeners, kennel.serve, listeners)
                nursery.start_soon(feed, supervisor, Bind(host=host, port=port))
                yield kennel
                nursery.cancel_scope.cancel()

    return opener


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
async def test_every_answer_is_a_meal(open_kennel, host):
    async with open_kennel(host=host) as kennel:
        for _ in range(3):
            assert await kennel.is_fed(5)
        assert kennel.asked[0].startswith(b"GET /livez HTTP/1.1\r\n")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 503 \r\n\r\n", b"HTTP/1.1 50", b"\xff"])
async def test_whatever_else_comes_is_none(open_kennel, answer, capsys):
    async with open_kennel() as kennel:
        kennel.answer = answer
        assert not await kennel.is_fed(4 * INTERVAL_S)
        assert len(kennel.asked) > 1  # it goes on asking
        kennel.answer = b"HTTP/1.1 200 \r\n\r\n"
        assert await kennel.is_fed(5)
    assert "the watchdog goes hungry" in capsys.readouterr().out


async def test_a_port_where_nobody_listens_is_no_end_of_it(tmp_path, autojump_clock, capsys):
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "x"), "WATCHDOG_USEC": "30000000"})
    with trio.move_on_after(60):
        await feed(supervisor, Bind(host="127.0.0.1", port=1))
    assert capsys.readouterr().out.count("the watchdog goes hungry") >= 2


async def test_without_a_watchdog_nobody_is_asked():
    await feed(Supervisor({}), Bind(host="127.0.0.1", port=1))
