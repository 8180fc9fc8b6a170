"""Cuts a call's audio into utterances: frames in, decisions and utterances out.

Joins the voice detector and the endpointer and keeps the audio that a decision will need: the
pre-roll, because the detector reports a start up to 400 ms late, and the utterance so far. Pure;
holds at most `max_utterance_s` plus the pre-roll of int16 audio (325 kB for 20 s), and only while
somebody speaks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ
from voiced.audio.level import sounding_s, trailing_quiet_s
from voiced.recognizer.endpoint import (
    Ended,
    Endpointer,
    EndpointSettings,
    Paused,
    Resumed,
    Started,
    windows_in,
)
from voiced.recognizer.silero import WINDOW_SAMPLES, VoiceDetector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.audio.frame import Frame, Pcm
    from voiced.recognizer.silero import Network


LINGERS_S = 0.15
"""By how much the detector may take the end of speech too late: 65 ms in the median for Silero."""


MISSES_S = 0.2
"""By how much it may take the beginning too late: 60 ms and more before a fricative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutSettings:
    """How much audio around the speech goes to the decoder, which needs some silence there.

    Attributes:
        preroll_s: before the first voiced window.
        tail_s: after the last voiced window; what silence there was beyond it is cut.
    """

    preroll_s: float = 0.400
    tail_s: float = 0.300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Utterance:
    """One stretch of speech and what was decided about it. `pcm` is 8 kHz, at most some 20 s."""

    pcm: Pcm
    ended: Ended


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoFar:
    """The utterance up to a pause: what `Utterance` will be if nothing more is said."""

    pcm: Pcm
    last_voice_at: float


Cut: TypeAlias = Started | SoFar | Resumed | Utterance


class UtteranceCutter:
    """One call's cutter. `endpointer.settings` may be replaced during the call."""

    def __init__(
        self,
        network: Network,
        endpoint_settings: EndpointSettings,
        cut_settings: CutSettings,
    ) -> None:
        self.endpointer = Endpointer(endpoint_settings)
        self._detector = VoiceDetector(network)
        self._preroll = windows_in(cut_settings.preroll_s)
        self._tail = windows_in(cut_settings.tail_s)
        self._rest: Pcm = np.empty(0, np.int16)
        self._windows: deque[Pcm] = deque()
        self._speaking = False
        self._window_ends_at = 0.0

    def cut(self, frame: Frame) -> Iterator[Cut]:
        """Take the next frame (8 kHz, of any length) and yield what it decides, in order."""
        pcm = np.concatenate((self._rest, frame.pcm))
        whole = len(pcm) - len(pcm) % WINDOW_SAMPLES
        self._rest = pcm[whole:]
        for start in range(0, whole, WINDOW_SAMPLES):
            beyond = len(pcm) - start - WINDOW_SAMPLES
            self._window_ends_at = frame.at - beyond / LINE_RATE_HZ
            decided = self._take(pcm[start : start + WINDOW_SAMPLES].copy(), frame.at)
            if decided is not None:
                yield decided

    def _take(self, window: Pcm, at: float) -> Cut | None:
        self._windows.append(window)
        detector = self._detector
        probability = detector.probability(window)
        decision = self.endpointer.decide(
            probability, at, detector.above_floor_db, detector.level_db
        )
        match decision:
            case Started():
                self._speaking = True
                self._keep_last(self._preroll + decision.voiced_windows)
                return replace(decision, started_at=self._began_at(decision.started_at))
            case Paused(last_voice_at=last_voice_at):
                last_voice_at = self._stopped_at(last_voice_at)
                return SoFar(pcm=np.concatenate(self._windows), last_voice_at=last_voice_at)
            case Resumed():
                return decision
            case Ended():
                self._speaking = False
                if decision.forced:  # perhaps it was no speech: let it not deafen the detector
                    self._detector.reset()
                stopped_at = self._stopped_at(decision.last_voice_at)
                decision = replace(decision, last_voice_at=stopped_at)
                return Utterance(pcm=self._hand_over(decision), ended=decision)
            case None:
                if not self._speaking:
                    min_speech_s = self.endpointer.settings.min_speech_s
                    self._keep_last(self._preroll + windows_in(min_speech_s))
                return None

    def _stopped_at(self, last_voice_at: float) -> float:
        """Return when speech ended, by its level: the detector lets a voice linger for a while.

        At most `LINGERS_S` before `last_voice_at`, where noise has misled us; never after it.
        """
        quiet_s = trailing_quiet_s(
            np.concatenate(self._windows), LINE_RATE_HZ, self._detector.floor_rms
        )
        stopped_at = self._window_ends_at - quiet_s
        return min(last_voice_at, max(last_voice_at - LINGERS_S, stopped_at))

    def _began_at(self, started_at: float) -> float:
        """Return when speech began, by its level: the detector misses soft beginnings."""
        sounded_s = sounding_s(
            np.concatenate(self._windows), LINE_RATE_HZ, self._detector.floor_rms
        )
        began_at = self._window_ends_at - sounded_s
        return min(started_at, max(started_at - MISSES_S, began_at))

    def _keep_last(self, windows: int) -> None:
        while len(self._windows) > windows:
            self._windows.popleft()

    def _hand_over(self, ended: Ended) -> Pcm:
        """Return the utterance's audio and keep, for the next one's pre-roll, what is beyond it."""
        windows = list(self._windows)
        surplus = max(ended.silent_windows - self._tail, 0)
        spoken = windows[: len(windows) - surplus]
        self._windows = deque(windows[len(spoken) :])
        return np.concatenate(spoken)
