"""What is still to be done, in a file that outlives the process: appended to, off the loop.

`put` and `drop` return once the line is on the disk, so that what is noted before a deed is known
after a crash. They wait for `patience_s` at most: a slow or full disk is logged and counted, and
the caller goes on. All lines that come while the disk is busy are written, and synced, together.

In memory the open items are always true. A line that could not be written makes the file false, and
the next write puts the whole of it right.

A file has one owner, who holds a lock. While an older process ends its calls, the newer one that
has taken over from it has a file beside the first (`legs.2.jsonl`), and adopts what it leaves.
"""

from __future__ import annotations

import errno
import fcntl
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from voiced.doorbell import Doorbell
from voiced.errors import StartupError
from voiced.ledger.lines import Contents, drop_line, put_line, read_lines, whole_file
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from voiced.ledger.lines import Item

log = get_logger(__name__)

PATIENCE_S = 0.25
"""How long the disk may hold a call up: a sync takes some milliseconds."""

OPEN_LIMIT_S = 10.0
"""For reading the file when the daemon starts."""

RETRY_S = 5.0
"""After a failed write."""

MOST_LINES = 10_000
"""Lines after which the file is written anew, with what is still open. About 3 MB."""

MOST_FILES = 9
"""That may lie beside each other: of the process that serves, and of those that end their calls."""

MOST_WAITING = 10_000
"""Lines that may wait for a disk that takes none; beyond them the file is written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItemsStatistics:
    """`late`: lines that a caller did not wait for any longer. `failed`: writes that failed."""

    open: int
    late: int
    failed: int
    damaged: int
    """Lines that said nothing when the file was read."""


class OpenItems:
    """The open items of one file. `run` writes; without it every line is late.

    Keys are texts, items JSON objects.
    """

    def __init__(
        self, path: Path, run_sync: Callable[..., Awaitable[Any]], patience_s: float
    ) -> None:
        """Use `open`."""
        self._path = path
        self._run_sync = run_sync
        self._patience_s = patience_s
        self._items: dict[str, Item] = {}
        self._waiting: list[bytes] = []
        self._written = trio.Event()
        self._bell = Doorbell()
        self._n_lines = 0
        self._n_damaged = 0
        self._n_late = 0
        self._n_failed = 0
        self._is_false = self._is_late = self._is_failing = False
        self._lock: int | None = None
        self._adopted: dict[Path, int] = {}

    @classmethod
    async def open(
        cls,
        path: Path,
        run_sync: Callable[..., Awaitable[Any]] | None = None,
        patience_s: float = PATIENCE_S,
        *,
        has_elders: bool = False,
    ) -> OpenItems:
        """Read the file, if there is one, and keep others from it until `close`.

        What nobody owns in the files beside it, left by a crash during a handover, is adopted.

        Args:
            path: the file, in a directory that exists.
            run_sync: runs blocking functions (inline in tests); a thread of its own by default.
            patience_s: how long `put` and `drop` wait for the disk.
            has_elders: older processes may own the file: then one beside it is taken.

        Raises:
            StartupError: the file cannot be read, or another process has it open.
        """
        in_thread = partial(
            trio.to_thread.run_sync, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
        )
        path, lock = _lock_first(path) if has_elders else (path, _lock(path))
        self = cls(path, run_sync or in_thread, patience_s)
        self._lock = lock
        try:
            contents = await self._read(path)
            self._take(contents)
            await self.adopt()
        except StartupError:
            self.close()
            raise
        return self

    async def _read(self, path: Path) -> Contents:
        """Return what is in a file; raises StartupError."""
        try:
            with trio.move_on_after(OPEN_LIMIT_S):
                contents: Contents = await self._run_sync(_read, path)
                return contents
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from error
        raise _unusable(path, f"not read within {OPEN_LIMIT_S:g} s")

    def _take(self, contents: Contents) -> None:
        self._items.update(contents.items)
        self._n_lines += contents.n_lines
        self._n_damaged += contents.n_damaged
        self._is_false = True  # it may have a torn end, and lines that are done with
        self._bell.ring()
        if contents.n_damaged:
            log.error("damaged lines", path=str(self._path), lines=contents.n_damaged)

    async def adopt(self) -> dict[str, Item]:
        """Make the items ours that lie in files beside ours and have no owner any more.

        Their files are emptied once ours has them on the disk.

        Raises:
            StartupError: such a file cannot be read.
        """
        adopted: dict[str, Item] = {}
        for path in _files_beside(self._path):
            if path in self._adopted or not path.exists():
                continue
            try:
                lock = _try_lock(path)
            except _NoLocksError:
                return adopted  # nor is there anything beside ours: see `_lock_first`
            if lock is None:
                continue  # its owner still has it
            self._adopted[path] = lock
            contents = await self._read(path)
            adopted.update(contents.items)
            self._take(contents)
        return adopted

    def close(self) -> None:
        """Let others open the file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        while self._adopted:
            os.close(self._adopted.popitem()[1])

    @property
    def items(self) -> Mapping[str, Item]:
        """What is open, by key."""
        return self._items

    def statistics(self) -> OpenItemsStatistics:
        """Return the counters so far."""
        return OpenItemsStatistics(
            open=len(self._items),
            late=self._n_late,
            failed=self._n_failed,
            damaged=self._n_damaged,
        )

    async def put(self, key: str, item: Item) -> None:
        """Note an open item, or change it; on the disk when this returns, or late."""
        self._items[key] = item
        await self._tell(put_line(key, item))

    async def drop(self, key: str) -> None:
        """Note that an item is done; nothing happens if it is not open."""
        if self._items.pop(key, None) is None:
            await trio.lowlevel.checkpoint()
        else:
            await self._tell(drop_line(key))

    async def _tell(self, line: bytes) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(line)
        else:
            self._is_false = True
        written = self._written
        self._bell.ring()
        # Behind a line that is late, the next one need not find that out for itself.
        with trio.move_on_after(0 if self._is_late else self._patience_s):
            await written.wait()
        if not written.is_set():
            self._n_late += 1
            if not self._is_late:
                log.error("the disk is slow: not waited for", path=str(self._path))
            self._is_late = True

    async def run(self) -> None:
        """Write until cancelled. A thread that is stuck in a dead disk is left behind."""
        until = float("inf")
        while True:
            await self._bell.wait(until)
            until = float("inf")
            while self._waiting or self._is_false:
                if not await self._write():
                    until = trio.current_time() + RETRY_S
                    break

    async def _write(self) -> bool:
        """Write what waits, or the whole file; False if the disk took neither."""
        lines, self._waiting = self._waiting, []
        written, self._written = self._written, trio.Event()
        is_whole = self._is_false or self._n_lines + len(lines) > MOST_LINES
        self._is_false = False  # what becomes false from now on is for the next write
        try:
            if is_whole:
                n_lines = len(self._items)
                adopted = list(self._adopted)
                await self._run_sync(_replace, self._path, whole_file(self._items))
                await self._empty(adopted)
            else:
                n_lines = self._n_lines + len(lines)
                await self._run_sync(_append, self._path, b"".join(lines))
        except OSError as error:
            self._fail(error)
        else:
            self._n_lines = n_lines
            self._is_late = self._is_failing = False
        written.set()
        return not self._is_failing

    async def _empty(self, adopted: list[Path]) -> None:
        """Empty files whose items are in ours by now."""
        for path in adopted:
            await self._run_sync(_replace, path, b"")
            os.close(self._adopted.pop(path))

    def _fail(self, error: OSError) -> None:
        if not self._is_failing:
            log.error("not written", path=str(self._path), error=error.strerror)
        self._n_failed += 1
        self._is_false = self._is_failing = True


def _unusable(path: Path, reason: str) -> StartupError:
    return StartupError(f"[records] path {path.parent}: {path.name}: {reason}")


def _lock(path: Path) -> int | None:
    """Hold a lock beside the file, which is replaced now and then; None where there are no locks.

    Two daemons with one ledger would each hang up the other's calls.
    """
    try:
        lock = _try_lock(path)
    except _NoLocksError as error:
        log.warning("file system without locks", path=str(path), error=str(error))
        return None
    if lock is None:
        raise _unusable(path, "another voiced is using it; give each its own directory")
    return lock


def _lock_first(path: Path) -> tuple[Path, int]:
    """Return the first file, `path` or one beside it, that nobody owns, and our lock on it."""
    try:
        for candidate in (path, *_files_beside(path)):
            lock = _try_lock(candidate)
            if lock is not None:
                return candidate, lock
    except _NoLocksError as error:
        reason = f"no handover on a file system without locks ({error}); restart instead"
        raise _unusable(path, reason) from error
    raise _unusable(path, f"{MOST_FILES} older processes have not ended yet; wait for one")


def _files_beside(path: Path) -> list[Path]:
    """Return `legs.jsonl`, `legs.2.jsonl` and so on, without `path` itself."""
    stem = path.name.partition(".")[0]
    names = [f"{stem}{path.suffix}"]
    names += [f"{stem}.{number}{path.suffix}" for number in range(2, MOST_FILES + 1)]
    return [path.with_name(name) for name in names if name != path.name]


class _NoLocksError(Exception):
    """The file system has no locks."""


def _try_lock(path: Path) -> int | None:
    """Return our lock on a file; None if another process has it.

    Raises:
        StartupError: there cannot be one.
    """
    try:
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno == errno.EWOULDBLOCK:
            return None
        raise _NoLocksError(error.strerror) from error
    return lock


def _read(path: Path) -> Contents:
    try:
        return read_lines(path.read_bytes())
    except FileNotFoundError:
        return Contents()


def _append(path: Path, lines: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(descriptor, lines) < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the name, too, must outlive a loss of power
    finally:
        os.close(directory)
