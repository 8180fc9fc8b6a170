"""Whether a caller who was said to speak has long fallen silent. Pure.

For recognizers that have told the beginning of an utterance and tell nothing more: by the level, a
voice has ended when it is 20 dB below its loudest, or below -50 dBFS. Crude, and only believed
after seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

_FALL = 0.01
"""Of the loudest power: -20 dB."""

_FLOOR = (32768 * 10 ** (-50 / 20)) ** 2
"""Power of -50 dBFS."""

_FADES = 0.997
"""A single bang is forgotten in time: 20 dB in half a minute of frames."""


class Silence:
    """Of one utterance, from its beginning on."""

    def __init__(self) -> None:
        self._loudest = 0.0
        self.lasts_s = 0.0
        """For how long the caller has been silent, by the frames that were added."""

    def add(self, pcm: Pcm, rate_hz: int) -> None:
        """Take the next frame."""
        samples = pcm.astype(np.float32)
        power = float(samples @ samples) / max(1, len(samples))
        self._loudest = max(power, self._loudest * _FADES)
        if power > max(_FLOOR, _FALL * self._loudest):
            self.lasts_s = 0.0
        else:
            self.lasts_s += len(pcm) / rate_hz
