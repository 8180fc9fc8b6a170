"""The resampler: its filter by its response, its stream against scipy's convolution, and tones."""

import itertools

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio.resample import _TAP_STEPS, Resampler, _plan

RATES = [8000, 16000, 22050, 24000, 44100, 48000]
PAIRS = [(a, b) for a, b in itertools.product(RATES, RATES) if a != b]
TELEPHONE = [(8000, 16000), (16000, 8000), (24000, 8000), (22050, 8000)]


def resample(pcm, from_hz, to_hz):
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate((resampler.process(pcm), resampler.flush()))


def noise(n, peak=32767, seed=1):
    return np.random.default_rng(seed).integers(-peak, peak + 1, n).astype(np.int16)


def tone(hz, rate_hz, seconds=0.25, amplitude=16000):
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.rint(amplitude * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def prototype(from_hz, to_hz):
    """Return the whole filter in time order, at the rate up * from_hz, and that rate.

    Phase p holds, newest input first, every up-th tap from p on.
    """
    plan = _plan(from_hz, to_hz)
    taps = np.zeros((plan.history + 1) * plan.up)
    for phase in range(plan.up):
        taps[phase :: plan.up] = plan.taps[phase, ::-1]
    return taps, from_hz * plan.up


def response_db(from_hz, to_hz, *, begin, end):
    """Return the response of the filter between two frequencies, every 5 Hz or so."""
    taps, rate_hz = prototype(from_hz, to_hz)
    hz = np.linspace(begin, min(end, rate_hz / 2), 1000)
    _, response = scipy.signal.freqz(taps, worN=hz, fs=rate_hz)
    return 20 * np.log10(np.abs(response) / (rate_hz / from_hz) + 1e-9)


def amplitude_and_rest(pcm, hz, rate_hz):
    """Return the amplitude of the tone at `hz` and the RMS of all else, without the ends."""
    middle = pcm[rate_hz // 50 : -rate_hz // 50].astype(float)
    angle = 2 * np.pi * hz * np.arange(len(middle)) / rate_hz
    basis = np.column_stack((np.sin(angle), np.cos(angle)))
    weights, *_ = np.linalg.lstsq(basis, middle, rcond=None)
    return np.hypot(*weights), np.sqrt(np.mean((middle - basis @ weights) ** 2))


@pytest.mark.parametrize(("from_hz", "to_hz"), TELEPHONE)
def test_passband_is_flat_to_3400_hz(from_hz, to_hz):
    gain = response_db(from_hz, to_hz, begin=0, end=3400)
    assert gain.max() < 0.01
    assert gain.min() > -0.25


@pytest.mark.parametrize(("from_hz", "to_hz"), TELEPHONE)
def test_stopband_begins_at_4000_hz_and_is_64_db_down(from_hz, to_hz):
    for begin, end in ((4000, 12000), (12000, 100_000), (100_000, 2_000_000)):
        if begin < max(from_hz, to_hz) / 2:
            assert response_db(from_hz, to_hz, begin=begin, end=end).max() < -64


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_every_ratio_keeps_the_lower_band_and_stops_above_it(from_hz, to_hz):
    lower = min(from_hz, to_hz)
    assert np.abs(response_db(from_hz, to_hz, begin=0, end=0.425 * lower)).max() < 0.25
    assert response_db(from_hz, to_hz, begin=0.5 * lower, end=3 * lower).max() < -64


@pytest.mark.parametrize(("from_hz", "to_hz"), TELEPHONE)
def test_tones_of_speech_come_through_alone_and_at_their_level(from_hz, to_hz):
    for hz in np.linspace(150, 3400, 14):
        amplitude, rest = amplitude_and_rest(resample(tone(hz, from_hz), from_hz, to_hz), hz, to_hz)
        assert abs(20 * np.log10(amplitude / 16000)) < 0.5
        assert rest * np.sqrt(2) / amplitude < 1e-3  # images and aliases: 60 dB


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in TELEPHONE if pair[1] == 8000])
def test_tones_that_the_lower_rate_cannot_carry_vanish(from_hz, to_hz):
    for hz in np.linspace(4000, from_hz / 2 - 50, 12):
        out = resample(tone(hz, from_hz), from_hz, to_hz)[160:-160]
        assert np.sqrt(np.mean(out.astype(float) ** 2)) < 16000 / np.sqrt(2) / 1000


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_delay_is_below_3_ms_and_is_what_it_says(from_hz, to_hz):
    delay_s = Resampler(from_hz, to_hz).delay_s
    assert delay_s < 0.003
    # The centre of what it makes of an impulse; sampled, it is off by a little more than rounding.
    n = from_hz // 100
    impulse = np.zeros(2 * n, np.int16)
    impulse[n] = 32767
    out = resample(impulse, from_hz, to_hz).astype(float)
    centre_s = np.dot(out, np.arange(len(out))) / out.sum() / to_hz
    assert centre_s == pytest.approx(n / from_hz + delay_s, abs=5e-6)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_sums_are_exact_in_float64(from_hz, to_hz):
    taps = _plan(from_hz, to_hz).taps
    assert np.array_equal(taps * _TAP_STEPS, np.rint(taps * _TAP_STEPS))
    # The bound of every partial sum, in units of 2**-32, has to fit in float64's 53 bits.
    assert np.abs(taps).sum(axis=1).max() < 4
    assert 32768 * 4 * _TAP_STEPS < 2**53
    assert set(taps.sum(axis=1)) == {1.0}


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_output_is_the_convolution_written_out(from_hz, to_hz):
    plan = _plan(from_hz, to_hz)
    taps, _ = prototype(from_hz, to_hz)
    pcm = noise(2000)
    tail = np.zeros(plan.history)
    sums = scipy.signal.upfirdn(taps, np.concatenate((pcm, tail)), plan.up, plan.down)
    expected = np.clip(np.rint(sums), -32768, 32767).astype(np.int16)
    out = resample(pcm, from_hz, to_hz)
    assert len(out) == -(-(2000 + plan.history) * plan.up // plan.down)
    assert np.array_equal(out, expected[: len(out)])


@given(
    st.sampled_from(PAIRS),
    st.lists(st.integers(0, 700), max_size=12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3000, 32767]),
)
def test_the_same_bits_come_out_whatever_the_block_sizes(pair, sizes, seed, peak):
    pcm = noise(sum(sizes), peak, seed)
    resampler = Resampler(*pair)
    ends = list(itertools.accumulate(sizes, initial=0))
    pieces = [resampler.process(pcm[a:b]) for a, b in itertools.pairwise(ends)]
    pieces.append(resampler.flush())
    assert np.array_equal(np.concatenate(pieces), resample(pcm, *pair) if sizes else pieces[0])


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_long_block_gives_the_same_as_its_frames(from_hz, to_hz):
    pcm = noise(from_hz * 3 // 2 + 17)
    resampler = Resampler(from_hz, to_hz)
    size = from_hz // 50
    frames = [resampler.process(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    assert np.array_equal(
        np.concatenate([*frames, resampler.flush()]), resample(pcm, from_hz, to_hz)
    )


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_20_ms_frames_give_20_ms_frames(from_hz, to_hz):
    resampler = Resampler(from_hz, to_hz)
    frame = noise(from_hz // 50)
    assert [len(resampler.process(frame)) for _ in range(50)] == [to_hz // 50] * 50


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_output_comes_as_soon_as_its_input(from_hz, to_hz):
    resampler = Resampler(from_hz, to_hz)
    total = 0
    for n in range(1, 500):
        total += len(resampler.process(np.ones(1, np.int16)))
        assert total == -(-n * to_hz // from_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), TELEPHONE)
def test_overload_clips_and_never_wraps(from_hz, to_hz):
    half = from_hz // 400
    square = np.tile(np.repeat(np.array([32767, -32768], np.int16), half), 40)
    out = resample(square, from_hz, to_hz)
    assert {out.max(), out.min()} == {32767, -32768}
    # The same square at a tenth does not overload, so it tells what sign each sample must have.
    quiet = resample(np.rint(square / 10).astype(np.int16), from_hz, to_hz).astype(int)
    loud = np.abs(quiet) > 1000
    assert np.array_equal(np.sign(out[loud].astype(int)), np.sign(quiet[loud]))
    assert np.abs(out - np.clip(quiet * 10, -32768, 32767)).max() < 20


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
@pytest.mark.parametrize("value", [32767, -32768, 1, -1, 0])
def test_a_constant_goes_through_unchanged(from_hz, to_hz, value):
    out = Resampler(from_hz, to_hz).process(np.full(from_hz // 50, value, np.int16))
    settled = out[to_hz * 6 // 1000 :]
    assert set(settled.tolist()) == {value}


@pytest.mark.parametrize("rate_hz", RATES)
def test_equal_rates_pass_audio_through_untouched(rate_hz):
    resampler = Resampler(rate_hz, rate_hz)
    pcm = noise(160)
    assert resampler.process(pcm) is pcm
    assert len(resampler.flush()) == 0
    assert resampler.delay_s == 0.0


def test_after_a_flush_the_stream_starts_anew():
    resampler = Resampler(22050, 8000)
    assert len(resampler.flush()) == 0
    first = [resampler.process(noise(333)), resampler.flush()]
    assert len(resampler.flush()) == 0
    second = [resampler.process(noise(333)), resampler.flush()]
    assert np.array_equal(np.concatenate(first), np.concatenate(second))


def test_streams_do_not_share_their_state():
    one, other = Resampler(8000, 16000), Resampler(8000, 16000)
    one.process(noise(160))
    assert not other.process(np.zeros(160, np.int16)).any()


def test_output_is_not_overwritten_by_what_follows():
    resampler = Resampler(24000, 8000)
    first = resampler.process(noise(480))
    kept = first.copy()
    resampler.process(noise(480, seed=2))
    assert np.array_equal(first, kept)


def test_read_only_and_strided_input_is_taken():
    pcm = noise(640)
    pcm.flags.writeable = False
    assert np.array_equal(resample(pcm[::2], 16000, 8000), resample(pcm[::2].copy(), 16000, 8000))


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "reason"),
    [
        (0, 8000, "sample rate 0 Hz"),
        (8000, 4000, "sample rate 4000 Hz .* 8000 to 192000"),
        (-8000, 8000, "sample rate -8000 Hz"),
        (8000, 384000, "sample rate 384000 Hz"),
        (44100, 8001, "44100 Hz to 8001 Hz is too odd a ratio"),
    ],
)
def test_rates_that_cannot_be_resampled_are_refused(from_hz, to_hz, reason):
    with pytest.raises(ValueError, match=reason):
        Resampler(from_hz, to_hz)


@pytest.mark.parametrize("from_hz", [11025, 12000, 32000, 88200, 96000, 192000])
def test_other_usual_rates_work_too(from_hz):
    amplitude, rest = amplitude_and_rest(resample(tone(1000, from_hz), from_hz, 8000), 1000, 8000)
    assert amplitude == pytest.approx(16000, rel=0.01)
    assert rest < 1
