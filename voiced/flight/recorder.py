"""Writes flight recordings: one task of the daemon for all its calls, and one of its threads.

A call that is being recorded is written about once a second, a few calls in each round, so that no
round holds the interpreter for long. When a call has ended, its file is compressed. The disk never
holds up a call: while it is slow, notes wait up to a bound (`voiced.flight.notes`); what cannot be
written ends that recording.
"""

from __future__ import annotations

import gzip
import math
import os
import shutil
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from voiced.flight.entries import COMPRESSED_FILE, UNFINISHED_FILE, WIRE_FILE, LineWriter
from voiced.flight.flight import Flight
from voiced.flight.header import library_versions
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from voiced.flight.entries import Note

log = get_logger(__name__)

ROUND_S = 0.1
ROUNDS = 10
"""Each recording is written in one round of so many: once a second."""

CLOSE_S = 3.0
"""For the last seconds of all recordings, and for compressing them, when the daemon stops."""

WRITE_TIMEOUT_S = 5.0
"""A disk that takes longer for a second of calls loses their recordings."""

_COMPRESSION = 6
_COPY_BYTES = 256 * 1024


class _File:
    """The file of one recording; `write` runs in a thread."""

    def __init__(self, flight: Flight, directory: Path) -> None:
        self.flight = flight
        self.directory = directory
        self._lines = LineWriter(flight.notes.origin)

    def write(self, notes: list[Note]) -> None:
        """Append `notes`; raises OSError."""
        text = "".join(map(self._lines.line, notes))
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Voices and numbers of people: for the owner's eyes only.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.directory / WIRE_FILE, flags, 0o600)
        # Half a surrogate pair, which JSON from outside may hold, becomes JSON's escape again.
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)


class _Block:
    """What is to be written of one recording in one round; `error` says why it is not (yet)."""

    def __init__(self, file: _File) -> None:
        self.file = file
        self.is_last = file.flight.notes.has_ended
        self.notes = file.flight.notes.take()
        self.error = "the disk is too slow" if self.notes else ""


def _write_blocks(blocks: list[_Block]) -> None:
    for block in blocks:
        if block.notes:
            try:
                block.file.write(block.notes)
            except OSError as error:
                block.error = error.strerror or str(error)
            else:
                block.error = ""


class FlightRecorder:
    """All flight recordings of a daemon. Made by `open_flights`."""

    def __init__(
        self,
        directory_of: Callable[[dict[str, Any]], Path],
        run_sync: Callable[..., Awaitable[None]],
    ) -> None:
        library_versions()  # now, and not in the first call: it takes a few milliseconds
        self._directory_of = directory_of
        self._run_sync = run_sync
        self._files: deque[_File] = deque()
        self._begun = trio.Event()
        # Unbounded, but it holds a path for each call that has just ended.
        self._ended_in, self._ended = trio.open_memory_channel["Path"](math.inf)
        self._compressed = trio.Event()

    def begin(self, record: dict[str, Any], token: str) -> Flight:
        """Begin the recording of a call."""
        flight = Flight(record, token)
        self._files.append(_File(flight, self._directory_of(record)))
        self._begun.set()
        return flight

    async def write(self) -> None:
        """Write what calls note, until cancelled."""
        while True:
            await self._begun.wait()
            await trio.sleep(ROUND_S)
            await self._write_some(-(-len(self._files) // ROUNDS))

    async def compress(self) -> None:
        """Compress what has ended, one after the other, until `close` says that it was the last."""
        async for directory in self._ended:
            try:
                await self._run_sync(compress, directory)
            except OSError as error:  # it stays as it is, and can be replayed as it is
                log.warning("flight recording not compressed", error=error.strerror)
        self._compressed.set()

    async def close(self) -> None:
        """Write and compress what is left, `write` having ended; the deadline is the caller's."""
        if self._files:
            await self._write_some(len(self._files))
        self._ended_in.close()
        await self._compressed.wait()

    async def _write_some(self, n_files: int) -> None:
        """Write the next recordings in turn; each comes back into the turn until it has ended."""
        files = [self._files.popleft() for _ in range(n_files)]
        blocks = [_Block(file) for file in files]
        # Shielded: half of a block that a thread goes on writing could not be written again.
        with trio.move_on_after(WRITE_TIMEOUT_S, shield=True):
            await self._run_sync(_write_blocks, blocks)
        for block in blocks:
            if block.error:
                block.file.flight.notes.give_up(block.notes, block.error)
            if block.is_last:
                self._finish(block.file)
            else:
                self._files.append(block.file)
        if not self._files:
            self._begun = trio.Event()

    def _finish(self, file: _File) -> None:
        self._ended_in.send_nowait(file.directory)


def compress(directory: Path) -> None:
    """Put `wire.jsonl.gz` in the place of `wire.jsonl`, if there is one; raises OSError."""
    plain, compressed = directory / WIRE_FILE, directory / COMPRESSED_FILE
    if not plain.exists():
        return
    unfinished = directory / UNFINISHED_FILE
    try:
        with (
            plain.open("rb") as source,
            open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target,
            gzip.GzipFile(
                filename="", fileobj=target, mode="wb", compresslevel=_COMPRESSION, mtime=0
            ) as packed,
        ):
            shutil.copyfileobj(source, packed, _COPY_BYTES)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.rename(compressed)
    plain.unlink()


@asynccontextmanager
async def open_flights(
    directory_of: Callable[[dict[str, Any]], Path],
    run_sync: Callable[..., Awaitable[None]],
) -> AsyncIterator[FlightRecorder]:
    """Record flights while open.

    Args:
        directory_of: says where a call's files lie, by its record.
        run_sync: runs a blocking function off the loop, and lets go of it when cancelled.
    """
    recorder = FlightRecorder(directory_of, run_sync)
    async with trio.open_nursery() as nursery:
        writing, written = trio.CancelScope(), trio.Event()

        async def write() -> None:
            try:
                with writing:
                    await recorder.write()
            finally:
                written.set()

        nursery.start_soon(write, name="flight recorder")
        nursery.start_soon(recorder.compress, name="flight compressor")
        try:
            yield recorder
        finally:
            writing.cancel()
            with trio.move_on_after(CLOSE_S, shield=True):
                await written.wait()  # a block under way is written to its end
                await recorder.close()
            nursery.cancel_scope.cancel()
