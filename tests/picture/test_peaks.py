import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.picture import PeakMeter, peaks_of

PCM = np.random.default_rng(5).integers(-32768, 32768, 4321).astype(np.int16)


@given(st.lists(st.integers(0, 600), max_size=20), st.sampled_from([8000, 16000, 22050, 48000]))
def test_blocks_of_any_size_give_the_peaks_of_the_whole(sizes, rate_hz):
    meter = PeakMeter(rate_hz)
    at = 0
    for size in sizes:
        meter.add(PCM[at : at + size])
        at += size
    meter.add(PCM[at:])
    whole, parts = peaks_of(PCM, rate_hz), meter.peaks()
    assert np.array_equal(whole.lows, parts.lows)
    assert np.array_equal(whole.highs, parts.highs)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 24000, 48000])
def test_peaks_are_as_long_as_their_audio(rate_hz):
    peaks = peaks_of(np.zeros(rate_hz * 3, np.int16), rate_hz, starts_at_s=1.0)
    assert peaks.ends_at_s == pytest.approx(4.0, abs=0.006)


def test_every_extreme_is_kept():
    peaks = peaks_of(PCM, 8000)
    assert peaks.highs.max() == PCM.max()
    assert peaks.lows.min() == PCM.min()
    assert peaks.loudest == 32768


def test_of_no_audio_there_are_no_peaks():
    peaks = peaks_of(np.zeros(0, np.int16), 8000)
    assert len(peaks.lows) == 0
    assert peaks.loudest == 0.0
