"""How loud audio is, and making it as loud as it should be without ever wrapping round.

Levels are in dBFS with 0 dBFS = 32768, for RMS and for peak alike: a full-scale square wave has
0 dBFS RMS, a full-scale sine -3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm

FLOOR_DBFS = -96.0
"""The level of digital silence: below one step of int16, and a number that adds and prints."""

_FULL_SCALE = 32768.0
_HIGHEST = np.array(32767.0)  # as arrays, for the sake of the frame path: nothing to convert
_LOWEST = np.array(-32768.0)

_AUDIBLE = 164
"""A sample from which on sound is heard on a telephone: -46 dBFS, above the noise of its codecs."""

_SPEECH_RANGE_DB = 30.0
"""What is this much below the loudest block is pause or breath, not speech."""

_QUIET_RANGE_DB = 24.0

_STANDS_OUT = 2.0
"""6 dB above the background; 5 ms of noise alone are 3 dB above its mean at most."""

_BLOCKS_PER_S = 200

_SPEECH_BLOCK = 256
"""Samples: 32 ms at 8 kHz, 11 ms at 24 kHz; both find the pauses between words."""


def rms_dbfs(pcm: Pcm) -> float:
    """Return the RMS level of `pcm` in dBFS, `FLOOR_DBFS` to 0; nothing at all is silence."""
    if not len(pcm):
        return FLOOR_DBFS
    samples = pcm.astype(np.float64)
    return _dbfs(math.sqrt(np.dot(samples, samples) / len(samples)))


def leading_silence_s(pcm: Pcm, rate_hz: int) -> float:
    """Return how long `pcm` is silent before it can be heard first; all of it when it never is."""
    audible = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= _AUDIBLE)
    return (int(audible[0]) if len(audible) else len(pcm)) / rate_hz


def trailing_quiet_s(pcm: Pcm, rate_hz: int, floor_rms: float = 0.0) -> float:
    """Return how long `pcm` (not empty) has been quiet at its end: so the end of speech is found.

    Quiet are 5 ms below -55 dBFS and 24 dB below the loudest, or less than 6 dB above the
    background. Where noise is louder than it is said to be, the answer is 0.

    Args:
        pcm: int16, shape (n,), n above 0.
        rate_hz: of it.
        floor_rms: level of the background, in int16 units.
    """
    rms = block_rms(pcm[len(pcm) % (rate_hz // _BLOCKS_PER_S) :], rate_hz // _BLOCKS_PER_S)
    quiet = min(float(rms.max()) * math.pow(10.0, -_QUIET_RANGE_DB / 20.0), _amplitude(-55.0))
    loud = np.flatnonzero(rms >= max(quiet, _STANDS_OUT * floor_rms))
    return (len(rms) - 1 - int(loud[-1])) / _BLOCKS_PER_S if len(loud) else 0.0


def sounding_s(pcm: Pcm, rate_hz: int, floor_rms: float = 0.0) -> float:
    """Return for how long `pcm` has sounded at its end: so speech is found to begin.

    Sound are 5 ms above -48 dBFS and 6 dB above the background, whose level is `floor_rms` (int16
    units). Gaps of less than 60 ms (the closure of a plosive) belong to it.
    """
    rms = block_rms(pcm[len(pcm) % (rate_hz // _BLOCKS_PER_S) :], rate_hz // _BLOCKS_PER_S)
    loud = np.flatnonzero(rms >= max(_amplitude(-48.0), _STANDS_OUT * floor_rms))
    if not len(loud):
        return 0.0
    gaps = np.flatnonzero(np.diff(loud) > _BLOCKS_PER_S * 0.06)
    first = int(loud[gaps[-1] + 1]) if len(gaps) else int(loud[0])
    return (len(rms) - first) / _BLOCKS_PER_S


def to_int16(samples: NDArray[np.floating[Any]]) -> Pcm:
    """Return `samples` (finite, in int16 units) rounded; what is too loud clips, never wraps."""
    return round_to_int16(samples.copy())


def round_to_int16(samples: NDArray[np.floating[Any]]) -> Pcm:
    """Do as `to_int16`, in place: what `samples` holds afterwards is of no use."""
    np.rint(samples, out=samples)
    np.minimum(samples, _HIGHEST, out=samples)
    np.maximum(samples, _LOWEST, out=samples)
    return samples.astype(np.int16)


def normalize(pcm: Pcm, target_dbfs: float, peak_dbfs: float = -1.0) -> Pcm:
    """Scale `pcm` by one factor so that its speech has `target_dbfs` RMS.

    Pauses do not count: only blocks within 30 dB of the loudest. The factor is held back where
    the peak would pass `peak_dbfs`, so nothing clips; silence stays silence.
    """
    peak = int(np.abs(pcm.astype(np.int32)).max(initial=0))
    if peak == 0:
        return pcm
    wanted = _amplitude(target_dbfs) / _speech_rms(pcm)
    allowed = _amplitude(peak_dbfs) / peak
    return to_int16(pcm * min(wanted, allowed))


def sounding_part(pcm: Pcm, rate_hz: int, threshold_dbfs: float, keep_s: float) -> slice:
    """Return which part of `pcm` is left when silence is cut from its ends, up to `keep_s` of it.

    Silent is a block of 5 ms whose RMS is below `threshold_dbfs`. Audio that is silent throughout
    has an empty part.
    """
    block = max(1, rate_hz // _BLOCKS_PER_S)
    loud = np.flatnonzero(block_rms(pcm, block) >= _amplitude(threshold_dbfs))
    if not len(loud):
        return slice(0, 0)
    keep = round(keep_s * rate_hz)
    first, last = int(loud[0]) * block, int(loud[-1] + 1) * block
    return slice(max(0, first - keep), min(len(pcm), last + keep))


def _dbfs(amplitude: float) -> float:
    if amplitude <= 0.0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 20.0 * math.log10(amplitude / _FULL_SCALE))


def _amplitude(dbfs: float) -> float:
    return _FULL_SCALE * math.pow(10.0, dbfs / 20.0)


def _speech_rms(pcm: Pcm) -> float:
    """Return the RMS over the blocks of `pcm` (not silent) that hold speech."""
    rms = block_rms(pcm, _SPEECH_BLOCK)
    speech = rms[rms >= rms.max() * math.pow(10.0, -_SPEECH_RANGE_DB / 20.0)]
    return math.sqrt(float(np.mean(speech**2)))


def block_rms(pcm: Pcm, block: int) -> NDArray[np.float64]:
    """Return the RMS of each block of `block` samples; the last block may be shorter."""
    starts = np.arange(0, len(pcm), block)
    if not len(starts):
        return np.empty(0)
    energy = np.add.reduceat(pcm.astype(np.float64) ** 2, starts)
    return np.sqrt(energy / np.minimum(block, len(pcm) - starts))
