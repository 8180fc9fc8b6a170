"""What is played, and recognized, in place of a lost frame.

Speech hardly changes within one period of the voice, so the last period is repeated, and fades to
silence before the ear takes it for a buzzer (the method of ITU-T G.711 Appendix I, without its
delay: frames that arrive are given on at once). Joints are smoothed three times: where the repeat
begins, where it wraps round, and where the real audio comes back.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from voiced.audio.level import to_int16

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm

# Appendix I: periods of 5 to 15 ms (200 down to 66 Hz; a higher voice repeats several), full level
# for 10 ms, then down by a fifth every 10 ms.
_SHORTEST_PERIOD_S = 0.005
_LONGEST_PERIOD_S = 0.015
_TEMPLATE_S = 0.015
_HOLD_S = 0.010
_SILENT_AFTER_S = 0.060
_FADE_S = 0.005

_BEFORE = np.zeros(1)
"""Before anything was heard, there was silence."""

_REMEMBERED = 3
"""Pieces of output kept to look for the period in: at 20 ms each, twice what that takes."""


class Concealer:
    """Stands in for lost audio of one stream at `rate_hz`; call `good` or `lost`, in order."""

    __slots__ = ("_cycle", "_missing", "_offset", "_rate_hz", "_recent")

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._recent: deque[Pcm] = deque(maxlen=_REMEMBERED)  # what was given out last
        self._missing = 0  # samples made up since the last good one
        self._cycle = np.zeros(1)  # one period, such that its end leads into its beginning
        self._offset = 0.0  # how far the last good sample lies above the end of the cycle

    def good(self, pcm: Pcm) -> Pcm:
        """Return `pcm` itself, or after a loss a copy that the made-up audio fades into (5 ms)."""
        if self._missing:
            pcm = self._return_to(pcm)
            self._missing = 0
        self._recent.append(pcm)
        return pcm

    def lost(self, n_samples: int) -> Pcm:
        """Return `n_samples` in place of what is missing: the last period, silent after 60 ms."""
        if not self._missing:
            self._look_back()
        pcm = to_int16(self._continuation(n_samples))
        self._missing += n_samples
        self._recent.append(pcm)
        return pcm

    def _look_back(self) -> None:
        """Cut the last period out of what was given out, and smooth its wrap-round."""
        recent = np.concatenate((_BEFORE, *self._recent))
        period = _period(recent, self._rate_hz)
        cycle = recent[len(recent) - period :].copy()
        # Its last quarter turns into what preceded it one period ago, and so leads to its start.
        overlap = min(period // 4, len(recent) - period)
        if overlap:
            before = recent[len(recent) - period - overlap : len(recent) - period]
            cycle[-overlap:] = _cross_fade(cycle[-overlap:], before)
        self._cycle = cycle
        self._offset = float(recent[-1] - cycle[-1])

    def _continuation(self, n_samples: int) -> NDArray[np.float64]:
        """Return the next samples of the repeat, in int16 units; does not move on."""
        at = np.arange(self._missing, self._missing + n_samples)
        at_s = at / self._rate_hz
        gain = np.interp(at_s, (_HOLD_S, _SILENT_AFTER_S), (1.0, 0.0))
        offset = np.interp(at_s, (0.0, _FADE_S), (self._offset, 0.0))
        return gain * (self._cycle.take(at, mode="wrap") + offset)

    def _return_to(self, pcm: Pcm) -> Pcm:
        fade = min(len(pcm), round(_FADE_S * self._rate_hz))
        joined = pcm.copy()
        joined[:fade] = to_int16(_cross_fade(self._continuation(fade), pcm[:fade]))
        return joined


def _cross_fade(old: NDArray[np.float64], new: NDArray[np.float64] | Pcm) -> NDArray[np.float64]:
    """Return `old` turning into `new`, which is as long; both still sound at either end."""
    weight = np.arange(1, len(old) + 1) / (len(old) + 1)
    return old + weight * (new - old)


def _period(recent: NDArray[np.float64], rate_hz: int) -> int:
    """Return the lag in samples, at least 1, at which the end of `recent` best resembles itself."""
    template = round(_TEMPLATE_S * rate_hz)
    shortest = round(_SHORTEST_PERIOD_S * rate_hz)
    longest = round(_LONGEST_PERIOD_S * rate_hz)
    if len(recent) < template + longest:
        return max(1, len(recent) * 4 // 5)  # a fifth is left to smooth the wrap with
    end = recent[-template:]
    past = recent[-template - longest : -shortest]  # every window of it lags by a possible period
    likeness = np.correlate(past, end, "valid")
    running = np.concatenate(([0.0], np.cumsum(past * past)))
    energy = running[template:] - running[:-template]
    return longest - int(np.argmax(likeness / np.sqrt(energy + 1.0)))
