"""The door of a process that serves: who may take over, and when the next one may."""

import os
import socket

import pytest
import trio

from tests.handover.conftest import as_somebody_else, connected
from voiced.errors import StartupError
from voiced.handover.door import Door, House, open_door_socket, require_ours
from voiced.handover.elders import open_elders
from voiced.handover.stream import LineStream
from voiced.handover.wire import (
    VERSION,
    Drain,
    Go,
    Hello,
    Hurry,
    Offered,
    read_answer,
    write_order,
)

pytestmark = pytest.mark.socket


class Scene:
    """A house, its door, and guests who come."""

    def __init__(self, nursery):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.stopped = 0
        self.left_to: list[int] = []
        self.served = []
        self.guests = []
        offered = {Offered(name="public", bind="127.0.0.1:0"): self.listening}
        self.house = House(offered, self._stop, self.left_to.append)
        self._door = Door(self.house, self._serve)
        self._nursery = nursery

    def _stop(self):
        self.stopped += 1

    async def _serve(self, stream, first):
        self.served.append(first)

    def come(self):
        """Return the far end of a new connection to the door."""
        near, far = connected()
        self._nursery.start_soon(self._handle, near)
        self.guests.append(Guest(far))
        return self.guests[-1]

    async def _handle(self, stream):
        async with stream:
            await self._door.handle(stream)


class Guest:
    """A newer process."""

    def __init__(self, stream):
        self.lines = LineStream(stream)

    async def greet(self, version=VERSION):
        await self.lines.send(write_order(Hello(version=version)))
        line, sockets = await self.lines.receive_with_sockets()
        for given in sockets:
            given.close()
        return (None if line is None else read_answer(line).state), len(sockets)

    async def go(self):
        await self.lines.send(write_order(Go()))
        with trio.move_on_after(0.1):
            line = await self.lines.receive()
            return read_answer(line or b"").state

    async def leave(self):
        await self.lines.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(0.01)


@pytest.fixture
async def scene(nursery):
    made = Scene(nursery)
    with made.listening:
        yield made
        for guest in made.guests:
            await guest.lines.stream.aclose()


async def test_the_first_who_comes_may_take_over_and_nobody_beside_it(scene):
    first, second = scene.come(), scene.come()
    assert await first.greet() == ("serving", 1)
    assert await second.greet() == ("busy", 0)
    assert await second.go() is None
    assert (scene.stopped, scene.left_to) == (0, [])
    assert await first.go() == "gone"
    assert (scene.stopped, scene.left_to) == (1, [os.getpid()])
    assert scene.house.has_left.is_set()
    assert scene.house.taken.is_set()
    assert await second.greet() == ("elder", 0)


async def test_one_who_gives_up_makes_room_for_the_next(scene):
    first = scene.come()
    assert await first.greet() == ("serving", 1)
    await first.leave()
    assert not scene.house.has_left.is_set()
    assert await scene.come().greet() == ("serving", 1)


async def test_for_one_who_has_taken_over_and_died_the_next_may_take_over(scene):
    first = scene.come()
    await first.greet()
    assert await first.go() == "gone"
    assert await first.go() is None
    await first.leave()
    assert scene.house.has_left.is_set()
    assert not scene.house.taken.is_set()
    second = scene.come()
    assert await second.greet() == ("serving", 1)
    assert await second.go() == "gone"
    assert scene.left_to == [os.getpid()] * 2


async def test_orders_are_obeyed(scene):
    guest = scene.come()
    await guest.greet()
    await guest.go()
    await guest.lines.send(write_order(Drain(limit_s=7.5)) + write_order(Hurry()))
    with trio.fail_after(2):
        await scene.house.must_hurry.wait()
    assert scene.house.must_end.is_set()
    assert scene.house.limit_s == 7.5


@pytest.mark.parametrize("said", [b'{"do": "dance"}\n', write_order(Hello(version=VERSION + 1))])
async def test_who_is_not_understood_is_left_alone(scene, said):
    guest = scene.come()
    await guest.lines.send(said)
    with trio.fail_after(2):
        assert await guest.lines.receive() is None
    assert await scene.come().greet() == ("serving", 1)


async def test_what_is_http_is_served(scene):
    guest = scene.come()
    await guest.lines.send(b"GET /calls HTTP/1.1\r\n")
    with trio.fail_after(2):
        assert await guest.lines.receive() is None
    assert scene.served == [b"GET /calls HTTP/1.1\r\n"]


def test_the_socket_is_for_our_own_user_and_goes_with_its_process(tmp_path):
    with open_door_socket(tmp_path):
        path = tmp_path / f"{os.getpid()}.sock"
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o1777])
def test_a_directory_where_others_may_write_is_refused(tmp_path, mode):
    tmp_path.chmod(0o755)
    require_ours(tmp_path)
    tmp_path.chmod(mode)
    with pytest.raises(StartupError, match=r"\[server\] handover_path .*: others may write there"):
        require_ours(tmp_path)
    with pytest.raises(StartupError, match="No such file"):
        require_ours(tmp_path / "nothing")


async def test_a_stranger_at_the_door_learns_nothing(scene):
    with as_somebody_else():
        stranger = scene.come()
    assert await stranger.greet() == (None, 0)
    assert await scene.come().greet() == ("serving", 1)


async def test_a_strangers_socket_is_told_nothing(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "1.sock"))
        with as_somebody_else():
            listening.listen()
        async with open_elders(tmp_path) as elders:
            assert not elders
        listening.settimeout(5)
        near, _ = listening.accept()
        with near:
            assert near.recv(100) == b""
