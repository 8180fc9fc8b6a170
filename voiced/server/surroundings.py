"""What a process finds when it starts: the clock on the wall, its sockets, its neighbours."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from voiced.loop.lag import Idle

WALL_CLOCK = time.time  # noqa: TID251  # the one source of wall time


def _nobody_told(pid: int) -> None:
    del pid


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a process finds when it starts.

    Attributes:
        directory: where it meets the process before and the one after; None = nowhere.
        sockets: listening sockets that systemd has opened, by "public" and "admin".
        on_leave: told the process id of the one that takes over.
        idle: knows how long the loop has had nothing to do; None = nobody does.
    """

    directory: Path | None = None
    sockets: Mapping[str, socket.socket] = field(default_factory=dict)
    on_leave: Callable[[int], None] = _nobody_told
    idle: Idle | None = None
