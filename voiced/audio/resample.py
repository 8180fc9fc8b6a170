"""Change of sample rate on a live stream: short delay, any block size, the same bits.

Theory. Raising the rate by `up` and lowering it by `down` (to/from in lowest terms) is at once

    y[m] = sum over j of  h(m / to - j / from) x[j]

with h a low-pass that ends at half the lower of the two rates. h is a sinc under a Kaiser window of
+-23 samples of the lower rate, so at 8 kHz, whatever the other rate, it costs 2.9 ms of delay,
loses 0.2 dB at 3.4 kHz, and is 64 dB down from 4.0 kHz on. Output m needs the taps of one of `up`
phases, m * down mod up, and after `up` outputs and `down` inputs everything repeats.

Speed. A frame is cut into steps of about 2 ms, a whole number of such periods. All outputs of a
step are one product of the inputs it sees (a window) with one banded matrix, and all steps of the
frame are the rows of one matrix product, 2 us where the product of a whole frame takes 7.

The same bits whatever the block sizes. A matrix product adds in an order that depends on its shape,
and a sum on the edge of rounding could fall either way. So the sums here are exact: taps are
multiples of 2**-32, samples are whole, and every partial sum stays below 2**17 (the absolute taps
of a phase sum to less than 4); such numbers need 49 bits and float64 has 53. Nothing is rounded
until the one step to int16, and the order cannot matter.

A constant goes through unchanged: each phase's taps sum to exactly 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from voiced.audio.level import round_to_int16

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm

# Chosen together by a scan over half width, beta and cutoff: the most of the passband kept for
# 64 dB in the stopband and a delay below 3 ms at 8 kHz.
_HALF_WIDTH = 23  # samples of the lower rate
_KAISER_BETA = 6.2
_CUTOFF = 0.914  # of half the lower rate, where h has lost 6 dB

_TAP_STEPS = 2.0**32
_STEP_S = 0.002
_SLICE_S = 0.1  # longer blocks are worked off in slices, so that the buffer stays small
_MAX_TERM = 640  # of the ratio: 11025 -> 16000 is 640/441; the matrix grows with its square
_RATES_HZ = range(8000, 192_001)

_NOTHING = np.empty(0, np.int16)
_NOTHING.flags.writeable = False


class Resampler:
    """Converts one stream from `from_hz` to `to_hz`; carries its state from block to block.

    After n samples in, ceil(n * to_hz / from_hz) have come out, delayed by `delay_s`: 20 ms frames
    give 20 ms frames. Equal rates pass through untouched.
    """

    __slots__ = (
        "_buffer",
        "_done",
        "_filled",
        "_fresh",
        "_plan",
        "_slice",
        "_windows",
        "delay_s",
        "from_hz",
        "to_hz",
    )

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Start a stream.

        Raises:
            ValueError: a rate is outside 8000 ... 192000 Hz, or their ratio has too large terms.
        """
        _check(from_hz, to_hz)
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._plan = None if from_hz == to_hz else _plan(from_hz, to_hz)
        self.delay_s = self._plan.delay_s if self._plan else 0.0
        self._slice = round(from_hz * _SLICE_S)
        if self._plan:
            # History, an unfinished step, a slice, and the last window, only partly filled.
            self._buffer = np.zeros(self._slice + 2 * len(self._plan.matrix))
            self._windows: dict[int, NDArray[np.float64]] = {}  # by rows, of which a slice has 50
            self._reset(self._plan)

    def process(self, pcm: Pcm) -> Pcm:
        """Return all output that the samples so far allow; `pcm` is int16, of any length."""
        plan = self._plan
        if plan is None:
            return pcm
        self._fresh = False
        size = self._slice
        if len(pcm) <= size:
            return self._advance(plan, pcm)
        slices = (pcm[start : start + size] for start in range(0, len(pcm), size))
        return np.concatenate([self._advance(plan, piece) for piece in slices])

    def flush(self) -> Pcm:
        """Return the tail, twice `delay_s` until the last sample has died away, and start anew."""
        plan = self._plan
        if plan is None or self._fresh:
            return _NOTHING
        tail = self._advance(plan, np.zeros(plan.history, np.int16))
        self._reset(plan)
        return tail

    def _reset(self, plan: _Plan) -> None:
        """Forget the stream: before it, there was silence."""
        self._fresh = True
        self._buffer[: plan.history] = 0.0
        self._filled = plan.history  # samples in the buffer; the next step's window begins at 0
        self._done = 0  # outputs of the next step that have been given already

    def _advance(self, plan: _Plan, pcm: Pcm) -> Pcm:
        """Append `pcm` (at most a slice), and compute every output whose newest input is here."""
        buffer, end = self._buffer, self._filled + len(pcm)
        buffer[self._filled : end] = pcm
        ready = -((plan.history - end) * plan.up // plan.down)  # rounded up
        rows = -(-ready // plan.step_out)
        # Overlapping views of the buffer, one window a row. The last row may reach past `end`, into
        # old samples; outputs that would hear those lie past `ready`.
        windows = self._windows.get(rows)
        if windows is None:
            windows = self._windows[rows] = self._make_windows(plan, rows)
        whole = windows.dot(plan.matrix).reshape(-1)
        output = round_to_int16(whole[self._done : ready])
        steps, self._done = divmod(ready, plan.step_out)
        first = steps * plan.step_in
        self._filled = end - first
        buffer[: self._filled] = buffer[first:end]
        return output

    def _make_windows(self, plan: _Plan, rows: int) -> NDArray[np.float64]:
        """Return `rows` windows of the buffer; kept, for a stream's blocks are of a few sizes."""
        stride = self._buffer.itemsize
        strides = (plan.step_in * stride, stride)
        return np.ndarray((rows, len(plan.matrix)), np.float64, self._buffer, 0, strides)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """What all resamplers of one ratio share.

    Attributes:
        up: numerator of to/from in lowest terms.
        down: its denominator.
        taps: shape (up, n); row p are the taps of phase p, oldest input first.
        history: n - 1, how many inputs before the current one an output hears.
        step_in: input samples of a step.
        step_out: output samples of a step.
        matrix: shape (history + step_in, step_out): a window times it gives a step's outputs.
        delay_s: group delay, the same at all frequencies.
    """

    up: int
    down: int
    taps: NDArray[np.float64]
    history: int
    step_in: int
    step_out: int
    matrix: NDArray[np.float64]
    delay_s: float


@cache
def _plan(from_hz: int, to_hz: int) -> _Plan:
    """Design the filter of one ratio and lay its taps out for a step; 0.1 to 3 ms, once."""
    common = math.gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    taps, delay_s = _design(up, down, from_hz)
    periods = max(1, round(from_hz * _STEP_S / down))
    step_in, step_out = periods * down, periods * up
    n = taps.shape[1]
    matrix = np.zeros((n - 1 + step_in, step_out))
    for m in range(step_out):
        oldest = m * down // up
        matrix[oldest : oldest + n, m] = taps[m * down % up]
    matrix.flags.writeable = taps.flags.writeable = False  # shared by every call
    return _Plan(
        up=up,
        down=down,
        taps=taps,
        history=n - 1,
        step_in=step_in,
        step_out=step_out,
        matrix=matrix,
        delay_s=delay_s,
    )


def _design(up: int, down: int, from_hz: int) -> tuple[NDArray[np.float64], float]:
    """Return the taps by phase, shape (up, n), and the delay in seconds."""
    # In input samples, the filter spans its width; on the grid of all phases it is symmetric.
    lower = min(1.0, up / down)  # the lower rate, in units of from_hz
    n = -(-(2 * _HALF_WIDTH * max(up, down) + 1) // up)  # rounded up
    half = (n - 1 / up) / 2
    at = np.arange(up)[:, np.newaxis] / up + np.arange(n)[::-1] - half
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0.0, 1.0 - (at / half) ** 2)))
    taps = np.sinc(_CUTOFF * lower * at) * window
    taps = np.rint(taps / taps.sum(axis=1, keepdims=True) * _TAP_STEPS) / _TAP_STEPS
    taps[:, n // 2] += 1.0 - taps.sum(axis=1)  # a few steps of 2**-32
    return taps, half / from_hz


def _check(from_hz: int, to_hz: int) -> None:
    for rate_hz in (from_hz, to_hz):
        if rate_hz not in _RATES_HZ:
            raise ValueError(
                f"sample rate {rate_hz} Hz cannot be resampled "
                f"(use {_RATES_HZ.start} to {_RATES_HZ[-1]} Hz)"
            )
    if max(from_hz, to_hz) // math.gcd(from_hz, to_hz) > _MAX_TERM:
        raise ValueError(
            f"{from_hz} Hz to {to_hz} Hz is too odd a ratio to resample (use a usual rate: "
            "8000, 16000, 22050, 24000, 44100, 48000 Hz)"
        )
