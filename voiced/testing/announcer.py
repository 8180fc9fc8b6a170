"""What Telnyx itself plays on a leg: speech, recordings and prompts, one after the other.

`Announcer.run` is a task that fetches the audio of one announcement after the other; the clock of
the leg takes it from there, 20 ms at a time.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import trio

from voiced.audio.frame import Pcm
from voiced.testing.line import SILENCE, LineSpeech

TargetLegs: TypeAlias = Literal["self", "opposite", "both"]


AudioLoader: TypeAlias = Callable[[], Awaitable[Pcm]]
"""Gives 8 kHz audio; raises AudioUnavailableError."""


class AudioUnavailableError(Exception):
    """The audio of an announcement cannot be had; the text says why."""


class Told(Protocol):
    """Takes how an announcement goes: `started` and then `ended`, or `failed`, once each."""

    def started(self) -> None:
        """Take that it can be heard from now on."""
        ...

    def ended(self, status: str) -> None:
        """Take that it is over: completed, cancelled or call_hangup."""
        ...

    def failed(self, detail: str) -> None:
        """Take that there is no audio to play."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Announcement:
    """Something to play.

    Attributes:
        load: gives the audio.
        told: takes how it goes.
        forever: play it again and again, until it is stopped.
        target: who hears it: this leg's party, the one that the leg is bridged with, or both.
    """

    load: AudioLoader
    told: Told
    forever: bool = False
    target: TargetLegs = "self"


class _Playing:
    """An announcement that has begun; it ends once."""

    def __init__(self, announcement: Announcement) -> None:
        self.target = announcement.target
        self._told = announcement.told
        self._is_over = False
        self._told.started()

    def end(self, status: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._told.ended(status)


class Announcer:
    """The queue of announcements of one leg."""

    def __init__(self) -> None:
        self._speech = LineSpeech()
        self._playing: _Playing | None = None
        self._is_closed = False
        self._round = 0  # `stop` of everything begins a new one: what is of an older one is skipped
        # Unbounded, but each entry is a command of the daemon.
        self._queue_in, self._queue = trio.open_memory_channel[tuple[int, Announcement]](math.inf)

    @property
    def is_playing(self) -> bool:
        """Tell whether there is more to hear."""
        return self._speech.is_playing

    def play(self, announcement: Announcement) -> None:
        """Queue an announcement; never waits."""
        if not self._is_closed:
            self._queue_in.send_nowait((self._round, announcement))

    def stop(self, which: Literal["current", "all"], status: str) -> None:
        """Stop what is playing, and with "all" forget what is waiting."""
        if which == "all":
            self._round += 1
        if self._playing is not None:
            self._playing.end(status)
        self._speech.stop()

    def close(self) -> None:
        """Fall silent for good: the call has been hung up."""
        self.stop("all", "call_hangup")
        self._is_closed = True
        self._queue_in.close()

    def next_frame(self) -> tuple[Pcm, TargetLegs]:
        """Return the next 20 ms, and who hears them."""
        if self._playing is None:
            return SILENCE, "self"
        return self._speech.next_frame(), self._playing.target

    async def run(self) -> None:
        """Play what is queued until closed."""
        async for round_, announcement in self._queue:
            if round_ == self._round:
                await self._play(round_, announcement)

    async def _play(self, round_: int, announcement: Announcement) -> None:
        try:
            pcm = await announcement.load()
        except AudioUnavailableError as unavailable:
            announcement.told.failed(str(unavailable))
            return
        if self._is_closed or round_ != self._round or not pcm.size:
            return
        playing = self._playing = _Playing(announcement)
        played = self._speech.play(pcm, forever=announcement.forever)
        await played.wait()  # the clock of the leg plays it; `stop` stops it
        playing.end("completed")
        self._playing = None
