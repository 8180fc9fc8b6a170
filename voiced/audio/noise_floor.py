"""How loud a line is when nobody speaks, learnt while they do: minimum statistics. Pure.

Speech has gaps between words and inside them, noise has none. So the least level of the last two
seconds is that of the background: it follows a quieter one at once and a louder one within those
two seconds, and words cannot lift it for long. Power is smoothed first, or the least of many
windows would lie below the noise. After Martin, "Noise power spectral density estimation based on
optimal smoothing and minimum statistics", IEEE Trans. Speech and Audio Processing 9(5), 2001,
reduced to one band.
"""

from __future__ import annotations

import math
from collections import deque

SMOOTHING = 0.7
"""Of the power, from window to window."""

PART_WINDOWS = 10
N_PARTS = 6
"""The least of 6 parts of 10 windows each is kept: 1.9 s of windows of 32 ms."""

KNOWN_AFTER = 3
"""Parts. A caller who speaks in the first second of a call is not the background."""


class NoiseFloor:
    """The background of one side of a call; a microsecond for each window."""

    def __init__(self) -> None:
        self._smooth: float | None = None
        self._parts: deque[float] = deque(maxlen=N_PARTS)
        self._least = math.inf  # of the parts
        self._part = math.inf  # least of the part that goes on
        self._n_windows = 0

    def hear(self, rms: float) -> None:
        """Take the level of the next window, RMS in any unit."""
        power = rms * rms
        if self._smooth is None:
            self._smooth = power
        self._smooth += (1.0 - SMOOTHING) * (power - self._smooth)
        self._part = min(self._part, self._smooth)
        self._n_windows += 1
        if self._n_windows % PART_WINDOWS == 0:
            self._parts.append(self._part)
            self._least = min(self._parts)
            self._part = math.inf

    @property
    def rms(self) -> float:
        """The background's level, in the unit of `hear`; 0 while it is not known."""
        if len(self._parts) < KNOWN_AFTER:
            return 0.0
        return math.sqrt(min(self._least, self._part))
