"""Starts the process that takes over, and takes the sockets that systemd has opened."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import trio

from voiced.errors import StartupError
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voiced.handover import House

log = get_logger(__name__)

FIRST_FD = 3
"""Where systemd's sockets begin (sd_listen_fds(3))."""

NAMES = ("public", "admin")

_OURS_ALONE = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID")


def sockets_given(environ: Mapping[str, str]) -> dict[str, socket.socket]:
    """Return the listening sockets that systemd has given us, by name.

    Raises:
        StartupError: one has a name that we do not know.
    """
    if environ.get("LISTEN_PID", "") != str(os.getpid()):
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    given = {}
    for number, name in enumerate(names[: int(environ.get("LISTEN_FDS", "0"))]):
        if name not in NAMES:
            raise StartupError(
                f"systemd's socket {name!r} has no use: give it FileDescriptorName=public or admin"
            )
        os.set_inheritable(FIRST_FD + number, False)  # the name says it
        given[name] = socket.socket(fileno=FIRST_FD + number)
        if not _takes_connections(given[name]):
            raise StartupError(
                f"systemd's socket {name!r} takes no TCP connections: give it"
                " ListenStream=ADDRESS:PORT, and Accept=no"
            )
    return given


def _takes_connections(given: socket.socket) -> bool:
    is_tcp = given.family in (socket.AF_INET, socket.AF_INET6) and given.type == socket.SOCK_STREAM
    return is_tcp and bool(given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def successor_command(argv: Sequence[str], orig_argv: Sequence[str]) -> list[str]:
    """Return what to execute to run what is installed now, with our own arguments.

    A console script is executed by its path, so that a link on the way leads to the new release;
    otherwise (`python -m voiced`) it is Python as it was executed.
    """
    script = argv[0]
    if os.path.isabs(script) and os.access(script, os.X_OK):
        return list(argv)
    return [sys.executable, *orig_argv[1:]]


START_LIMIT_S = 60.0
"""For a successor to take over; TimeoutStartSec of the unit."""

MOST_DEATHS = 3
"""Successors that may die, one after the other, before this process starts no more."""

GREW_OLD_S = 600.0
"""One that died after so long counts as the first again."""


class Succession:
    """Starts a successor whenever it is wanted, and another one where it dies after it took over.

    Nobody else could in time: to systemd it is no child, whose end it would see, and the calls of
    this process would be killed for it.
    """

    def __init__(self, house: House, *, can_meet: bool) -> None:
        """Start nobody before `wanted` is set; `can_meet`: there is a directory to meet in."""
        self.wanted = trio.Event()
        self._house = house
        self._can_meet = can_meet
        self._n_deaths = 0

    async def run(self) -> None:
        """Serve until cancelled; the successor goes on then."""
        while True:
            await self.wanted.wait()
            self.wanted = trio.Event()
            if self._can_meet:
                await self._start()
            else:
                log.error(
                    "no handover: set [server] handover_path, or RuntimeDirectory= in the unit"
                )

    async def _start(self) -> None:
        environ = {name: value for name, value in os.environ.items() if name not in _OURS_ALONE}
        command = successor_command(sys.argv, sys.orig_argv)
        log.info("starting a successor")
        begun = trio.current_time()
        try:
            process = await trio.lowlevel.open_process(
                command, env=environ, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            log.error("successor not started", error=error.strerror)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_limit, process)
            status = await process.wait()
            nursery.cancel_scope.cancel()
        if not self._house.has_left.is_set():
            log.error("the successor has failed; this process goes on", exit_code=status)
        elif status != 0:
            self._mourn(status, trio.current_time() - begun)

    async def _keep_limit(self, process: trio.Process) -> None:
        """Kill a successor that comes to nothing."""
        with trio.move_on_after(START_LIMIT_S):
            await self._house.taken.wait()
            return
        log.error("the successor does not come to serve, and is killed", limit_s=START_LIMIT_S)
        process.kill()

    def _mourn(self, status: int, age_s: float) -> None:
        """Have another one started for a successor that died while it served, if that is of use."""
        self._n_deaths = 1 if age_s > GREW_OLD_S else self._n_deaths + 1
        if self._n_deaths <= MOST_DEATHS:
            log.error("the process that took over has died; another is started", exit_code=status)
            self.wanted.set()
        else:
            log.error("successors die one after the other; no more is started", exit_code=status)
