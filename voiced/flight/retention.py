"""Takes away old flight recordings and audio, by age and by size: the records themselves stay.

What a crash has left as plain lines is compressed, as it would have been when its call ended. A
call whose `call.json` says that it lives is left alone, and so is one without, until it is older
than any call can be.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from voiced.flight.entries import COMPRESSED_FILE, UNFINISHED_FILE, WIRE_FILE
from voiced.flight.recorder import compress
from voiced.log import get_logger
from voiced.recording.recording import AUDIO_FILE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = get_logger(__name__)

EVERY_S = 600.0

LEFT_S = 600.0
"""A recording whose call has ended, and that nobody writes for so long, was left by a crash."""

HEAVY_FILES = (WIRE_FILE, COMPRESSED_FILE, UNFINISHED_FILE, AUDIO_FILE)
"""And all that Telnyx has recorded: `telnyx.wav`, `telnyx-2.mp3` ..."""

_OF_TELNYX = re.compile(r"telnyx(-\d+)?\.(wav|mp3)")

_RECORD_FILE = "call.json"
_LONGEST_CALL_S = 5 * 3600.0
_DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept: `keep_days` and `keep_bytes` as in `[records]`, 0 for no limit."""

    root: Path
    keep_days: int
    keep_bytes: int

    def sweep(self, now: float) -> int:
        """Remove what is too old, then the oldest until the rest fits; blocking.

        Args:
            now: unix time, as the files' own.

        Returns:
            How many files were removed. One that cannot be is left for the next time.
        """
        files = sorted(_heavy_files(self.root))
        oldest_at = now - self.keep_days * _DAY_S if self.keep_days else float("-inf")
        n_bytes = sum(size for _, size, _ in files)
        n_removed = 0
        for at, size, path in files:
            if at >= oldest_at and not (self.keep_bytes and n_bytes > self.keep_bytes):
                break
            if _has_ended(path.parent, at, now) and _remove(path):
                n_bytes -= size
                n_removed += 1
        return n_removed


def compress_left(root: Path, now: float) -> int:
    """Compress the recordings that a crash has left; blocking, returns how many; raises OSError."""
    n_compressed = 0
    for at, _, path in _heavy_files(root):
        is_left = path.name == WIRE_FILE and at < now - LEFT_S
        if is_left and _has_ended(path.parent, at, now):
            compress(path.parent)
            os.utime(path.with_name(COMPRESSED_FILE), (at, at))  # as old as it was
            n_compressed += 1
    return n_compressed


def _heavy_files(root: Path) -> list[tuple[float, int, Path]]:
    """Return time, size and path of each file."""
    found = []
    for directory in root.iterdir():
        try:
            with os.scandir(directory) as files:
                heavy = [(file.stat(), file.path) for file in files if _is_heavy(file.name)]
        except OSError:
            continue
        found += [(status.st_mtime, status.st_size, Path(path)) for status, path in heavy]
    return found


def _is_heavy(name: str) -> bool:
    return name in HEAVY_FILES or _OF_TELNYX.fullmatch(name) is not None


def _has_ended(directory: Path, at: float, now: float) -> bool:
    """Whether the call is over whose file was last written at `at`."""
    if at < now - _LONGEST_CALL_S:
        return True
    try:
        record = json.loads((directory / _RECORD_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.get("state") != "live"


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        log.warning("old recording not removed", path=str(path), error=error.strerror)
        return False
    return True


async def keep_house(
    retention: Retention,
    run_sync: Callable[..., Awaitable[None]],
    wall_clock: Callable[[], float],
) -> None:
    """Sweep now and every ten minutes until cancelled; `run_sync` does it off the loop."""
    while True:
        await run_sync(_sweep, retention, wall_clock())
        await trio.sleep(EVERY_S)


def _sweep(retention: Retention, now: float) -> None:
    try:
        n_removed = retention.sweep(now)
        n_compressed = compress_left(retention.root, now)
    except OSError as error:
        log.warning("old recordings not looked for", error=error.strerror)
        return
    if n_removed:
        log.info("old recordings removed", files=n_removed)
    if n_compressed:
        log.info("recordings of a crash compressed", files=n_compressed)
