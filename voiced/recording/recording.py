"""`audio.wav` of one call, written while the call runs: a task of the call, and its disk.

A block of about a second is written off the loop at its own place in the file, then the header,
so that the file is a valid WAV after every block, whatever becomes of the process. The file is open
only while a block is written: a thread that is stuck in a dead disk can be left behind.

The disk never holds up a call. Blocks wait for it up to a bound; one that finds no room, or that
cannot be written, is dropped, is silence in the file, and is counted.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import trio

from voiced.audio.frame import LINE_RATE_HZ
from voiced.audio.wav import wav_header
from voiced.log import get_logger
from voiced.recording.stereo_timeline import SETTLE_S, StereoTimeline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from voiced.recording.stereo_timeline import Stereo

log = get_logger(__name__)

AUDIO_FILE = "audio.wav"

BLOCK_S = 1.0

MOST_BLOCKS = 10
"""Blocks that may wait for the disk: 32 kB each on an 8 kHz line."""

_CHANNELS = 2
_SAMPLE_SIZE = 2 * _CHANNELS
_HEADER_SIZE = len(wav_header(0, LINE_RATE_HZ, _CHANNELS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """Settled audio and the sample of the axis at which it begins."""

    start: int
    audio: Stereo


class Recording:
    """One call's recording. Audio goes into `timeline`; `run` writes it, `close` what is left."""

    def __init__(
        self,
        path: Path,
        begins_at: float,
        run_sync: Callable[..., Awaitable[None]],
        *,
        caller_hz: int = LINE_RATE_HZ,
        agent_hz: int = LINE_RATE_HZ,
    ) -> None:
        """Prepare a recording; nothing is written yet.

        Args:
            path: the file; its directory is made when missing.
            begins_at: trio time at which media began.
            run_sync: runs a blocking function off the loop, and lets go of it when cancelled.
            caller_hz: sample rate of the caller's audio; the file has the higher one.
            agent_hz: sample rate of the agent's.
        """
        self.timeline = StereoTimeline(begins_at, caller_hz=caller_hz, agent_hz=agent_hz)
        self._rate_hz = self.timeline.rate_hz
        self._begins_at = begins_at
        self._path = path
        self._run_sync = run_sync
        self._waiting: deque[_Block] = deque()
        self._is_writing = False
        self._has_ended = False
        self._n_written = 0
        self._failure = ""

    async def run(self) -> None:
        """Write until the recording ends or the call is over."""
        next_at = self._begins_at
        async with trio.open_nursery() as nursery:
            while not self._has_ended:
                next_at += BLOCK_S
                await trio.sleep_until(next_at)
                self._settle(next_at - SETTLE_S)
                nursery.start_soon(self._write_waiting, name="recording writer")

    def end(self, at: float) -> None:
        """End the time axis at `at`; a second time changes nothing. Then comes `close`."""
        self._settle(at)
        self._has_ended = True

    async def close(self) -> None:
        """Write what is left; the deadline is the caller's. What it cuts off counts as dropped."""
        await self._write_waiting()
        if self._n_written and self.dropped_s:  # the last block may be missing: true length
            await self._write(_Block(start=self.timeline.taken, audio=np.zeros((0, 2), "<i2")))

    @property
    def dropped_s(self) -> float:
        """Seconds of audio that are not in the file, or not yet."""
        return (self.timeline.taken - self._n_written) / self._rate_hz

    def document(self) -> dict[str, Any]:
        """Return what the call's record says of its recording, once it is closed."""
        file = AUDIO_FILE if self._n_written else None
        return {"file": file, "dropped_s": round(self.dropped_s, 3)}

    def _settle(self, until: float) -> None:
        """Move what is settled from the timeline to the blocks that wait for the disk."""
        if self._has_ended:
            return
        start = self.timeline.taken
        audio = self.timeline.take(until)
        if len(audio) == 0:
            return
        if len(self._waiting) < MOST_BLOCKS:
            self._waiting.append(_Block(start=start, audio=audio))
        else:
            self._fail("the disk is too slow")

    async def _write_waiting(self) -> None:
        if self._is_writing:
            return  # the disk is slow: the one at work takes these blocks too
        self._is_writing = True
        try:
            while self._waiting:
                # It stays until it is written: what is cancelled here, `close` writes again, in the
                # same place.
                await self._write(self._waiting[0])
                self._waiting.popleft()
        finally:
            self._is_writing = False

    async def _write(self, block: _Block) -> None:
        try:
            await self._run_sync(_write_block, self._path, block.start, block.audio, self._rate_hz)
        except OSError as error:
            self._fail(error.strerror or str(error))
        else:
            self._n_written += len(block.audio)

    def _fail(self, reason: str) -> None:
        if not self._failure:
            log.error("audio dropped from the recording", path=str(self._path), error=reason)
        self._failure = reason


def _write_block(path: Path, start: int, audio: Stereo, rate_hz: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Voices of people: for the owner's eyes only.
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            file.write(wav_header(0, rate_hz, _CHANNELS))
        file.seek(_HEADER_SIZE + start * _SAMPLE_SIZE)
        if file.write(audio.tobytes()) < audio.nbytes:
            file.truncate(size)  # the last of the disk is for the call's record
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        # A thread that was stuck may come after later blocks: it must not shorten the file.
        size = max(size, file.tell())
        file.truncate(size)
        file.seek(0)
        file.write(wav_header((size - _HEADER_SIZE) // _SAMPLE_SIZE, rate_hz, _CHANNELS))
