"""What a call has left on the disk, for its page: sound, picture, wire events. IO, off the loop.

Reading is the work of a process (`worker`), two at a time, each with its deadline. What was made
from a flight recording is kept for a while: a player asks for a sound piece by piece.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from voiced.flight.entries import COMPRESSED_FILE, WIRE_FILE
from voiced.log import get_logger
from voiced.recording.recording import AUDIO_FILE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from voiced.record.store import RecordStore

log = get_logger(__name__)

WORK_LIMIT_S = 60.0

LOOK_LIMIT_S = 5.0

MOST_AT_ONCE = 2

MOST_SOUNDS = 8
"""Sounds made from flight recordings that are kept; an hour has 115 MB."""

MOST_PICTURES = 16

_BLOCK = 64 * 1024


class NotShown(Exception):
    """It is not there, or cannot be made; the log says more."""


class CallFiles:
    """Made by `open_call_files`."""

    def __init__(self, records: RecordStore, scratch: Path) -> None:
        """Show the calls of `records`; what is made lies in `scratch`."""
        self._records = records
        self._scratch = scratch
        self._limiter = trio.CapacityLimiter(MOST_AT_ONCE)
        self._making = trio.Lock()
        self._sounds: OrderedDict[str, Path] = OrderedDict()
        self._pictures: OrderedDict[str, str] = OrderedDict()

    async def kept(self, record: Mapping[str, Any]) -> set[str]:
        """Return the names of the files that a call has left here; none for a call elsewhere."""
        directory = self._records.directory(dict(record))
        found: set[str] = set()

        def look() -> None:
            names = (AUDIO_FILE, COMPRESSED_FILE, WIRE_FILE)
            found.update(name for name in names if (directory / name).exists())

        with trio.move_on_after(LOOK_LIMIT_S):
            await self._records.run_sync(look)
        return found

    async def sound(self, record: Mapping[str, Any]) -> Path:
        """Return the WAV file of a call; it is made if only a flight recording is there.

        Raises:
            NotShown: there is no sound of it.
        """
        kept, directory = await self.kept(record), self._records.directory(dict(record))
        if AUDIO_FILE in kept:
            return directory / AUDIO_FILE
        if not kept:
            raise NotShown
        async with self._making:
            name = directory.name
            if name not in self._sounds:
                path = self._scratch / f"{name}.wav"
                await self._work("sound", str(directory), str(path))
                self._sounds[name] = path
                while len(self._sounds) > MOST_SOUNDS:
                    self._sounds.popitem(last=False)[1].unlink(missing_ok=True)
            self._sounds.move_to_end(name)
            return self._sounds[name]

    async def picture(self, record: Mapping[str, Any]) -> str:
        """Return the picture of an ended call as SVG; raises NotShown."""
        directory = self._records.directory(dict(record))
        name = directory.name
        if name not in self._pictures:
            self._pictures[name] = await self._work("draw", str(directory))
            while len(self._pictures) > MOST_PICTURES:
                self._pictures.popitem(last=False)
        return self._pictures[name]

    async def turns(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what was said in a call whose daemon died; raises NotShown."""
        directory = self._records.directory(dict(record))
        turns: list[dict[str, Any]] = json.loads(await self._work("turns", str(directory)))
        return turns

    async def wire(
        self, record: Mapping[str, Any], *, first: int, with_media: bool
    ) -> dict[str, Any]:
        """Return a page of the flight recording (`voiced.dashboard.wire.WirePage`).

        Raises:
            NotShown: there is none, or it cannot be read.
        """
        directory = self._records.directory(dict(record))
        media = "media" if with_media else "none"
        page: dict[str, Any] = json.loads(
            await self._work("wire", str(directory), str(first), media)
        )
        return page

    async def _work(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "voiced.dashboard.worker", *arguments]
        async with self._limiter:
            with trio.move_on_after(WORK_LIMIT_S):
                done = await trio.run_process(
                    command, capture_stdout=True, capture_stderr=True, check=False
                )
                if done.returncode == 0:
                    return bytes(done.stdout).decode()
                error = bytes(done.stderr).decode(errors="replace").strip()[-300:]
                log.warning("call's files not read", wanted=arguments[0], error=error)
                raise NotShown
        log.warning("call's files not read in time", wanted=arguments[0], limit_s=WORK_LIMIT_S)
        raise NotShown


@contextmanager
def open_call_files(records: RecordStore) -> Iterator[CallFiles]:
    """Yield the files of calls; what was made is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="voiced-sound-") as scratch:
        yield CallFiles(records, Path(scratch))


async def size_of(path: Path) -> int:
    """Return the size of a file in bytes; raises OSError."""
    return (await trio.Path(path).stat()).st_size


class FileBlocks:
    """The bytes of a file from `begin` up to `end`, block by block; whoever reads closes it."""

    def __init__(self, path: Path, begin: int, end: int) -> None:
        """Open nothing before the first block is asked for."""
        self._path = path
        self._begin = begin
        self._left = end - begin
        self._file: Any = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next block; raises OSError."""
        if self._file is None:
            self._file = await trio.open_file(self._path, "rb")
            await self._file.seek(self._begin)
        data: bytes = await self._file.read(min(self._left, _BLOCK))
        if not data:
            raise StopAsyncIteration
        self._left -= len(data)
        return data

    async def aclose(self) -> None:
        """Close the file."""
        if self._file is not None:
            await self._file.aclose()
