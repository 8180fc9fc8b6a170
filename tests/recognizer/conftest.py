"""A caller's voice for the recognizer's tests: synthesized (kal16 is the same to the last bit)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from voiced.audio.frame import Frame, Pcm
from voiced.audio.g711 import decode_ulaw, encode_ulaw
from voiced.audio.level import normalize
from voiced.audio.resample import Resampler
from voiced.recognizer.base import Vocabulary
from voiced.recognizer.silero import SileroNetwork
from voiced.synthesizer.libflite import RATE_HZ, Voice

Say = Callable[[str], Pcm]
Frames = Callable[..., list[Frame]]

SENTENCES = (
    "hello", "i would like to book an appointment please", "i need to see the doctor",
    "can i speak to a person", "on monday", "on tuesday please", "on friday morning",
    "tomorrow afternoon", "at half past three", "at nine in the morning", "my name is john smith",
    "yes", "yes please", "yes that is correct", "no", "no thank you", "no that is wrong",
    "that is all thank you", "can you repeat that please", "thank you very much goodbye",
)  # fmt: skip


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary(SENTENCES)


@pytest.fixture(scope="session")
def network() -> SileroNetwork:
    return SileroNetwork()


@pytest.fixture(scope="session")
def say() -> Say:
    """A text as the telephone brings it: 8 kHz, through mu-law, -20 dBFS in speech."""
    voice = Voice("kal16")

    @cache
    def speak(text: str) -> Pcm:
        narrow = Resampler(RATE_HZ, 8000).process(voice.speak(text))
        return decode_ulaw(encode_ulaw(normalize(narrow, -20.0)))

    return speak


@pytest.fixture(scope="session")
def frames() -> Frames:
    """20 ms frames of several pieces of 8 kHz audio, one after the other; a number is silence."""

    def cut(*pieces: Pcm | float, start: float = 0.0) -> list[Frame]:
        parts = [
            np.zeros(round(piece * 8000), np.int16) if isinstance(piece, (int, float)) else piece
            for piece in pieces
        ]
        pcm = np.concatenate(parts)
        return [
            Frame(pcm=pcm[at : at + 160], at=start + (at + 160) / 8000)
            for at in range(0, len(pcm) - 159, 160)
        ]

    return cut
