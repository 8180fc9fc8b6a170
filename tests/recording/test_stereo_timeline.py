"""Where audio lies on the common time axis: gaps, bursts, loss, clear, and no drift."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.recording.stereo_timeline import HINDSIGHT_S, SETTLE_S, StereoTimeline

BEGINS_AT = 1000.0
FRAME = 160


def audio(value, n_samples=FRAME):
    return np.full(n_samples, value, np.int16)


def place(arrivals, until_s):
    """Return the left side after frames 1, 2, ... have arrived at these seconds of the axis."""
    timeline = StereoTimeline(BEGINS_AT)
    taken = []
    for number, at_s in enumerate(arrivals, start=1):
        timeline.caller(audio(number), BEGINS_AT + at_s)
        if number % 50 == 0:
            taken.append(timeline.take(BEGINS_AT + at_s - SETTLE_S))
    taken.append(timeline.take(BEGINS_AT + until_s))
    return np.concatenate(taken)[:, 0]


def starts(track):
    """Return the second at which each number begins, and how many samples it has."""
    values, first, counts = np.unique(track, return_index=True, return_counts=True)
    return {
        int(value): (int(index) / 8000, int(count))
        for value, index, count in zip(values, first, counts, strict=True)
        if value
    }


def steady(n_frames, from_s=0.0):
    return [from_s + n * 0.02 for n in range(n_frames)]


def test_nothing_at_all_is_silence_of_the_true_length():
    both = StereoTimeline(BEGINS_AT).take(BEGINS_AT + 2.5)
    assert both.shape == (20_000, 2)
    assert both.dtype == np.dtype("<i2")
    assert not both.any()


def test_the_sides_do_not_mix():
    timeline = StereoTimeline(BEGINS_AT)
    timeline.caller(audio(1), BEGINS_AT)
    timeline.agent(audio(2), BEGINS_AT + 0.01)
    both = timeline.take(BEGINS_AT + 0.04)
    assert both[:, 0].tolist() == [1] * 160 + [0] * 160
    assert both[:, 1].tolist() == [0] * 80 + [2] * 160 + [0] * 80


def test_the_first_frame_lies_where_it_arrived():
    assert starts(place(steady(3, from_s=0.06), 1.0))[1] == (0.06, 160)


@pytest.mark.parametrize("jitter_s", [0.001, 0.02, 0.09])
def test_jitter_of_the_arrivals_is_not_in_the_audio(jitter_s):
    arrivals = [at + jitter_s * (n % 3 == 1) for n, at in enumerate(steady(50))]
    assert place(arrivals, 1.0).tolist() == np.repeat(np.arange(1, 51), FRAME).tolist()


def test_a_pause_of_the_stream_keeps_its_length():
    found = starts(place(steady(10) + steady(10, from_s=0.7), 2.0))
    assert found[10] == (0.18, 160)
    assert found[11] == (0.7, 160)
    assert found[20] == (0.88, 160)


def test_a_pause_is_not_shortened_by_the_jitter_of_the_frame_that_ends_it():
    after = [0.79, *steady(30, from_s=0.72)]
    assert starts(place(steady(10) + after, 2.0))[11] == (0.7, 160)


@pytest.mark.parametrize("stall_s", [0.3, 1.5, 3.0])
def test_a_burst_after_a_stall_leaves_no_gap(stall_s):
    n = round(stall_s * 50)
    arrivals = steady(10) + [0.2 + stall_s] * n + steady(60, from_s=0.2 + stall_s)
    track = place(arrivals, 6.0)
    assert track[: len(arrivals) * FRAME].tolist() == (
        np.repeat(np.arange(1, len(arrivals) + 1), FRAME).tolist()
    )


def test_a_burst_with_loss_leaves_a_gap_of_what_was_lost():
    # 1 s of stall, of which the first 0.5 s were lost: 25 frames come at once, then steadily.
    arrivals = steady(10) + [1.2] * 25 + steady(60, from_s=1.2)
    assert starts(place(arrivals, 4.0))[11] == (0.7, 160)


def test_what_was_buffered_before_the_axis_began_is_left_out():
    found = starts(place([0.0] * 10 + steady(50), 2.0))
    assert min(found) == 11
    assert found[11] == (0.0, 160)


def test_small_losses_add_up_to_one_gap_and_never_to_a_drift():
    arrivals, at = [], 0.0
    for n in range(500):
        at += 0.04 if n % 50 == 49 else 0.02  # a chunk that is missing each second
        arrivals.append(at)
    found = starts(place(arrivals, 12.0))
    assert max(abs(found[n + 1][0] - at) for n, at in enumerate(arrivals)) <= 0.1001


@pytest.mark.parametrize("clock", [0.999, 1.001])
def test_a_sender_whose_clock_is_wrong_never_gets_more_than_the_tolerance_away(clock):
    arrivals = [at * clock for at in steady(15_000)]
    found = starts(place(arrivals, 310.0))
    late = [at - found[n + 1][0] for n, at in enumerate(arrivals) if n + 1 in found]
    assert max(map(abs, late)) <= 0.1201
    assert len(late) > 14_950


def test_an_hour_with_jitter_has_exactly_an_hour():
    timeline = StereoTimeline(0.25)
    pcm = audio(7)
    total = 0
    loud = 0
    for n in range(180_000):
        timeline.caller(pcm, 0.25 + n * 0.02 + (n % 7) * 0.001)
        if n % 50 == 49:
            taken = timeline.take(0.25 + n * 0.02 - SETTLE_S)
            total += len(taken)
            loud += int(np.count_nonzero(taken))
    taken = timeline.take(0.25 + 3600)
    assert total + len(taken) == 3600 * 8000
    assert loud + np.count_nonzero(taken) == 3600 * 8000


def test_a_sender_far_faster_than_real_time_cannot_fill_the_memory():
    timeline = StereoTimeline(0.0)
    for _ in range(10_000):
        timeline.caller(audio(1), 0.0)
    assert timeline._n_waiting <= 31 * 8000
    assert np.count_nonzero(timeline.take(60.0)) < 31 * 8000


# -- the agent's side ------------------------------------------------------------------------------


def test_clear_cuts_at_the_sample():
    timeline = StereoTimeline(BEGINS_AT)
    timeline.agent(audio(1, 800), BEGINS_AT + 0.1)
    timeline.agent(audio(2, 800), BEGINS_AT + 0.2)
    timeline.cleared(BEGINS_AT + 0.15025)
    right = timeline.take(BEGINS_AT + 0.5)[:, 1]
    assert np.flatnonzero(right).tolist() == list(range(800, 1202))
    assert not (right == 2).any()


def test_after_a_clear_new_audio_follows_where_it_is_played():
    timeline = StereoTimeline(BEGINS_AT)
    timeline.agent(audio(1, 8000), BEGINS_AT)
    timeline.cleared(BEGINS_AT + 0.3)
    timeline.agent(audio(2, 160), BEGINS_AT + 0.4)
    assert starts(timeline.take(BEGINS_AT + 2)[:, 1]) == {1: (0.0, 2400), 2: (0.4, 160)}


def test_a_clear_with_nothing_ahead_changes_nothing():
    timeline = StereoTimeline(BEGINS_AT)
    timeline.agent(audio(1), BEGINS_AT)
    timeline.cleared(BEGINS_AT + 1)
    assert starts(timeline.take(BEGINS_AT + 2)[:, 1]) == {1: (0.0, 160)}


def test_messages_one_behind_the_other_join_without_a_hole_whatever_the_rounding():
    begins_at, at = 0.1 + 1 / 16_000, 12.3456789
    timeline = StereoTimeline(begins_at)
    for _ in range(500):
        timeline.agent(audio(1, 160), at)
        at += 0.02
    right = timeline.take(at + 1)[:, 1]
    loud = np.flatnonzero(right)
    assert len(loud) == loud[-1] - loud[0] + 1 == 500 * 160


def test_what_would_be_played_after_the_end_is_not_in_the_file():
    timeline = StereoTimeline(BEGINS_AT)
    timeline.agent(audio(1, 8000), BEGINS_AT + 0.5)
    both = timeline.take(BEGINS_AT + 1.0)
    assert len(both) == 8000
    assert np.count_nonzero(both[:, 1]) == 4000


def test_what_belongs_before_what_was_taken_is_left_out():
    timeline = StereoTimeline(BEGINS_AT)
    timeline.take(BEGINS_AT + 1.0)
    timeline.caller(audio(1, 1600), BEGINS_AT + 0.9)
    assert np.count_nonzero(timeline.take(BEGINS_AT + 6.0)) == 800


# -- any interleaving ------------------------------------------------------------------------------

JITTER = st.floats(0, 0.05)
STALL = st.one_of(st.just(0.0), st.just(0.0), st.floats(0, SETTLE_S - HINDSIGHT_S - 0.3))


@st.composite
def calls(draw):
    """A call as timed steps: ("caller", at, pcm), ("agent", at, pcm, starts_at), ("cleared", at).

    Frames are late, bunched or missing; the agent sends ahead and is cut.
    """
    steps: list[tuple[Any, ...]] = []
    at = arrived = 0.0
    for number in range(draw(st.integers(0, 60))):
        at += 0.02 * draw(st.sampled_from([1, 1, 1, 1, 1, 2, 20]))
        arrived = max(arrived, at + draw(JITTER) + draw(STALL))
        steps.append((arrived, "caller", audio(number % 1000 + 1)))
    now = ends_at = 0.0
    for number in range(draw(st.integers(0, 20))):
        now += draw(st.floats(0, 0.5))
        if draw(st.booleans()):
            ends_at = max(ends_at, now)
            n_frames = draw(st.integers(1, 10))
            steps.append((now, "agent", audio(number + 1, n_frames * FRAME), ends_at))
            ends_at += n_frames * 0.02
        else:
            steps.append((now, "cleared"))
            ends_at = min(ends_at, now)
    steps.sort(key=lambda step: step[0])
    return steps


def apply(timeline, step):
    match step:
        case (at, "caller", pcm):
            timeline.caller(pcm, at)
        case (_, "agent", pcm, starts_at):
            timeline.agent(pcm, starts_at)
        case _:
            timeline.cleared(step[0])


@given(calls(), st.lists(st.floats(0, 3), max_size=20))
def test_the_file_does_not_depend_on_when_audio_is_taken(steps, pauses):
    end = max((step[0] for step in steps), default=0.0) + 0.1
    at_once, piecewise = StereoTimeline(0.0), StereoTimeline(0.0)
    for step in steps:
        apply(at_once, step)
    looks = iter(np.cumsum(pauses).tolist())
    look = next(looks, float("inf"))
    pieces = []
    for step in steps:
        while look <= step[0]:
            pieces.append(piecewise.take(look - SETTLE_S))
            look = next(looks, float("inf"))
        apply(piecewise, step)
    pieces.append(piecewise.take(end))
    whole = at_once.take(end)
    assert len(whole) == round(end * 8000)
    assert np.array_equal(np.concatenate(pieces), whole)


@given(calls())
def test_the_two_sides_may_come_in_any_order(steps):
    end = max((step[0] for step in steps), default=0.0) + 0.1
    in_time, one_by_one = StereoTimeline(0.0), StereoTimeline(0.0)
    for step in steps:
        apply(in_time, step)
    for step in sorted(steps, key=lambda step: step[1] == "caller"):
        apply(one_by_one, step)
    assert np.array_equal(in_time.take(end), one_by_one.take(end))


@given(calls())
def test_the_right_side_is_what_a_buffer_of_single_samples_would_have_played(steps):
    end = max((step[0] for step in steps), default=0.0) + 0.1
    timeline = StereoTimeline(0.0)
    played = np.zeros(round(end * 8000) + 50_000, np.int16)
    for step in steps:
        apply(timeline, step)
        match step:
            case (_, "agent", pcm, starts_at):
                first = round(starts_at * 8000)
                played[first : first + len(pcm)] = pcm
            case (at, "cleared"):
                played[round(at * 8000) :] = 0
            case _:
                pass
    right = timeline.take(end)[:, 1]
    different = np.flatnonzero(right != played[: len(right)])
    assert len(different) <= 2 * len(steps)  # a rounded sample at a joint


# Sides of different rates.


@pytest.mark.parametrize(("caller_hz", "agent_hz"), [(16000, 8000), (8000, 16000), (22050, 8000)])
def test_the_axis_has_the_higher_rate_and_both_sides_lie_in_time(caller_hz, agent_hz):
    timeline = StereoTimeline(0.0, caller_hz=caller_hz, agent_hz=agent_hz)
    assert timeline.rate_hz == max(caller_hz, agent_hz)
    for n in range(25):
        timeline.caller(audio(1000, caller_hz // 50), n / 50)
        if n >= 10:
            timeline.agent(audio(1000, agent_hz // 50), n / 50)
    both = timeline.take(1.0)
    assert len(both) == timeline.rate_hz
    half = np.abs(both) >= 500
    begins_s = np.argmax(half, axis=0) / timeline.rate_hz
    lasts_s = half.sum(axis=0) / timeline.rate_hz
    assert begins_s == pytest.approx([0.0, 0.2], abs=0.004)  # the resampler's delay
    assert lasts_s == pytest.approx([0.5, 0.3], abs=0.004)


def test_what_a_resampler_still_holds_ends_its_utterance_and_not_the_next():
    timeline = StereoTimeline(0.0, caller_hz=16000)
    timeline.agent(audio(1000), 0.0)
    timeline.agent(audio(-1000), 0.5)
    right = timeline.take(1.0)[:, 1]
    assert right[320:400].max() > 500  # its last 3 ms
    assert right[8000:].max() < 300


def test_what_a_resampler_still_holds_is_cleared_too():
    timeline = StereoTimeline(0.0, caller_hz=16000)
    timeline.agent(audio(1000), 0.0)
    timeline.cleared(0.01)
    timeline.agent(audio(-1000), 0.01)
    right = timeline.take(1.0)[:, 1]
    assert right[160:].max() < 300


def test_what_is_said_while_it_is_muted_is_silence_on_both_sides_however_it_is_taken():
    timeline = StereoTimeline(BEGINS_AT)
    taken = []
    for n in range(500):
        at = BEGINS_AT + n * 0.02
        if n == 100:
            timeline.mute(at)
        if n == 200:
            timeline.unmute(at)
        timeline.caller(audio(7), at)
        timeline.agent(audio(9), at)
        if n % 30 == 0:
            taken.append(timeline.take(at - SETTLE_S))
    taken.append(timeline.take(BEGINS_AT + 10))
    both = np.concatenate(taken)
    assert len(both) == 80_000
    assert not both[2 * 8000 : 4 * 8000].any()
    assert both[: round(1.8 * 8000)].all()
    assert both[round(4.2 * 8000) :].all()


def test_a_mute_that_nobody_takes_back_lasts_to_the_end():
    timeline = StereoTimeline(BEGINS_AT)
    for n in range(100):
        timeline.caller(audio(7), BEGINS_AT + n * 0.02)
    timeline.mute(BEGINS_AT + 1)
    both = timeline.take(BEGINS_AT + 2)
    assert both[:6000, 0].all()
    assert not both[8000:].any()
