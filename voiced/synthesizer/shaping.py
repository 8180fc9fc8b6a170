"""A remote voice's audio as it comes, trimmed and brought to the level that all voices have. Pure.

Nothing that can be heard waits. In front of the first sound all but 40 ms of silence is dropped. A
pause is held back until speech follows it, so that silence at the end can be dropped, too: who
streams faster than speech is spoken, as all of them do, costs the caller nothing by that.

The level is learnt, sentence by sentence, for each voice: a provider gives every sentence of a
voice about alike, so the next one begins at the right level. Within a sentence it moves slowly.
Where a voice is within `CLOSE_ENOUGH_DB` anyway nothing is done to it, and mu-law stays what it
was, bit for bit, to the caller's ear.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from voiced.audio.level import block_rms, round_to_int16
from voiced.synthesizer.phrase import KEEP_S, TRIM_BELOW_DB

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

CLOSE_ENOUGH_DB = 2.5
"""A voice that is off by less is left as it is: nobody hears it."""

MOST_GAIN_DB = 18.0

LONGEST_PAUSE_S = 2.0
"""Silence beyond this is given although no speech has come after it: the provider is slow."""

_SLEW_DB_PER_S = 4.0
_PEAK = 32768.0 * math.pow(10.0, -1.0 / 20.0)
_BLOCK_S = 0.005
_SPEECH_RANGE = 10 ** (-30.0 / 20.0)  # what is so much below the loudest is pause or breath
_MEMORY_BLOCKS = 2000.0  # 10 s of speech: older sentences count for less
_NOTHING: Pcm = np.zeros(0, np.int16)


class VoiceLevel:
    """What is known of how loud a voice is; shared by all sentences of it."""

    def __init__(self, target_dbfs: float) -> None:
        """Bring speech to `target_dbfs` RMS."""
        self.target_dbfs = target_dbfs
        self._energy = 0.0
        self._n_blocks = 0.0
        self._loudest = 0.0

    def learn(self, rms: np.ndarray) -> None:
        """Take the RMS of blocks of 5 ms, as the voice gave them."""
        self._loudest = max(self._loudest * 0.999, float(rms.max(initial=0.0)))
        speech = rms[rms > max(1.0, self._loudest * _SPEECH_RANGE)]
        forget = max(0.0, 1.0 - len(speech) / _MEMORY_BLOCKS)
        self._energy = self._energy * forget + float(np.sum(speech**2))
        self._n_blocks = self._n_blocks * forget + len(speech)

    @property
    def gain_db(self) -> float:
        """By how much it should be amplified; 0 while nothing is known."""
        if self._n_blocks == 0:
            return 0.0
        rms = math.sqrt(self._energy / self._n_blocks)
        gain_db = self.target_dbfs - 20.0 * math.log10(rms / 32768.0)
        if abs(gain_db) <= CLOSE_ENOUGH_DB:
            return 0.0
        return max(-MOST_GAIN_DB, min(MOST_GAIN_DB, gain_db))


class SpeechShaper:
    """One sentence: audio in as it comes, audio out as it may be given."""

    def __init__(self, rate_hz: int, level: VoiceLevel) -> None:
        self._rate_hz = rate_hz
        self._level = level
        self._block = max(1, round(rate_hz * _BLOCK_S))
        self._keep = round(rate_hz * KEEP_S)
        self._threshold = 32768.0 * math.pow(10.0, (level.target_dbfs - TRIM_BELOW_DB) / 20.0)
        self._gain_db: float | None = None
        self._odd: Pcm = _NOTHING  # less than a block
        self._held: Pcm = _NOTHING  # silence that may be the last
        self._begun = False
        self.dropped_s = 0.0
        """Silence dropped in front of the first sound, in seconds."""
        self.given_s = 0.0
        """What has been given, in seconds."""

    def feed(self, pcm: Pcm) -> Pcm:
        """Take what has come; return what may be given now, often the same."""
        pcm = np.concatenate((self._odd, pcm)) if len(self._odd) else pcm
        n_whole = len(pcm) // self._block * self._block
        whole, self._odd = pcm[:n_whole], pcm[n_whole:]
        return self._given(self._take(whole)) if n_whole else _NOTHING

    def finish(self) -> Pcm:
        """Return what is left to be given: the sentence is over."""
        last = self._take(self._odd) if len(self._odd) else _NOTHING
        if not self._begun:
            return _NOTHING
        return self._given(np.concatenate((last, self._held[: self._keep])))

    def _given(self, pcm: Pcm) -> Pcm:
        self.given_s += len(pcm) / self._rate_hz
        return pcm

    def _take(self, pcm: Pcm) -> Pcm:
        pcm = self._levelled(pcm)
        loud = np.flatnonzero(block_rms(pcm, self._block) >= self._threshold)
        if not len(loud):
            return self._hold(pcm)
        end = min(len(pcm), (int(loud[-1]) + 1) * self._block)
        before = self._held
        if not self._begun:
            self._begun = True
            before = self._lead_in(np.concatenate((self._held, pcm[: int(loud[0]) * self._block])))
            pcm, end = pcm[int(loud[0]) * self._block :], end - int(loud[0]) * self._block
        self._held = pcm[end:]
        return np.concatenate((before, pcm[:end])) if len(before) else pcm[:end]

    def _lead_in(self, silence: Pcm) -> Pcm:
        n_dropped = max(0, len(silence) - self._keep)
        self.dropped_s += n_dropped / self._rate_hz
        return silence[n_dropped:]

    def _hold(self, silence: Pcm) -> Pcm:
        held = np.concatenate((self._held, silence))
        if not self._begun:
            self._held = self._lead_in(held)
            return _NOTHING
        n_given = len(held) if len(held) > LONGEST_PAUSE_S * self._rate_hz else 0
        self._held = held[n_given:]
        return held[:n_given]

    def _levelled(self, pcm: Pcm) -> Pcm:
        self._level.learn(block_rms(pcm, self._block))
        wanted, before = self._level.gain_db, self._gain_db
        if before is None or not self._begun:
            before = gain = wanted
        else:
            most = _SLEW_DB_PER_S * len(pcm) / self._rate_hz
            gain = before + max(-most, min(most, wanted - before))
        self._gain_db = gain
        if before == gain == 0.0:
            return pcm
        factor = np.power(10.0, np.linspace(before, gain, len(pcm)) / 20.0)
        louder = pcm.astype(np.float64) * factor
        peak = float(np.abs(louder).max(initial=0.0))
        if peak > _PEAK:
            louder *= _PEAK / peak
        return round_to_int16(louder)
