"""Where records lie: one directory per call under `[records] path`. IO, off the loop."""

from __future__ import annotations

import errno
import json
import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from voiced.errors import StartupError
from voiced.log import get_logger
from voiced.recording import AUDIO_FILE, Recording

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

log = get_logger(__name__)

DISK_THREADS = 8
"""Of their own, so that a disk that hangs takes none from the synthesizer."""


class RecordStore:
    """Writes records. One for the daemon; each call writes only into its own directory."""

    def __init__(
        self,
        root: Path,
        run_sync: Callable[..., Awaitable[None]] | None = None,
    ) -> None:
        """Use `root`, made if missing; `run_sync` runs blocking writes (inline in tests).

        By default they run in threads that are left behind when a deadline has passed.

        Raises:
            StartupError: the directory cannot be made or written.
        """
        self._root = root
        self.run_sync = run_sync or partial(
            trio.to_thread.run_sync,
            abandon_on_cancel=True,
            limiter=trio.CapacityLimiter(DISK_THREADS),
        )
        """Runs a blocking function off the loop."""
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(root, os.W_OK | os.X_OK, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise StartupError(
                f"[records] path {root}: {error.strerror}; make it writable or choose another"
            ) from error

    def directory(self, document: dict[str, Any]) -> Path:
        """Return a call's directory: its start (UTC) and the end of its id, safe as a name."""
        stamp = re.sub(r"[^0-9T]", "", document["started_at"][:19])
        tail = re.sub(r"[^A-Za-z0-9_-]", "", document["call_id"])[-16:]
        return self._root / f"{stamp}-{tail}"

    def recording(
        self, document: dict[str, Any], begins_at: float, *, caller_hz: int, agent_hz: int
    ) -> Recording:
        """Return the audio recording of a call whose media began at the trio time `begins_at`.

        The caller's audio and the agent's will come at `caller_hz` and `agent_hz`.
        """
        return Recording(
            self.directory(document) / AUDIO_FILE,
            begins_at,
            self.run_sync,
            caller_hz=caller_hz,
            agent_hz=agent_hz,
        )

    async def save(self, document: dict[str, Any]) -> None:
        """Write `call.json`, whole or not at all; a full disk costs the record, never the call."""
        directory = self.directory(document)
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        try:
            await self.run_sync(_write, directory, text)
        except OSError as error:
            log.error("record not written", directory=str(directory), error=error.strerror)


def _write(directory: Path, text: str) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = directory / ".call.json.new"
    # Words and numbers of people: for the owner's eyes only.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    # Half a surrogate pair, which JSON from outside may hold, becomes JSON's escape for it again.
    with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(directory / "call.json")
