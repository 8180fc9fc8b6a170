"""Whether a caller has fallen silent, by the level alone."""

import numpy as np
import pytest

from voiced.audio.silence import Silence

RNG = np.random.default_rng(7)


def noise(rms, seconds):
    return (RNG.standard_normal((round(seconds * 50), 160)) * rms).astype(np.int16)


def hear(silence, *sounds):
    for sound in sounds:
        for frame in sound:
            silence.add(frame, 8000)
    return silence.lasts_s


def test_after_a_voice_its_background_is_silence():
    assert hear(Silence(), noise(3000, 2.0), noise(200, 1.5)) == pytest.approx(1.5)


def test_a_voice_that_goes_on_is_none():
    assert hear(Silence(), noise(3000, 2.0), noise(200, 1.5), noise(1500, 0.1)) == 0.0


def test_a_dead_line_is_silence_from_the_beginning():
    assert hear(Silence(), noise(20, 1.0)) == pytest.approx(1.0)


def test_a_bang_does_not_make_a_voice_silent_for_ever():
    silence = Silence()
    assert hear(silence, noise(20_000, 0.1), noise(700, 1.0)) > 0.9
    assert hear(silence, noise(700, 20.0)) < 8.0
