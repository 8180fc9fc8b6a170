import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voiced.audio.conceal import Concealer
from voiced.audio.level import rms_dbfs


def voice(hz, rate_hz, seconds, level=1.0):
    """Return a voice-like sound: a fundamental and overtones, peak about 12000."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    harmonics = sum(np.sin(2 * np.pi * hz * n * t + n) / n for n in range(1, 6))
    return np.rint(level * 6000 * harmonics).astype(np.int16)


def steepest(pcm):
    return np.abs(np.diff(pcm.astype(int))).max()


def play(concealer, pcm, lost, size):
    """Pass `pcm` through in frames of `size`, those numbered in `lost` missing."""
    frames = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    return np.concatenate(
        [
            concealer.lost(len(frame)) if n in lost else concealer.good(frame)
            for n, frame in enumerate(frames)
        ]
    )


def test_what_is_not_lost_passes_through_as_the_same_object():
    concealer = Concealer(8000)
    for _ in range(5):
        frame = voice(120, 8000, 0.02)
        assert concealer.good(frame) is frame


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("hz", [80, 117, 180, 250, 330])
def test_a_lost_frame_of_a_steady_voice_is_hardly_missed(rate_hz, hz):
    pcm = voice(hz, rate_hz, 0.4)
    size = rate_hz // 50
    heard = play(Concealer(rate_hz), pcm, {10}, size)
    assert len(heard) == len(pcm)
    # Full level for 10 ms: there the made-up voice is the real one, within the rounding of its
    # period to whole samples.
    begin = slice(10 * size, 10 * size + size // 2)
    error = heard[begin].astype(float) - pcm[begin]
    assert np.sqrt(np.mean(error**2)) < 0.2 * np.sqrt(np.mean(pcm[begin].astype(float) ** 2))
    assert steepest(heard) < 1.5 * steepest(pcm)


@pytest.mark.parametrize("n_lost", [1, 2, 3, 6])
def test_no_click_where_the_voice_goes_away_and_comes_back(n_lost):
    pcm = voice(140, 8000, 0.5)
    heard = play(Concealer(8000), pcm, set(range(7, 7 + n_lost)), 160)
    assert steepest(heard) < 1.5 * steepest(pcm)


def test_only_the_first_5_ms_after_a_loss_are_changed():
    pcm = voice(140, 8000, 0.5)
    heard = play(Concealer(8000), pcm, {7}, 160)
    assert np.array_equal(heard[: 7 * 160], pcm[: 7 * 160])
    assert np.array_equal(heard[8 * 160 + 40 :], pcm[8 * 160 + 40 :])
    assert not np.array_equal(heard[8 * 160 : 8 * 160 + 40], pcm[8 * 160 : 8 * 160 + 40])


def test_a_long_loss_fades_to_silence_in_60_ms():
    concealer = Concealer(8000)
    pcm = voice(140, 8000, 0.2)
    play(concealer, pcm, set(), 160)
    drops = [rms_dbfs(pcm) - rms_dbfs(concealer.lost(80)) for _ in range(6)]
    assert drops[0] < 1.5
    assert 3 < drops[3] < 9
    assert drops[5] > 15
    assert not concealer.lost(160).any()


def test_a_frame_after_silence_fades_in():
    concealer = Concealer(8000)
    for _ in range(10):
        concealer.lost(160)
    loud = np.full(160, 20000, np.int16)
    heard = concealer.good(loud)
    assert steepest(heard) < 1000
    assert heard[0] < 1000
    assert set(heard[40:].tolist()) == {20000}
    assert set(loud.tolist()) == {20000}
    assert concealer.good(loud) is loud


def test_a_loss_before_anything_was_heard_is_silence():
    assert Concealer(8000).lost(160).tolist() == [0] * 160


def test_a_loss_after_a_single_frame_repeats_what_there_is():
    concealer = Concealer(8000)
    frame = voice(140, 8000, 0.02)
    concealer.good(frame)
    heard = concealer.lost(160)
    assert rms_dbfs(heard) > rms_dbfs(frame) - 6
    assert steepest(np.concatenate((frame, heard))) < 2 * steepest(frame)


def test_the_cut_of_the_loss_does_not_matter():
    whole, parts = Concealer(8000), Concealer(8000)
    for concealer in (whole, parts):
        play(concealer, voice(140, 8000, 0.2), set(), 160)
    made = np.concatenate([parts.lost(n) for n in (0, 1, 159, 240, 80)])
    assert np.array_equal(whole.lost(480), made)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 500)), max_size=30))
@example([(False, 0), (True, 160)])
@example([(False, 1), (True, 160), (False, 3), (True, 0), (True, 1)])
def test_whatever_is_lost_the_length_is_kept(pieces):
    concealer = Concealer(8000)
    for lost, n in pieces:
        pcm = concealer.lost(n) if lost else concealer.good(np.full(n, 32767, np.int16))
        assert pcm.dtype == np.int16
        assert len(pcm) == n


def test_a_joint_at_full_scale_clips_and_does_not_wrap():
    # A rising sawtooth whose last sample leaps up: led on from there, the repeat would rise past
    # full scale. A wrap would be a step of about 65535 down.
    pcm = (1200 * (np.arange(1525) % 50) - 30000).astype(np.int16)
    pcm[-1] = 28000
    concealer = Concealer(8000)
    play(concealer, pcm, set(), 160)
    rise = concealer.lost(20)
    assert np.count_nonzero(rise == 32767) > 5
    assert rise.min() > 28000
