"""The caller's frames on their way to a provider that may fail, and be followed by another one.

The pump always takes frames, so that a member that has stopped reading does not stop the call's
only reader of the media socket. It keeps the audio since the last final, which a member that takes
over is given first, as fast as it takes it.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from voiced.audio.resample import Resampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.audio.frame import Frame

FRAMES_AHEAD = 25
"""Frames that a member may lag behind without being helped: half a second."""

MOST_FRAMES = 1500
"""Audio that is kept: 30 s."""

QUIET_FRAMES = 400
"""Audio that is kept while nobody is known to speak, 8 s: whoever hears nothing any more is found
out within this time."""

STUCK_S = 1.0
"""A member that has taken no frame for so long, although some wait, is given up."""


class FramePump:
    """One call's."""

    def __init__(self, rate_hz: int) -> None:
        """Make a pump of frames at `rate_hz`."""
        self._rate_hz = rate_hz
        self._history: deque[Frame] = deque(maxlen=MOST_FRAMES)
        self._waiting: deque[Frame] = deque(maxlen=MOST_FRAMES)
        self._resampler: Resampler | None = None
        self._to: trio.MemorySendChannel[Frame] | None = None
        self._stuck_since: float | None = None
        self._when_stuck: Callable[[], None] = lambda: None
        self.watch: Callable[[Frame], None] | None = None
        """Is shown each frame as it comes."""
        self.has_ended = False
        """Whether the caller's frames are over."""

    async def run(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        """Pump until `frames` ends."""
        async for frame in frames:
            self._history.append(frame)
            if self.watch is not None:
                self.watch(frame)
            if self._to is not None:
                self._waiting.append(frame)
                self._push()
        self.has_ended = True
        await self._finish()

    def open(
        self, rate_hz: int, when_stuck: Callable[[], None] = lambda: None
    ) -> trio.MemoryReceiveChannel[Frame]:
        """Return a new member's frames at `rate_hz`, kept ones first; the last one's end here.

        `when_stuck` is told when it reads no more.
        """
        self.close()
        self._to, receiver = trio.open_memory_channel["Frame"](FRAMES_AHEAD)
        same = rate_hz == self._rate_hz
        self._resampler = None if same else Resampler(self._rate_hz, rate_hz)
        self._waiting = deque(self._history, MOST_FRAMES)
        self._stuck_since, self._when_stuck = None, when_stuck
        self._push()
        if self.has_ended:
            self.close()
        return receiver

    def close(self) -> None:
        """End the present member's frames."""
        if self._to is not None:
            self._to.close()
            self._to = None
        self._waiting.clear()

    def forget(self, until: float) -> None:
        """Drop the frames that had come by `until`: their words are told."""
        while self._history and self._history[0].at <= until:
            self._history.popleft()

    def forget_silence(self) -> None:
        """Keep only what may be the beginning of the next utterance."""
        while len(self._history) > QUIET_FRAMES:
            self._history.popleft()

    def _push(self) -> None:
        """Give the member what it has room for."""
        if self._to is None:
            return
        statistics = self._to.statistics()
        if not statistics.open_receive_channels:  # it has ended, and says so itself
            self._waiting.clear()
            return
        room = FRAMES_AHEAD - statistics.current_buffer_used
        for _ in range(min(room, len(self._waiting))):
            self._to.send_nowait(self._converted(self._waiting.popleft()))
        self._watch(moved=room > 0)

    def _converted(self, frame: Frame) -> Frame:
        if self._resampler is None:
            return frame
        pcm = self._resampler.process(frame.pcm)
        pcm.setflags(write=False)
        return replace(frame, pcm=pcm)

    def _watch(self, *, moved: bool) -> None:
        now = trio.current_time()
        if moved:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
        elif now - self._stuck_since >= STUCK_S:
            self._stuck_since = None
            self._when_stuck()

    async def _finish(self) -> None:
        """Give what waits to the member, then end its frames."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while self._waiting and self._to is not None:
                await self._to.send(self._converted(self._waiting.popleft()))
        self.close()
