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
    return given


def successor_command(argv: Sequence[str], orig_argv: Sequence[str]) -> list[str]:
    """Return what to execute to run what is installed now, with our own arguments.

    A console script is executed by its path, so that a link on the way leads to the new release;
    otherwise (`python -m voiced`) it is Python as it was executed.
    """
    script = argv[0]
    if os.path.isabs(script) and os.access(script, os.X_OK):
        return list(argv)
    return [sys.executable, *orig_argv[1:]]


class Succession:
    """Starts a successor whenever it is wanted."""

    def __init__(self, house: House, *, can_meet: bool) -> None:
        """Start nobody before `wanted` is set; `can_meet`: there is a directory to meet in."""
        self.wanted = trio.Event()
        self._house = house
        self._can_meet = can_meet

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
        try:
            process = await trio.lowlevel.open_process(
                command, env=environ, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            log.error("successor not started", error=error.strerror)
            return
        status = await process.wait()
        if not self._house.has_left.is_set():
            log.error("the successor has failed; this process goes on", exit_code=status)
