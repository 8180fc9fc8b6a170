"""Speech for callers and for the `speak` command: spoken words, recordings, or a stand-in tone.

All results are int16 at 8 kHz.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import trio

from voiced.audio import wav
from voiced.audio.frame import LINE_RATE_HZ
from voiced.audio.resample import Resampler
from voiced.errors import ConfigError, Problem
from voiced.synthesizer.flite import FliteSettings, FliteSynthesizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from voiced.audio.frame import Pcm

_TONE_S_PER_CHARACTER = 0.06
_TONE_HZ = 350.0
_LARGEST_WAV = 100_000_000


async def tone_speaker(text: str) -> Pcm:
    """Return a tone about as long as `text` would be spoken: needs no voice, and is exact."""
    await trio.lowlevel.checkpoint()
    n_samples = round(len(text) * _TONE_S_PER_CHARACTER * LINE_RATE_HZ)
    t = np.arange(n_samples) / LINE_RATE_HZ
    return (4000 * np.sin(2 * np.pi * _TONE_HZ * t)).astype(np.int16)


async def speak_all(texts: Sequence[str], *, voice: str) -> list[Pcm]:
    """Speak each text with flite.

    Raises:
        StartupError: flite or the voice is missing; the text says what to install.
        SynthesizerFailed: a text could not be spoken.
    """
    spoken: list[Pcm] = []
    async with FliteSynthesizer.open(FliteSettings(voice=voice)) as synthesizer:
        for text in texts:
            pieces: list[Pcm] = []

            async def collect(pcm: Pcm, pieces: list[Pcm] = pieces) -> None:
                await trio.lowlevel.checkpoint()
                pieces.append(pcm)

            await synthesizer.synthesize(text, collect)
            pcm = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int16)
            spoken.append(to_line_rate(pcm, synthesizer.rate_hz))
    return spoken


def read_recording(path: Path) -> Pcm:
    """Read a WAV file of any rate; several channels are mixed down.

    Raises:
        ConfigError: no such file, or no WAV file that we can read.
    """
    try:
        if path.stat().st_size > _LARGEST_WAV:
            reason = f"is larger than {_LARGEST_WAV // 1_000_000} MB"
            raise ConfigError([Problem(key="wav", value=str(path), reason=reason)])
        pcm, rate_hz = wav.read_wav(path.read_bytes())
        return to_line_rate(pcm, rate_hz)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([Problem(key="wav", value=str(path), reason=reason)]) from error
    except ValueError as error:
        raise ConfigError([Problem(key="wav", value=str(path), reason=str(error))]) from error


def write_recording(path: Path, *, caller: Pcm, agent: Pcm) -> None:
    """Write a call as a stereo file: left the caller, right the agent."""
    both = np.zeros((max(len(caller), len(agent)), 2), dtype=np.int16)
    both[: len(caller), 0] = caller
    both[: len(agent), 1] = agent
    with path.open("wb") as file:
        wav.write_wav(file, both, LINE_RATE_HZ)


def to_line_rate(pcm: Pcm, rate_hz: int) -> Pcm:
    """Resample a whole utterance to 8 kHz. Raises ValueError for a rate that cannot be."""
    resampler = Resampler(rate_hz, LINE_RATE_HZ)
    return np.concatenate((resampler.process(pcm), resampler.flush()))
