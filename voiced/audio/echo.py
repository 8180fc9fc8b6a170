"""Is what comes from the caller our own voice, returned by the line? Pure.

Telephones, and people with the loudspeaker on, send back what they play: later, quieter, and
filtered, but otherwise the same. So the guard keeps the last moments of both directions and, when
asked, looks for the delay at which what we played fits best, and for the short filter there that
explains most of what has come. Echo is explained to a large part; a caller who speaks is not, and
one who speaks over the echo much less than before.

Nothing is computed until somebody asks, which is when a voice begins while we speak.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from voiced.audio.frame import LINE_RATE_HZ, PTIME_S
from voiced.audio.resample import Resampler

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

WINDOW_S = 0.3
"""Of the caller's audio is explained: a syllable or two."""

MAX_DELAY_S = 0.8
"""Of the echo behind the time at which we think that our audio plays; networks are in it."""

N_TAPS = 48
"""Of the filter, 6 ms: a hybrid's echo and the first reflections of a room."""

ECHO_SHARE = 0.5
"""From this share of the energy on, what comes is echo. Measured with synthesized voices through
mu-law (tests/audio/test_echo_guard.py): pure echo 0.98 and more; other speech 0.2
in the median and 0.46 at most; both at once the same, but where the caller pauses."""

_SILENCE = 30.0
"""RMS, in int16 units, below which nothing is told apart: -61 dBFS."""

_Signal = NDArray[np.floating[Any]]


class AudioTap(Protocol):
    """Who is given both directions of a call's audio; time in seconds of one clock."""

    def caller(self, pcm: Pcm, at: float) -> None:
        """Take the caller's audio, which arrived at `at`."""
        ...

    def agent(self, pcm: Pcm, starts_at: float) -> None:
        """Take the agent's audio, which plays from `starts_at` on."""
        ...

    def cleared(self, at: float) -> None:
        """Note that what was to play after `at` has been thrown away."""
        ...


class Taps:
    """Several taps as one."""

    def __init__(self, *taps: AudioTap) -> None:
        self._taps = taps

    def caller(self, pcm: Pcm, at: float) -> None:
        """Pass the caller's audio on."""
        for tap in self._taps:
            tap.caller(pcm, at)

    def agent(self, pcm: Pcm, starts_at: float) -> None:
        """Pass the agent's audio on."""
        for tap in self._taps:
            tap.agent(pcm, starts_at)

    def cleared(self, at: float) -> None:
        """Pass it on."""
        for tap in self._taps:
            tap.cleared(at)


def tap_of(*taps: AudioTap | None) -> AudioTap | None:
    """Return one tap for those that there are; None when there is none."""
    some = [tap for tap in taps if tap is not None]
    return Taps(*some) if len(some) > 1 else next(iter(some), None)


class EchoGuard:
    """One call's. Holds about two seconds of audio."""

    def __init__(self, *, caller_hz: int = LINE_RATE_HZ, agent_hz: int = LINE_RATE_HZ) -> None:
        """Make one; the audio of either side comes at its own rate, 8000 Hz or a multiple."""
        self._caller_hz = caller_hz
        self._agent_hz = agent_hz
        self._from_caller: deque[Pcm] = deque(maxlen=round(WINDOW_S / PTIME_S))
        self._came_at = 0.0
        self._from_agent: deque[tuple[float, Pcm]] = deque()

    def restart(self, *, caller_hz: int) -> None:
        """Begin anew with another media stream."""
        self._caller_hz = caller_hz
        self._from_caller.clear()
        self._from_agent.clear()

    def caller(self, pcm: Pcm, at: float) -> None:
        """Take a frame of the caller's audio, which arrived at `at`."""
        self._from_caller.append(pcm)
        self._came_at = at

    def agent(self, pcm: Pcm, starts_at: float) -> None:
        """Take audio of ours that plays from `starts_at` on."""
        self._from_agent.append((starts_at, pcm))
        oldest_at = self._came_at - WINDOW_S - MAX_DELAY_S - 1.0
        while self._from_agent[0][0] < oldest_at:
            self._from_agent.popleft()

    def cleared(self, at: float) -> None:
        """Forget what was to play after `at`."""
        kept = deque[tuple[float, "Pcm"]]()
        for starts_at, pcm in self._from_agent:
            n_played = round((at - starts_at) * self._agent_hz)
            if n_played > 0:
                kept.append((starts_at, pcm[:n_played]))
        self._from_agent = kept

    def is_echo(self) -> bool:
        """Say whether what has come from the caller last is our own voice."""
        return self.explained() >= ECHO_SHARE

    def explained(self) -> float:
        """Return what share of the caller's last energy, 0 to 1, what we played explains."""
        if not self._from_caller or not self._from_agent:
            return 0.0
        came = _narrow(np.concatenate(self._from_caller), self._caller_hz)
        played = self._played(len(came))
        if _rms(came) < _SILENCE or _rms(played) < _SILENCE:
            return 0.0
        return _explained(came, played)

    def _played(self, n_samples: int) -> _Signal:
        """Return what we played while `n_samples` came, and for `MAX_DELAY_S` before, at 8 kHz."""
        n_before = round(MAX_DELAY_S * LINE_RATE_HZ)
        begins_at = self._came_at - (n_samples + n_before) / LINE_RATE_HZ
        played = np.zeros(n_before + n_samples)
        for starts_at, pcm in self._from_agent:
            piece = _narrow(pcm, self._agent_hz)
            start = round((starts_at - begins_at) * LINE_RATE_HZ)
            first, last = max(start, 0), min(start + len(piece), len(played))
            if first < last:
                played[first:last] = piece[first - start : last - start]
        return played


def _explained(came: _Signal, played: _Signal) -> float:
    """Return the share of `came` that a filter of `N_TAPS` at the best delay makes of `played`."""
    fits = np.abs(_correlate(played, came))
    sums = np.concatenate(([0.0], np.cumsum(played**2)))
    energy = sums[len(came) :] - sums[: -len(came)]
    best = int(np.argmax(fits / np.sqrt(energy + len(came) * _SILENCE**2)))
    start = max(0, best - N_TAPS // 2)
    reference = played[start : start + len(came) + N_TAPS - 1]
    reference = np.pad(reference, (0, len(came) + N_TAPS - 1 - len(reference)))
    delayed = sliding_window_view(reference, N_TAPS)
    own = delayed.T @ delayed
    own[np.diag_indices(N_TAPS)] += len(came) * _SILENCE  # keeps a pure tone solvable
    taps = np.linalg.solve(own, delayed.T @ came)
    rest = came - delayed @ taps
    return float(max(0.0, 1.0 - np.dot(rest, rest) / np.dot(came, came)))


def _narrow(pcm: Pcm, rate_hz: int) -> _Signal:
    """Return audio at 8 kHz as floating point."""
    return Resampler(rate_hz, LINE_RATE_HZ).process(pcm).astype(np.float64)


def _correlate(played: _Signal, came: _Signal) -> _Signal:
    """Return how `came` fits `played` at each delay at which it lies wholly within.

    By Fourier transform. scipy.signal has it too, and takes longer to import than all the rest.
    """
    size = 1 << (len(played) + len(came) - 1).bit_length()
    spectrum = np.fft.rfft(played, size) * np.conj(np.fft.rfft(came, size))
    return np.fft.irfft(spectrum, size)[: len(played) - len(came) + 1]


def _rms(signal: _Signal) -> float:
    return float(np.sqrt(np.mean(signal**2)))
