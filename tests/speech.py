"""Real speech with the whole of a wide band in it, and how to compare what came of it."""

from functools import cache

import numpy as np
from scipy.signal import correlate, resample

from voiced.audio.level import normalize
from voiced.audio.resample import Resampler
from voiced.synthesizer.libflite import RATE_HZ, Voice

SENTENCE = "She sells sixty six sea shells by the sea shore."
"""Full of what lies above the telephone's band."""


@cache
def speech(rate_hz, text=SENTENCE):
    """Return `text` at `rate_hz`, a whole number of frames, -20 dBFS in speech; read-only."""
    pcm = normalize(Voice("kal16").speak(text), -20.0)
    pcm = Resampler(RATE_HZ, rate_hz).process(pcm)
    pcm = pcm[: len(pcm) // (rate_hz // 50) * (rate_hz // 50)]
    pcm.flags.writeable = False
    return pcm


def frames_of(pcm, rate_hz):
    return list(pcm.reshape(-1, rate_hz // 50))


def snr_db(original, heard, *, finer=1):
    """Return how far `heard` lies above its error against `original`, once its delay is undone.

    Resamplers delay by parts of a sample: `finer` is how many parts are told apart.
    """
    if finer > 1:
        original, heard = (resample(pcm, finer * len(pcm)) for pcm in (original, heard))
    delay = delay_of(original, heard)
    original, heard = original[max(0, -delay) :], heard[max(0, delay) :]
    n = min(len(original), len(heard))
    signal = original[:n].astype(float)
    error = heard[:n] - signal
    return 10 * np.log10(np.dot(signal, signal) / (np.dot(error, error) + 1e-9))


def below(pcm, rate_hz, high_hz):
    """Return `pcm` without what lies above `high_hz`."""
    spectrum = np.fft.rfft(pcm.astype(float))
    spectrum[np.fft.rfftfreq(len(pcm), 1 / rate_hz) > high_hz] = 0
    return np.fft.irfft(spectrum, len(pcm))


def delay_of(original, heard):
    """Return by how many samples `heard` comes after `original`."""
    likeness = correlate(heard.astype(float), original.astype(float), method="fft")
    return int(np.argmax(likeness)) - (len(original) - 1)


def band_db(pcm, rate_hz, low_hz, high_hz):
    """Return the share of the energy that lies in a band, in dB."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(float))) ** 2
    at_hz = np.fft.rfftfreq(len(pcm), 1 / rate_hz)
    inside = spectrum[(at_hz >= low_hz) & (at_hz < high_hz)].sum()
    return 10 * np.log10(inside / spectrum.sum())
