"""Audio as a picture needs it: the smallest and the largest sample of each few milliseconds.

So that an hour is drawn from some megabytes, and may be read block by block. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

SLICES_PER_S = 200
"""5 ms each: finer than a pixel in every call of more than seven seconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Peaks:
    """Lowest and highest sample of each slice: int16 arrays of one length, `per_s` slices a second.

    Where audio began after the call did, `starts_at_s` says when, in seconds of the call.
    """

    lows: Pcm
    highs: Pcm
    per_s: float
    starts_at_s: float = 0.0

    @property
    def ends_at_s(self) -> float:
        """Return when the audio ends, in seconds of the call."""
        return self.starts_at_s + len(self.lows) / self.per_s

    @property
    def loudest(self) -> float:
        """Return the largest amplitude, 0 to 32768."""
        if not len(self.lows):
            return 0.0
        return max(float(self.highs.max()), -float(self.lows.min()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CallSound:
    """Both sides of a call."""

    caller: Peaks
    agent: Peaks


class PeakMeter:
    """Takes one side's audio block by block; `peaks` may be asked for at any time."""

    def __init__(self, rate_hz: int) -> None:
        """Take audio of `rate_hz`."""
        self._size = max(1, rate_hz // SLICES_PER_S)
        self._per_s = rate_hz / self._size
        self._rest: Pcm = np.zeros(0, np.int16)
        self._lows: list[Pcm] = []
        self._highs: list[Pcm] = []

    def add(self, pcm: Pcm) -> None:
        """Take the next audio, of any length; it is not kept."""
        pcm = np.concatenate((self._rest, pcm))
        whole = len(pcm) - len(pcm) % self._size
        slices = pcm[:whole].reshape(-1, self._size)
        self._lows.append(slices.min(axis=1))
        self._highs.append(slices.max(axis=1))
        self._rest = pcm[whole:]

    def peaks(self, starts_at_s: float = 0.0) -> Peaks:
        """Return the peaks of all whole slices that have come, and of what follows them."""
        lows, highs = [*self._lows], [*self._highs]
        if len(self._rest):
            lows.append(self._rest.min(keepdims=True))
            highs.append(self._rest.max(keepdims=True))
        empty = np.zeros(0, np.int16)
        return Peaks(
            lows=np.concatenate([empty, *lows]),
            highs=np.concatenate([empty, *highs]),
            per_s=self._per_s,
            starts_at_s=starts_at_s,
        )


def peaks_of(pcm: Pcm, rate_hz: int, starts_at_s: float = 0.0) -> Peaks:
    """Return the peaks of audio that is there as a whole."""
    meter = PeakMeter(rate_hz)
    meter.add(pcm)
    return meter.peaks(starts_at_s)
