"""Where records lie: one directory per call under `[records] path`. IO, off the loop."""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from voiced.errors import StartupError
from voiced.log import get_logger
from voiced.recording.recording import AUDIO_FILE, Recording

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = get_logger(__name__)

RECORD_FILE = "call.json"

REF = re.compile(r"[0-9a-z]{16}")
"""What we call a call; its directory's name ends in it."""

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
        self.written: Callable[[str], None] | None = None
        """Told the name of each call's directory whose record was written; must not wait."""
        self.run_sync = run_sync or partial(
            trio.to_thread.run_sync,
            abandon_on_cancel=True,
            limiter=trio.CapacityLimiter(DISK_THREADS),
        )
        """Runs a blocking function off the loop."""
        self._amending = trio.Lock()
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(root, os.W_OK | os.X_OK, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise StartupError(
                f"[records] path {root}: {error.strerror}; make it writable or choose another"
            ) from error

    @staticmethod
    def name(document: dict[str, Any]) -> str:
        """Return the name of a call's directory: its start (UTC) and our name for it."""
        stamp = re.sub(r"[^0-9T]", "", document["started_at"][:19])
        tail = re.sub(r"[^A-Za-z0-9_-]", "", document["ref"])[-16:]
        return f"{stamp}-{tail}"

    def path(self, name: str) -> Path:
        """Return the directory of this name."""
        return self._root / name

    def directory(self, document: dict[str, Any]) -> Path:
        """Return a call's directory."""
        return self.path(self.name(document))

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

    async def begin(self, document: dict[str, Any]) -> None:
        """Write `call.json` of a call that is under way, for the case that nobody ends it.

        It never takes the place of one that is there: a disk that was stuck may write it after the
        record of the ended call.
        """
        await self._write(self.directory(document), document, replaces=False)

    async def save(self, document: dict[str, Any]) -> None:
        """Write `call.json`, whole or not at all; a full disk costs the record, never the call."""
        await self._write(self.directory(document), document)

    async def amend(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
        """Change the `call.json` of a call that has ended; True if it was written.

        Args:
            name: of the call's directory; one amendment after the other.
            change: gets the record, or {} where there is none that can be read, and returns what
                shall stand there; {} leaves all as it is. It runs off the loop.
        """
        directory = self.path(name)
        async with self._amending:
            document: dict[str, Any] = {}

            def read() -> None:
                document.update(change(_read(directory)))

            try:
                await self.run_sync(read)
            except OSError as error:
                log.error("record not read", directory=str(directory), error=error.strerror)
                return False
            return bool(document) and await self._write(directory, document)

    async def read(self, name: str) -> dict[str, Any]:
        """Return the record in the directory of this name; {} if none can be read."""
        found: dict[str, Any] = {}
        with suppress(OSError):
            await self.run_sync(lambda: found.update(_read(self.path(name))))
        return found

    async def find(self, ref: str) -> dict[str, Any]:
        """Return the record of the call that we call `ref`, live or ended; {} if there is none.

        Raises:
            OSError: the directory cannot be read.
        """
        found: dict[str, Any] = {}

        def look() -> None:
            with os.scandir(self._root) as entries:
                for entry in entries:
                    if entry.name.endswith(f"-{ref}"):
                        found.update(_read(Path(entry.path)))
                        return

        if REF.fullmatch(ref):
            await self.run_sync(look)
        return found

    async def _write(
        self, directory: Path, document: dict[str, Any], *, replaces: bool = True
    ) -> bool:
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        try:
            await self.run_sync(_write, directory, text, replaces)
        except OSError as error:
            log.error("record not written", directory=str(directory), error=error.strerror)
            return False
        if self.written is not None:
            self.written(directory.name)
        return True


def _read(directory: Path) -> dict[str, Any]:
    """Return the record, {} if there is none that can be read."""
    try:
        document = json.loads((directory / RECORD_FILE).read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _write(directory: Path, text: str, replaces: bool) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = directory / (".call.json.new" if replaces else ".call.json.live")
    # Words and numbers of people: for the owner's eyes only.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    # Half a surrogate pair, which JSON from outside may hold, becomes JSON's escape for it again.
    with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
        if replaces:
            file.flush()
            os.fsync(file.fileno())
    if replaces:
        temporary.rename(directory / RECORD_FILE)
    else:
        with suppress(FileExistsError):
            os.link(temporary, directory / RECORD_FILE)
        temporary.unlink()
