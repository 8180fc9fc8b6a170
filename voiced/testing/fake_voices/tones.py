"""Speech for fakes: a tone for each word, the same for the same word, with known times. Pure.

It is as raw as providers' audio can be: silence in front and behind, and a level of its own.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voiced.audio.g711 import encode_ulaw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.audio.frame import Pcm

LETTER_S = 0.05
GAP_S = 0.06
"""Silence between words."""

LEAD_S = 0.2
TAIL_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a fake speaks: after `first_s`, a message of `message_s` of audio each `each_s`."""

    first_s: float = 0.15
    message_s: float = 0.1
    each_s: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpokenTones:
    """Audio, int16 at `rate_hz`, and its words with their beginnings and ends in seconds."""

    pcm: Pcm
    rate_hz: int
    words: tuple[tuple[str, float, float], ...]

    def messages(self, message_s: float, *, mulaw: bool) -> Iterator[tuple[float, bytes]]:
        """Give the audio in pieces, each with the second at which it begins."""
        n_samples = round(message_s * self.rate_hz)
        for start in range(0, len(self.pcm), n_samples):
            piece = self.pcm[start : start + n_samples]
            data = encode_ulaw(piece) if mulaw else piece.astype("<i2").tobytes()
            yield start / self.rate_hz, data


def speak_in_tones(text: str, rate_hz: int, level_dbfs: float = -27.0) -> SpokenTones:
    """Return `text` in tones of `level_dbfs` RMS."""
    parts, words, at_s = [np.zeros(round(LEAD_S * rate_hz))], [], LEAD_S
    amplitude = 32768 * 10 ** ((level_dbfs + 3.01) / 20)
    for word in text.split():
        length_s = LETTER_S * len(word)
        frequency = 300 + zlib.crc32(word.encode()) % 900
        phase = np.arange(round(length_s * rate_hz)) * (2 * np.pi * frequency / rate_hz)
        parts += [amplitude * np.sin(phase), np.zeros(round(GAP_S * rate_hz))]
        words.append((word, at_s, at_s + length_s))
        at_s += length_s + GAP_S
    parts.append(np.zeros(round(TAIL_S * rate_hz)))
    pcm = np.concatenate(parts).astype(np.int16)
    return SpokenTones(pcm=pcm, rate_hz=rate_hz, words=tuple(words))
