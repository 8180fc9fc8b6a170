"""Words for audio that every other module uses: samples, rates, frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pcm: TypeAlias = NDArray[np.int16]
"""Linear audio: one-dimensional int16 samples, mono, host byte order."""

PTIME_S = 0.020
"""Packet time: the duration of one frame on the telephone."""

LINE_RATE_HZ = 8000
"""Sample rate of the telephone's G.711."""


MESSAGE_FRAMES = 1500
"""Frames in the longest message that Telnyx takes: 30 s."""


def frame_samples(rate_hz: int) -> int:
    """Return how many samples a 20 ms frame has at `rate_hz`."""
    return rate_hz // 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A slice of the caller's audio, normally 20 ms, in order and without gaps.

    `pcm` is read-only, at the rate its consumer asked for. `at` is the trio time at which the frame
    arrived, for latencies. `concealed` marks audio that we made up for a lost chunk.
    """

    pcm: Pcm
    at: float
    concealed: bool = False
