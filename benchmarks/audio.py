"""What the callers say and what the servers speak: the same bytes for every server.

A caller's audio is a cycle of 20 ms PCMU frames; each call begins it somewhere else. Under all of
it lies faint noise, as on any line: digital silence could meet a short cut that real audio does
not.
"""

from __future__ import annotations

import numpy as np
import trio

from voiced.audio.frame import LINE_RATE_HZ, Pcm
from voiced.audio.g711 import encode_ulaw
from voiced.audio.resample import Resampler
from voiced.testing.speech import speak_all

FRAME_BYTES = 160
SPEAKING_SHARE = 0.4
TALK_RATE_HZ = 24_000

_NOISE_RMS = 40.0  # -58 dBFS
_BURST_EVERY_S = 2.0
_BURST_S = 0.1
_BURST_HZ = 1000.0
_BURST_PEAK = 4000.0

_CALLER = (
    "I would like to book a table for four people.",
    "Tomorrow evening at half past seven, please.",
    "No, thank you, that is all I wanted to know.",
)
_AGENT = (
    "Thank you for calling. I have found three free tables for tomorrow evening. The first is by "
    "the window at a quarter past six, the second is in the garden at half past seven, and the "
    "third is upstairs at nine. Which of them would you like me to book for you?"
)


def burst_cycle() -> bytes:
    """Return 2 s of PCMU: noise, and in the middle a tone of 100 ms that begins at its peak."""
    pcm = _noise(round(_BURST_EVERY_S * LINE_RATE_HZ))
    t = np.arange(round(_BURST_S * LINE_RATE_HZ)) / LINE_RATE_HZ
    at = len(pcm) // 2
    pcm[at : at + len(t)] += _BURST_PEAK * np.cos(2 * np.pi * _BURST_HZ * t)
    return encode_ulaw(np.rint(pcm).astype(np.int16))


def speech_cycle() -> bytes:
    """Return PCMU of a caller who speaks 40 % of the time. Raises StartupError without flite."""
    sentences = trio.run(_speak, _CALLER, "slt")
    spoken = [_with_pause(sentence) for sentence in sentences]
    return encode_ulaw(np.concatenate(spoken))


def talk_pcm() -> bytes:
    """Return what the server says, int16 at 24 kHz. Raises StartupError without flite."""
    (spoken,) = trio.run(_speak, (_AGENT,), "rms")
    resampler = Resampler(LINE_RATE_HZ, TALK_RATE_HZ)
    pcm = np.concatenate((resampler.process(spoken), resampler.flush()))
    return pcm.astype("<i2").tobytes()


async def _speak(texts: tuple[str, ...], voice: str) -> list[Pcm]:
    return await speak_all(texts, voice=voice)


def _with_pause(sentence: Pcm) -> Pcm:
    """Return the sentence after a pause that makes it 40 %, in whole frames, over noise."""
    n_frames = -(-round(len(sentence) / SPEAKING_SHARE) // FRAME_BYTES)
    pcm = _noise(n_frames * FRAME_BYTES)
    pcm[len(pcm) - len(sentence) :] += sentence
    return np.clip(np.rint(pcm), -32768, 32767).astype(np.int16)


def _noise(n_samples: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(1).normal(0.0, _NOISE_RMS, n_samples)
