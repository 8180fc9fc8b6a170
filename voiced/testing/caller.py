"""Callers: what a person at the other end of the line does.

Pure. A caller is a small state machine that is stepped every 20 ms of the line from the answer on:
it is given what it has just heard and gives what it says next. So a caller needs no clock, and a
call with it goes the same way every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ, PTIME_S, frame_samples
from voiced.testing.codec import line_frame
from voiced.testing.utterances import FINISHED_S, Utterance, find_utterances, is_speech

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.audio.frame import Pcm

_SILENCE = line_frame(np.zeros(0, dtype=np.int16))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spoken:
    """What a caller does in 20 ms: 160 samples at 8 kHz, perhaps a key, perhaps the end."""

    pcm: Pcm
    digit: str = ""
    hangs_up: bool = False


class Caller(Protocol):
    """One per call: callers remember.

    `utterances` are the finished ones with their text, in seconds since the answer. `notes` is what
    a person would complain about afterwards.
    """

    @property
    def utterances(self) -> Sequence[Utterance]:
        """Return what has been said so far."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Return the remarks so far."""
        ...

    def step(self, heard: Pcm) -> Spoken:
        """Hear 20 ms, then speak 20 ms."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """Something to say: audio at 8 kHz.

    Attributes:
        pcm: the speech.
        text: its words, "" when nobody knows.
        after_s: how long the agent must have been silent (at least 0.7 s); with `barge_in`, how
            long the agent must have been speaking.
        barge_in: speak over the agent instead of waiting for its end.
        first: speak without waiting for the agent, `after_s` after the line before (or the answer):
            what somebody does who picks up.
    """

    pcm: Pcm
    text: str = ""
    after_s: float = FINISHED_S
    barge_in: bool = False
    first: bool = False


class ScriptedCaller:
    """Says its lines one after the other, each when the agent has finished.

    After the last line it waits for the agent to hang up.

    Args:
        lines: what to say, in order.
        patience_s: so long without any answer, the next line is said all the same, with a note.
        goodbye_s: so long after everything has been said, the caller hangs up, with a note.
    """

    def __init__(
        self, lines: Sequence[Line], *, patience_s: float = 10.0, goodbye_s: float = 15.0
    ) -> None:
        self.utterances: list[Utterance] = []
        self.notes: list[str] = []
        self._lines = lines
        self._patience_s = patience_s
        self._goodbye_s = goodbye_s
        self._next = 0
        self._now_s = 0.0
        self._speech: Pcm = _SILENCE[:0]
        self._position = 0
        self._began_s = 0.0
        self._last_said_s = 0.0
        self._agent_spoke_s = 0.0
        self._silent_s = 0.0
        self._waited_s = 0.0

    def step(self, heard: Pcm) -> Spoken:
        """Hear 20 ms, then speak 20 ms."""
        self._listen(heard)
        if self._position >= len(self._speech) and self._wants_to_speak():
            self._begin()
        spoken = self._next_frame()
        hangs_up = self._has_waited_enough()
        self._now_s += PTIME_S
        return Spoken(pcm=spoken, hangs_up=hangs_up)

    def _listen(self, heard: Pcm) -> None:
        if is_speech(heard):
            self._agent_spoke_s += PTIME_S
            self._silent_s = self._waited_s = 0.0
        else:
            self._silent_s += PTIME_S
            self._waited_s += PTIME_S

    def _wants_to_speak(self) -> bool:
        if self._next >= len(self._lines):
            return False
        line = self._lines[self._next]
        if line.first:
            return _reached(self._now_s - self._last_said_s, line.after_s)
        if line.barge_in:
            ready = self._agent_spoke_s >= max(line.after_s, PTIME_S)
        else:
            ready = self._agent_spoke_s > 0 and _reached(
                self._silent_s, max(line.after_s, FINISHED_S)
            )
        if not ready and _reached(self._waited_s, self._patience_s):
            self.notes.append(
                f"heard nothing for {self._patience_s:g} s before line {self._next + 1}"
            )
            ready = True
        return ready

    def _begin(self) -> None:
        self._speech = self._lines[self._next].pcm
        self._position = 0
        self._began_s = self._now_s

    def _next_frame(self) -> Pcm:
        if self._position >= len(self._speech):
            return _SILENCE
        frame = self._speech[self._position : self._position + len(_SILENCE)]
        self._position += len(frame)
        if self._position >= len(self._speech):
            self._finish()
        return line_frame(frame)

    def _finish(self) -> None:
        """Note the line that ends with this frame; from here on the agent's answer counts."""
        self.utterances.append(
            Utterance(
                start_s=self._began_s,
                end_s=self._now_s + PTIME_S,
                text=self._lines[self._next].text,
            )
        )
        self._next += 1
        self._last_said_s = self._now_s
        self._agent_spoke_s = self._waited_s = 0.0

    def _has_waited_enough(self) -> bool:
        if self._next < len(self._lines) or not _reached(self._waited_s, self._goodbye_s):
            return False
        note = f"the agent had not hung up {self._goodbye_s:g} s after the last word"
        if note not in self.notes:
            self.notes.append(note)
        return True


class PlayedCaller:
    """Plays audio from the answer on, whatever it hears.

    Args:
        pcm: 8 kHz.
        hangs_up_s: seconds after the answer; None leaves that to the agent.
        heard_s: hang up, too, once so many seconds of sound have been heard.
        keys: (seconds after the answer, digit) of keys that are pressed.
    """

    def __init__(
        self,
        pcm: Pcm,
        *,
        hangs_up_s: float | None = None,
        heard_s: float | None = None,
        keys: Sequence[tuple[float, str]] = (),
    ) -> None:
        self.notes: list[str] = []
        self.utterances: list[Utterance] = []
        self._coming = list(find_utterances(pcm))
        self._pcm = pcm
        self._hangs_up_s = hangs_up_s
        self._unheard_s = heard_s
        self._keys = list(keys)
        self._n = 0

    def step(self, heard: Pcm) -> Spoken:
        """Hear 20 ms, which changes nothing of what is said, and speak 20 ms."""
        if self._unheard_s is not None and is_speech(heard):
            self._unheard_s -= PTIME_S
        now_s = self._n * PTIME_S
        start = self._n * frame_samples(LINE_RATE_HZ)
        self._n += 1
        while self._coming and self._coming[0].end_s <= now_s:
            self.utterances.append(self._coming.pop(0))
        digit = self._keys.pop(0)[1] if self._keys and _reached(now_s, self._keys[0][0]) else ""
        return Spoken(
            pcm=line_frame(self._pcm[start : start + frame_samples(LINE_RATE_HZ)]),
            digit=digit,
            hangs_up=self._has_enough(now_s),
        )

    def _has_enough(self, now_s: float) -> bool:
        if self._hangs_up_s is not None and _reached(now_s, self._hangs_up_s):
            return True
        return self._unheard_s is not None and _reached(0.0, self._unheard_s)


def silent_caller(*, hangs_up_s: float | None = None) -> PlayedCaller:
    """Return a caller who says nothing."""
    return PlayedCaller(_SILENCE[:0], hangs_up_s=hangs_up_s)


def tone_caller(
    *,
    starts_s: float = 1.0,
    lasts_s: float = 1.0,
    frequency_hz: float = 1000.0,
    level_dbfs: float = -20.0,
    hangs_up_s: float | None = None,
    heard_s: float | None = None,
) -> PlayedCaller:
    """Return a caller who plays one sine tone: for measuring the line, or to see that it is up."""
    before = np.zeros(round(starts_s * LINE_RATE_HZ), dtype=np.int16)
    audio = np.concatenate((before, tone(frequency_hz, lasts_s, level_dbfs=level_dbfs)))
    return PlayedCaller(audio, hangs_up_s=hangs_up_s, heard_s=heard_s)


def tone(frequency_hz: float, lasts_s: float, *, level_dbfs: float = -20.0) -> Pcm:
    """Return a sine tone at 8 kHz; `level_dbfs` is its RMS level."""
    t = np.arange(round(lasts_s * LINE_RATE_HZ)) / LINE_RATE_HZ
    amplitude = 32768.0 * np.sqrt(2.0) * 10 ** (level_dbfs / 20)
    sine: Pcm = (amplitude * np.sin(2 * np.pi * frequency_hz * t)).round().astype(np.int16)
    return sine


def _reached(seconds: float, limit_s: float) -> bool:
    """Compare sums of 20 ms steps: they carry rounding errors."""
    return seconds > limit_s - PTIME_S / 2
