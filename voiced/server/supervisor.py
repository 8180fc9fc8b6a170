"""What systemd is told: ready, how many calls, reloading, stopping, still alive.

The protocol is one datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)): lines of
`NAME=value`. Without that variable (no systemd, or not Type=notify) nothing is told. Thirty lines
of our own: the libraries for it wrap the same datagram, or need libsystemd.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

log = get_logger(__name__)


class Supervisor:
    """Whoever started us, if it wants to be told. Never waits, never fails."""

    def __init__(self, environ: Mapping[str, str], pid: int | None = None) -> None:
        """Read whom to tell from `environ`; `pid` is ours."""
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_usec = _number(environ.get("WATCHDOG_USEC", ""))
        own = environ.get("WATCHDOG_PID", "")
        if own and own != str(os.getpid() if pid is None else pid):
            self._watchdog_usec = 0

    @property
    def listens(self) -> bool:
        """Whether anybody is told."""
        return bool(self._address)

    @property
    def feed_interval_s(self) -> float:
        """How often it wants a sign of life: a third of its patience; 0 = not at all.

        So that one which does not come in time is followed by another.
        """
        return self._watchdog_usec / 3e6 if self._address else 0.0

    def ready(self) -> None:
        """We serve: for the first time, or again after `reloading`."""
        self._tell("READY=1")

    def reloading(self, monotonic_usec: int) -> None:
        """We read the configuration anew, since this moment of CLOCK_MONOTONIC."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_usec}")

    def status(self, text: str) -> None:
        """What `systemctl status` shows: one line."""
        self._tell(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1")

    def needs_time(self, seconds: float) -> None:
        """We are stopping, and not killed before so long from now."""
        self._tell(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def successor(self, pid: int) -> None:
        """From now on the process `pid` is the service."""
        self._tell(f"MAINPID={pid}")

    def stopping(self) -> None:
        """We take no more calls and are about to end."""
        self._tell("STOPPING=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)  # the name says it
                notify.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("the supervisor was not told", error=error.strerror)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
