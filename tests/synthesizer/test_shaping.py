"""Audio of remote voices as it comes: trimmed and levelled without waiting for more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio.frame import Pcm
from voiced.audio.g711 import decode_ulaw, encode_ulaw
from voiced.audio.level import rms_dbfs
from voiced.synthesizer.shaping import SpeechShaper, VoiceLevel

RATE = 8000


def tone(level_dbfs, s, rate_hz=RATE):
    phase = np.arange(round(s * rate_hz)) * (2 * np.pi * 440 / rate_hz)
    return (32768 * 10 ** ((level_dbfs + 3.01) / 20) * np.sin(phase)).astype(np.int16)


def silence(s):
    return np.zeros(round(s * RATE), np.int16)


def shape(*pieces, level=None, target=-20.0):
    """Each piece fed, then the end; returns what came out for each and the shaper."""
    shaper = SpeechShaper(RATE, level or VoiceLevel(target))
    return [shaper.feed(piece) for piece in pieces] + [shaper.finish()], shaper


def test_silence_in_front_is_dropped_but_for_40_ms_and_the_first_sound_waits_for_nothing():
    outs, shaper = shape(silence(0.3), np.concatenate((silence(0.1), tone(-20, 0.1))))
    assert len(outs[0]) == 0
    assert len(outs[1]) == 0.14 * RATE
    assert shaper.dropped_s == pytest.approx(0.36)
    assert shaper.given_s == pytest.approx(0.14)


def test_silence_at_the_end_is_dropped_but_for_40_ms():
    outs, _ = shape(tone(-20, 0.2), silence(0.5))
    assert [len(out) / RATE for out in outs] == [0.2, 0, 0.04]


def test_a_pause_in_the_middle_is_given_with_the_speech_that_follows_it():
    outs, shaper = shape(tone(-20, 0.1), silence(0.3), tone(-20, 0.1))
    assert [len(out) / RATE for out in outs] == [0.1, 0, 0.4, 0]
    assert shaper.given_s == pytest.approx(0.5)


def test_a_pause_that_has_no_end_is_given_after_two_seconds():
    outs, _ = shape(tone(-20, 0.1), silence(1.5), silence(1.0))
    assert [len(out) / RATE for out in outs] == [0.1, 0, 2.5, 0]


def test_what_is_silent_throughout_gives_nothing():
    outs, shaper = shape(silence(1.0), silence(0.5))
    assert sum(map(len, outs)) == 0
    assert shaper.given_s == 0


def test_a_voice_at_about_the_right_level_is_left_as_it_is_so_that_mu_law_stays_exact():
    law = encode_ulaw(tone(-21.5, 0.5))
    outs, _ = shape(decode_ulaw(law))
    assert encode_ulaw(np.concatenate(outs)) == law


@pytest.mark.parametrize("level_dbfs", [-34, -26, -12])
def test_a_voice_at_another_level_is_brought_to_the_right_one_from_its_first_sound_on(level_dbfs):
    first, *_ = shape(tone(level_dbfs, 0.1), tone(level_dbfs, 0.4))[0]
    assert rms_dbfs(first) == pytest.approx(-20, abs=1)


def test_the_level_of_a_voice_is_known_to_its_next_sentence():
    level = VoiceLevel(-20.0)
    shape(tone(-30, 2.0), level=level)
    quiet_start = np.concatenate((tone(-40, 0.1), tone(-30, 1.0)))
    outs, _ = shape(quiet_start[:800], quiet_start[800:], level=level)
    assert rms_dbfs(outs[0]) == pytest.approx(-30, abs=1)  # not pumped up to -20
    assert rms_dbfs(outs[1]) == pytest.approx(-20, abs=1)


def test_pauses_do_not_count_for_the_level():
    level = VoiceLevel(-20.0)
    shape(tone(-20, 1.0), silence(1.0), tone(-20, 1.0), level=level)
    assert level.gain_db == 0


def test_no_peak_passes_minus_one_dbfs():
    click = np.concatenate((tone(-40, 0.5), np.full(8, 30000, np.int16), tone(-40, 0.5)))
    outs, _ = shape(click)
    assert np.abs(np.concatenate(outs).astype(int)).max() <= 32768 * 10 ** (-1 / 20) + 1


@given(
    st.lists(st.tuples(st.sampled_from([-90.0, -20.0]), st.integers(1, 2000)), max_size=8),
    st.lists(st.integers(1, 700), min_size=1, max_size=8),
)
def test_however_audio_is_cut_into_pieces_it_comes_out_the_same(parts, sizes):
    whole = np.concatenate([tone(level, n / RATE) for level, n in parts] or [silence(0)])
    pieces: list[Pcm] = []
    start = 0
    while start < len(whole):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(whole[start : start + size])
        start += size
    together, _ = shape(whole)
    apart, _ = shape(*pieces)
    total = np.concatenate(apart)
    if len(whole) <= 2 * RATE:  # longer pauses are given by pieces
        assert len(total) == len(np.concatenate(together))
