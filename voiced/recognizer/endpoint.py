"""Endpointing: when an utterance begins and when it is over, from probabilities of voice.

Pure: one probability per 32 ms window goes in, with the time at which that window arrived, and a
decision comes out where there is one. Durations are counted in windows of audio, not between
arrivals, so jitter on the line moves no decision.

    silent --[voice for min_speech_s]--> speaking --[no voice for silence_s, or too long]--> silent

Within an utterance a pause of `pause_s` is told, and its end: the turn may be over there.

A window is voiced by hysteresis: from `threshold` upward it begins to be, and stays so down to
`release`, so that a vowel dying away does not flicker. It must also stand out from the line's
background, by more where an utterance begins than where it goes on: in noise a detector that knows
only likenesses lets a voice linger. And it must be as near as the caller's (`near_voice`): the
talk of others is a voice, too.

The detector knows a voice by its vowels. A word that begins with a fricative has been sounding for
0.1-0.3 s by then (measured: "stop", "seven", "zero"), so after such a sound one voiced window is
enough to begin with.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from voiced.recognizer.near_voice import NearVoice
from voiced.recognizer.silero import WINDOW_S

SOUND_DB = 10.0
"""A window so far above the background is a sound, if not a voice."""

SOUND_WINDOWS = 2
"""So many sounds ..."""

SOUND_WITHIN_WINDOWS = 5
"""... among the last of so many windows, for the closure of a plosive ("st") lasts two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """The rules of endpointing; durations in seconds are rounded up to whole windows.

    Attributes:
        threshold: probability 0..1 at which voice begins.
        release: probability, at most `threshold`, below which voice stops.
        begin_above_db: how far above the background a window must be to begin an utterance ...
        stay_above_db: ... and to belong to one that goes on. 6 and 3 missed a word in music at
            10 dB that these do not, 4 and 2 found its end 30 ms later.
        min_speech_s: unbroken voice needed before an utterance has started.
        silence_s: unbroken silence that ends it.
        min_voiced_s: an utterance with less voice in all is not worth recognizing.
        max_utterance_s: after this long since its start an utterance is ended by force.
        pause_s: unbroken silence within an utterance that is worth telling; inf for none.
    """

    threshold: float = 0.5
    release: float = 0.35
    begin_above_db: float = 5.0
    stay_above_db: float = 2.5
    min_speech_s: float = 0.064
    silence_s: float = 0.600
    min_voiced_s: float = 0.096
    max_utterance_s: float = 20.0
    pause_s: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An utterance has begun.

    `started_at` is the arrival of its first voiced window, `voiced_windows` how many there have
    been since, this one included.
    """

    started_at: float
    voiced_windows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The utterance is over.

    `started_at` and `last_voice_at` are the arrivals of its first and last voiced window;
    `silent_windows` have passed since the latter. `forced`: it was cut for its length.
    `too_short`: it held less voice than any word does. `paused`: nothing was said since the pause
    that was told last.
    """

    started_at: float
    last_voice_at: float
    silent_windows: int
    forced: bool
    too_short: bool
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """The caller has paused within the utterance; `last_voice_at` as in `Ended`."""

    last_voice_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The caller goes on after a pause that was told."""


Decision: TypeAlias = Started | Paused | Resumed | Ended


@cache
def windows_in(duration_s: float) -> int:
    """Return how many windows cover `duration_s`; a nanosecond over does not cost a window."""
    return math.ceil(round(duration_s / WINDOW_S, 6))


class Endpointer:
    """One call's endpointing. `settings` may be replaced at any time, also within an utterance."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self._voice = NearVoice()
        self._voiced = False  # the last window
        self._sounds: deque[bool] = deque(maxlen=SOUND_WITHIN_WINDOWS)
        self._restart()

    def _restart(self) -> None:
        self._speaking = False
        self._windows = 0  # since the first voiced one
        self._voiced_windows = 0
        self._silent_windows = 0  # since the last voiced one
        self._started_at = 0.0
        self._last_voice_at = 0.0
        self._paused = False

    def decide(
        self, probability: float, at: float, above_floor_db: float, level_db: float
    ) -> Decision | None:
        """Take the next window's probability of voice and say whether that decides something.

        Args:
            probability: 0..1.
            at: when the window had arrived, in seconds of any clock that does not go back.
            above_floor_db: its level above the line's background.
            level_db: its level, on any one scale.
        """
        settings = self.settings
        likely = probability >= (settings.release if self._voiced else settings.threshold)
        goes_on = self._voiced or self._speaking
        needed_db = settings.stay_above_db if goes_on else settings.begin_above_db
        self._voiced = (
            likely and above_floor_db >= needed_db and self._is_callers(level_db, above_floor_db)
        )
        self._voice.hear(level_db, above_floor_db, voiced=self._voiced, speaking=self._speaking)
        if self._voiced:
            self._hear(at)
        else:
            self._silent_windows += 1
        if self._speaking:
            self._windows += 1
            return self._end_if_due() or self._pause_if_due()
        decision = self._start_if_due()
        self._sounds.append(above_floor_db >= SOUND_DB and not self._voiced)
        return decision

    def _is_callers(self, level_db: float, above_floor_db: float) -> bool:
        if self._speaking:
            return self._voice.may_go_on(level_db, above_floor_db)
        return self._voice.may_begin(level_db, above_floor_db)

    def _hear(self, at: float) -> None:
        if self._voiced_windows == 0:
            self._started_at = at
        self._voiced_windows += 1
        self._silent_windows = 0
        self._last_voice_at = at

    def _start_if_due(self) -> Started | None:
        if not self._voiced:
            self._restart()
            return None
        needed = windows_in(self.settings.min_speech_s)
        if sum(self._sounds) >= SOUND_WINDOWS:
            needed -= 1
        if self._voiced_windows < needed or not self._voice.is_near:
            return None
        self._speaking = True
        self._sounds.clear()
        self._windows = self._voiced_windows
        return Started(started_at=self._started_at, voiced_windows=self._voiced_windows)

    def _pause_if_due(self) -> Paused | Resumed | None:
        if self._paused and self._voiced:
            self._paused = False
            return Resumed()
        worth_it = self._voiced_windows >= windows_in(self.settings.min_voiced_s)
        if worth_it and not self._paused and self._silent_windows >= self._pause_windows:
            self._paused = True
            return Paused(last_voice_at=self._last_voice_at)
        return None

    @property
    def _pause_windows(self) -> float:
        pause_s = self.settings.pause_s
        return windows_in(pause_s) if math.isfinite(pause_s) else math.inf

    def _end_if_due(self) -> Ended | None:
        silent = self._silent_windows >= windows_in(self.settings.silence_s)
        forced = not silent and self._windows >= windows_in(self.settings.max_utterance_s)
        if not (silent or forced):
            return None
        ended = Ended(
            started_at=self._started_at,
            last_voice_at=self._last_voice_at,
            silent_windows=self._silent_windows,
            forced=forced,
            too_short=self._voiced_windows < windows_in(self.settings.min_voiced_s),
            paused=self._paused,
        )
        self._voice.ended(is_callers=silent and not ended.too_short)
        self._restart()
        return ended
