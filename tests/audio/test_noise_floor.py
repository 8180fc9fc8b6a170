"""The level of the background, whatever is said over it."""

import numpy as np
import pytest

from voiced.audio.noise_floor import KNOWN_AFTER, N_PARTS, PART_WINDOWS, NoiseFloor

MEMORY = N_PARTS * PART_WINDOWS + PART_WINDOWS


def floor_after(*levels):
    floor = NoiseFloor()
    for level in levels:
        floor.hear(level)
    return floor.rms


def test_it_is_not_known_in_the_first_second():
    assert floor_after(*[100.0] * (KNOWN_AFTER * PART_WINDOWS - 1)) == 0.0
    assert floor_after(*[100.0] * (KNOWN_AFTER * PART_WINDOWS)) == pytest.approx(100.0)


def test_steady_noise_is_found_to_a_decibel():
    windows = np.random.default_rng(1).standard_normal((500, 256)) * 300
    found = floor_after(*np.sqrt(np.mean(windows**2, axis=1)))
    assert 20 * abs(np.log10(found / 300)) < 1.5


def test_speech_with_gaps_does_not_lift_it():
    word = [3000.0] * 12 + [100.0] * 6  # 0.4 s, and a gap of 0.2 s
    assert floor_after(*[100.0] * 60, *word * 20) < 1100  # 9 dB below the words


def test_it_follows_a_quieter_line_at_once_and_a_louder_one_within_its_memory():
    loud, quiet = [1000.0] * 100, [100.0] * 100
    assert floor_after(*loud, *quiet[:15]) < 150
    assert floor_after(*quiet, *loud[: N_PARTS * PART_WINDOWS - PART_WINDOWS]) < 150
    assert floor_after(*quiet, *loud[:MEMORY]) > 900
