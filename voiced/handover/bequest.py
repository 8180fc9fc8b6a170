"""What a process that ends as an elder leaves to the one that serves: its last scrape. IO.

A file beside its socket: nobody knows in advance which process will serve by then.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from voiced.log import get_logger

if TYPE_CHECKING:
    from pathlib import Path

log = get_logger(__name__)

SUFFIX = ".metrics"


def leave_bequest(directory: Path, scrape: bytes) -> None:
    """Write the last scrape of this process; some 30 kB, in memory (`/run`)."""
    try:
        (directory / f"{os.getpid()}{SUFFIX}").write_bytes(scrape)
    except OSError as error:
        log.warning("last counts not left to the newer process", error=error.strerror)


def take_bequest(socket_path: Path) -> str | None:
    """Return, and remove, what the process of this socket has left; None if it left nothing."""
    path = socket_path.with_suffix(SUFFIX)
    try:
        scrape = path.read_text(encoding="utf-8")
        path.unlink()
    except (OSError, ValueError):
        return None
    return scrape
