import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from voiced.audio.level import FLOOR_DBFS, normalize, rms_dbfs, sounding_part, to_int16

PCM = hnp.arrays(np.int16, st.integers(0, 3000))


def tone(amplitude, seconds=0.5, rate_hz=8000, hz=400):
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.rint(amplitude * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def silence(seconds, rate_hz=8000):
    return np.zeros(round(seconds * rate_hz), np.int16)


def test_a_full_scale_square_has_zero_dbfs_and_a_sine_three_less():
    assert rms_dbfs(np.full(100, -32768, np.int16)) == 0.0
    assert rms_dbfs(tone(32767)) == pytest.approx(-3.01, abs=0.01)
    assert rms_dbfs(tone(3276.7)) == pytest.approx(-23.01, abs=0.01)


def test_silence_and_nothing_lie_on_the_floor():
    assert rms_dbfs(silence(0.02)) == FLOOR_DBFS == -96.0
    assert rms_dbfs(silence(0)) == -96.0


@given(PCM)
def test_every_level_is_between_the_floor_and_full_scale(pcm):
    assert -96.0 <= rms_dbfs(pcm) <= 0.0


def test_samples_are_rounded_and_clipped_and_never_wrap():
    samples = np.array([0.4, 0.6, -0.6, 32767.4, 32768.0, 1e9, np.inf, -32768.6, -1e9, -np.inf])
    clipped = [0, 1, -1, 32767, 32767, 32767, 32767, -32768, -32768, -32768]
    assert to_int16(samples).tolist() == clipped
    assert to_int16(samples.astype(np.float32)).tolist() == clipped
    assert to_int16(samples).dtype == np.int16


def test_normalized_speech_has_the_level_asked_for_whatever_its_pauses():
    word = tone(1000)
    assert rms_dbfs(normalize(word, -20.0)) == pytest.approx(-20.0, abs=0.01)
    spoken = normalize(np.concatenate((silence(2), word, silence(3), word, silence(1))), -20.0)
    assert len(spoken) == 7 * 8000
    for begin in (16000, 44000):  # blocks at the edges of a word are part silence: up to 0.5 dB
        assert rms_dbfs(spoken[begin : begin + len(word)]) == pytest.approx(-20.0, abs=0.5)


def test_loud_speech_is_made_quieter():
    assert rms_dbfs(normalize(tone(30000), -20.0)) == pytest.approx(-20.0, abs=0.01)


def test_a_peak_holds_the_level_back_so_that_nothing_clips():
    click = tone(300)
    click[2000] = 20000
    spoken = normalize(click, -10.0)
    assert spoken.max() == round(32768 * 10 ** (-1 / 20))
    assert spoken.max() == spoken[2000]
    assert normalize(click, -10.0, peak_dbfs=-6.0).max() == round(32768 * 10 ** (-6 / 20))


@given(PCM, st.floats(-60, 0), st.floats(-40, -0.1))
def test_no_peak_passes_its_limit(pcm, target, peak):
    spoken = normalize(pcm, target, peak)
    limit = 32768 * 10 ** (peak / 20) + 0.5
    assert np.abs(spoken.astype(int)).max(initial=0) <= limit
    assert spoken.dtype == np.int16


def test_silence_stays_silence():
    assert normalize(silence(0.1), -20.0).tolist() == [0] * 800
    assert len(normalize(silence(0), -20.0)) == 0


def trimmed(pcm):
    return pcm[sounding_part(pcm, 8000, -50.0, 0.050)]


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050])
def test_silence_is_trimmed_down_to_what_is_to_be_kept(rate_hz):
    word = tone(3000, 0.5, rate_hz)
    pcm = np.concatenate((silence(1, rate_hz), word, silence(2, rate_hz)))
    kept = pcm[sounding_part(pcm, rate_hz, -50.0, 0.050)]
    assert len(kept) / rate_hz == pytest.approx(0.6, abs=0.006)
    assert np.array_equal(kept[kept != 0], word[word != 0])


def test_less_silence_than_may_be_kept_stays_as_it_is():
    pcm = np.concatenate((silence(0.02), tone(3000), silence(0.03)))
    assert np.array_equal(trimmed(pcm), pcm)


def test_a_pause_within_speech_is_not_cut():
    pcm = np.concatenate((tone(3000, 0.1), silence(1), tone(3000, 0.1)))
    assert len(pcm[sounding_part(pcm, 8000, -50.0, 0.0)]) == len(pcm)


def test_what_is_silent_throughout_leaves_nothing():
    assert len(trimmed(silence(1))) == 0
    assert len(trimmed(tone(20))) == 0
    assert len(trimmed(silence(0))) == 0


@given(PCM, st.sampled_from([8000, 16000, 22050]), st.floats(0, 0.1))
def test_trimming_keeps_every_loud_sample_in_a_part_of_the_original(pcm, rate_hz, keep_s):
    kept = pcm[sounding_part(pcm, rate_hz, -40.0, keep_s)]
    assert len(kept) == 0 or np.shares_memory(kept, pcm)
    # A sample this loud makes its block of 5 ms loud: 327 * sqrt(block) is below it.
    assert np.count_nonzero(np.abs(kept.astype(int)) > 3500) == np.count_nonzero(
        np.abs(pcm.astype(int)) > 3500
    )
