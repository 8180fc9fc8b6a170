"""What systemd is told, by the datagrams that it gets."""

import socket
from contextlib import contextmanager

import pytest

from voiced.server.supervisor import Supervisor


@contextmanager
def listening(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.setblocking(False)
        yield heard


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_each_state_is_one_datagram(tmp_path, kind):
    address = str(tmp_path / "notify") if kind == "path" else f"\0{tmp_path}"
    with listening(address) as heard:
        supervisor = Supervisor({"NOTIFY_SOCKET": address.replace("\0", "@")})
        supervisor.ready()
        supervisor.status("3 live calls")
        supervisor.reloading(1234)
        supervisor.alive()
        supervisor.successor(42)
        supervisor.stopping()
        supervisor.needs_time(1.5)
        told = [heard.recv(4096).decode() for _ in range(7)]
    assert told == [
        "READY=1",
        "STATUS=3 live calls",
        "RELOADING=1\nMONOTONIC_USEC=1234",
        "WATCHDOG=1",
        "MAINPID=42",
        "STOPPING=1",
        "EXTEND_TIMEOUT_USEC=1500000",
    ]


def test_without_a_supervisor_nothing_is_told():
    supervisor = Supervisor({"WATCHDOG_USEC": "1000000"})
    supervisor.ready()
    assert not supervisor.listens
    assert supervisor.feed_interval_s == 0


def test_a_supervisor_that_has_gone_costs_nothing(tmp_path):
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()


@pytest.mark.parametrize(
    ("variables", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_watchdog_is_fed_three_times_in_its_time_and_only_if_it_is_ours(variables, interval_s):
    supervisor = Supervisor({"NOTIFY_SOCKET": "/run/notify", **variables}, pid=7)
    assert supervisor.feed_interval_s == interval_s
