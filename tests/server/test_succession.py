"""Which sockets a process finds when it starts, and what it starts in its place."""

import os
import socket
import subprocess
import sys

import pytest
import trio
from structlog.testing import capture_logs

from voiced.handover import House
from voiced.server import succession
from voiced.server.succession import successor_command

FIND = """
import os, sys
from voiced.errors import StartupError
from voiced.server.succession import sockets_given
os.environ["LISTEN_PID"] = os.environ["LISTEN_PID"] or str(os.getpid())
try:
    for name, given in sockets_given(os.environ).items():
        print(name, given.getsockname()[1], given.get_inheritable())
except StartupError as error:
    print("error:", error)
"""


def found(sockets, names, *, n=None, pid=""):
    """Return what a process finds that systemd has given these sockets."""
    given = {
        "LISTEN_FDS": str(len(sockets) if n is None else n),
        "LISTEN_FDNAMES": names,
        "LISTEN_PID": pid,
    }
    moves = "; ".join(f"exec {3 + n}<&{one.fileno()}" for n, one in enumerate(sockets))
    done = subprocess.run(
        ["/bin/bash", "-c", f'{moves or ":"}; exec "$0" -c "$1"', sys.executable, FIND],
        env={**os.environ, **given},
        pass_fds=[one.fileno() for one in sockets],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


@pytest.fixture
def high():
    """Give sockets with numbers above those that they shall get."""

    def give(one):
        number = os.dup(one.fileno())
        while number < 20:
            number = os.dup(number)
        one.close()
        made.append(socket.socket(fileno=number))
        return made[-1]

    made: list[socket.socket] = []
    yield give
    for one in made:
        one.close()


@pytest.mark.slow
def test_sockets_are_known_by_the_names_that_systemd_gives_them(high):
    public = high(socket.create_server(("127.0.0.1", 0)))
    admin = high(socket.create_server(("::1", 0), family=socket.AF_INET6))
    ports = [one.getsockname()[1] for one in (admin, public)]
    assert found([admin, public], "admin:public") == (
        f"admin {ports[0]} False\npublic {ports[1]} False\n"
    )


@pytest.mark.slow
def test_sockets_of_another_process_are_none_of_ours():
    assert found([], "public", n=1, pid="1") == ""


@pytest.mark.slow
def test_a_socket_without_use_is_one_sentence_with_a_remedy(high, tmp_path):
    tcp = high(socket.create_server(("127.0.0.1", 0)))
    assert "FileDescriptorName=public or admin" in found([tcp], "voiced.socket")
    for unfit in (socket.socket(socket.AF_UNIX), socket.socket(), udp()):
        said = found([high(unfit)], "public")
        assert said.startswith("error: systemd's socket 'public' takes no TCP connections")
        assert "ListenStream=" in said


def udp():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def test_a_console_script_is_started_by_its_path_and_a_module_as_it_was(tmp_path):
    script = tmp_path / "voiced"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    arguments = ["serve", "--config", "/etc/voiced/config.toml"]
    by_script = successor_command([str(script), *arguments], ["python3", str(script), *arguments])
    assert by_script == [str(script), *arguments]
    module = [str(tmp_path / "__main__.py"), *arguments]
    as_module = successor_command(module, ["python3", "-m", "voiced", *arguments])
    assert as_module == [sys.executable, "-m", "voiced", *arguments]


def count(captured, event):
    """Return how often that was said."""
    return sum(line["event"] == event for line in captured)


def house():
    return House({}, lambda: None, lambda pid: None)


@pytest.mark.socket
async def test_successors_that_die_one_after_the_other_are_not_started_for_ever(monkeypatch):
    monkeypatch.setattr(succession, "successor_command", lambda *_: ["/bin/false"])
    left = house()
    left.has_left.set()
    with capture_logs() as captured:
        async with trio.open_nursery() as nursery:
            one = succession.Succession(left, can_meet=True)
            one.wanted.set()
            nursery.start_soon(one.run)
            with trio.fail_after(10):
                while not count(captured, "successors die one after the other; no more is started"):  # noqa: ASYNC110
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert count(captured, "starting a successor") == 1 + succession.MOST_DEATHS


@pytest.mark.socket
async def test_a_successor_that_comes_to_nothing_is_killed(monkeypatch):
    monkeypatch.setattr(succession, "successor_command", lambda *_: ["/bin/sleep", "60"])
    monkeypatch.setattr(succession, "START_LIMIT_S", 0.05)
    with capture_logs() as captured:
        async with trio.open_nursery() as nursery:
            one = succession.Succession(house(), can_meet=True)
            one.wanted.set()
            nursery.start_soon(one.run)
            with trio.fail_after(10):
                while not count(captured, "the successor has failed; this process goes on"):  # noqa: ASYNC110
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert count(captured, "the successor does not come to serve, and is killed") == 1
