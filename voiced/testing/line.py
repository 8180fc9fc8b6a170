"""What else is on the caller's line: noise, Telnyx's own voice, and who can be heard speaking.

Pure but for the event that tells the end of a speech.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import trio

from voiced.audio.frame import LINE_RATE_HZ, PTIME_S, frame_samples
from voiced.audio.level import to_int16
from voiced.record.journal import AgentSpeaking, CallerSaid
from voiced.testing.codec import line_frame
from voiced.testing.utterances import FINISHED_S, is_speech

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.audio.frame import Pcm
    from voiced.record.journal import JournalEvent
    from voiced.testing.caller import Caller

SILENCE = line_frame(np.zeros(0, dtype=np.int16))
"""20 ms of nothing."""

_NOISE_S = 4
"""The noise repeats after so long."""


def _ringback() -> Pcm:
    """Return one ring as a caller in North America hears it: 2 s of two tones, 4 s of silence."""
    t = np.arange(2 * LINE_RATE_HZ) / LINE_RATE_HZ
    tones = 1500.0 * (np.sin(2 * np.pi * 440.0 * t) + np.sin(2 * np.pi * 480.0 * t))
    return np.concatenate((tones.astype(np.int16), np.zeros(4 * LINE_RATE_HZ, np.int16)))


RINGBACK = _ringback()


class LineSpeech:
    """What Telnyx itself speaks to the caller."""

    def __init__(self) -> None:
        self._pcm = np.zeros(0, dtype=np.int16)
        self._position = 0
        self._forever = False
        self._played = trio.Event()

    @property
    def is_playing(self) -> bool:
        """Tell whether there is more to hear."""
        return self._position < len(self._pcm)

    def play(self, pcm: Pcm, *, forever: bool = False) -> trio.Event:
        """Start a speech that is not empty; the event tells when it has been played or stopped."""
        self._pcm, self._position, self._played = pcm, 0, trio.Event()
        self._forever = forever
        return self._played

    def stop(self) -> None:
        """Fall silent and release whoever waits for the end."""
        self._position = len(self._pcm)
        self._played.set()

    def next_frame(self) -> Pcm:
        """Return the next 20 ms."""
        if not self.is_playing:
            return SILENCE
        frame = self._pcm[self._position : self._position + len(SILENCE)]
        self._position += len(frame)
        if self._position >= len(self._pcm):
            if self._forever:
                self._position = 0
            else:
                self._played.set()
        return line_frame(frame)


class LineNotes:
    """Turns what the line carries into journal events, while the call runs."""

    def __init__(self, note: Callable[[JournalEvent], None]) -> None:
        self.last_heard = SILENCE
        self._note = note
        self._n_told = 0
        self._silent_s = FINISHED_S
        self._caller_ended_at: float | None = None

    def heard(self, frame: Pcm, caller: Caller, now: float) -> None:
        """Take the 20 ms that the caller has just heard."""
        self.last_heard = frame
        for utterance in caller.utterances[self._n_told :]:
            self._n_told += 1
            self._caller_ended_at = now
            self._note(CallerSaid(text=utterance.text, confidence=1.0, at=now))
        if not is_speech(frame):
            self._silent_s += PTIME_S
            return
        if self._silent_s >= FINISHED_S:
            latency_s = None if self._caller_ended_at is None else now - self._caller_ended_at
            self._note(AgentSpeaking(text="", at=now, latency_s=latency_s))
            self._caller_ended_at = None
        self._silent_s = 0.0


def background_noise(level_dbfs: float | None) -> list[Pcm]:
    """Return some seconds of noise in frames, the same in every call."""
    if level_dbfs is None:
        return [SILENCE]
    amplitude = 32768.0 * 10 ** (level_dbfs / 20)
    size = frame_samples(LINE_RATE_HZ)
    noise = np.random.default_rng(8000).normal(0, amplitude, (_NOISE_S * 50, size))
    return list(noise.round().astype(np.int16))


def mix(one: Pcm, other: Pcm) -> Pcm:
    """Add two frames without wrap-around."""
    if other is SILENCE:
        return one
    if one is SILENCE:
        return other
    return to_int16(one.astype(np.float64) + other)
