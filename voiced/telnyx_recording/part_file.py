"""A download that grows beside its final name, and takes it when it is whole. IO, off the loop."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from voiced.errors import DownloadFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from voiced.telnyx.download import Downloader

PART_NAME = ".telnyx.part"

MOST_BYTES = 1 << 30
"""Of one recording: four hours in stereo WAV are 460 MB."""

BLOCK_BYTES = 1 << 20
"""To the disk at a time."""


class PartFile:
    """One download into a call's directory, which is made when missing.

    The file is open only while a block is written: a thread that is stuck in a dead disk can be
    left behind. What an earlier attempt has left is written over.
    """

    def __init__(self, directory: Path, run_sync: Callable[..., Awaitable[Any]]) -> None:
        """Prepare a download; nothing is written yet."""
        self._part = directory / PART_NAME
        self._run_sync = run_sync
        self._size = 0

    async def fetch(self, downloader: Downloader, url: str) -> int:
        """Write what is at `url`, and return its size; the deadline is the caller's.

        Raises:
            DownloadFailed: there is none, it is too large, or was cut short.
            OSError: the disk does not take it.
        """
        block = bytearray()
        async with downloader.open(url, max_bytes=MOST_BYTES) as download:
            async for piece in download:
                block += piece
                if len(block) >= BLOCK_BYTES:
                    await self._write_on(bytes(block))
                    block.clear()
        size = self._size + len(block)
        if size == 0 or download.size not in (None, size):
            raise DownloadFailed(f"cut short after {size} bytes", may_pass=True)
        await self._write_on(bytes(block))
        return size

    async def _write_on(self, block: bytes) -> None:
        await self._run_sync(_write, self._part, self._size, block)
        self._size += len(block)

    async def keep(self, name: str) -> None:
        """Give the whole file its name, in place of any that has it; raises OSError."""
        await self._run_sync(_keep, self._part, name)

    async def discard(self) -> None:
        """Remove what there is; raises OSError."""
        await self._run_sync(_discard, self._part)


def _write(part: Path, offset: int, block: bytes) -> None:
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Voices of people: for the owner's eyes only.
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if offset == 0 else 0)
    with open(os.open(part, flags, 0o600), "wb", buffering=0) as file:
        file.seek(offset)
        if file.write(block) < len(block):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _keep(part: Path, name: str) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.rename(part.with_name(name))


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
