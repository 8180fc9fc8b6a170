"""The pacer's arithmetic: bounded lead, no drift, underruns seen, heard audio known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.media.pacing import Pacer


def drain(pacer, frames, now, *, jitter=()):
    """Send `frames` as a perfect or jittery sender would; return (time, frames) of each message."""
    sent = []
    lateness = iter(jitter)
    while frames:
        now = max(now, pacer.due_at(frames)) + next(lateness, 0.0)
        n = pacer.message_frames(frames)
        frames -= n
        pacer.sent(n, now, more_waits=frames > 0)
        sent.append((now, n))
    return sent


def test_nothing_is_due_when_nothing_waits():
    assert Pacer(lead_s=0.4, message_frames=5).due_at(0) == math.inf


def test_the_lead_fills_at_once_and_then_a_message_goes_each_message_time():
    sent = drain(Pacer(lead_s=0.4, message_frames=5), 50, 10.0)
    assert [n for _, n in sent] == [5] * 10
    assert [t for t, _ in sent] == pytest.approx([10.0] * 4 + [10.1, 10.2, 10.3, 10.4, 10.5, 10.6])


def test_a_single_frame_goes_at_once_when_the_buffer_is_dry():
    pacer = Pacer(lead_s=0.4, message_frames=5)
    assert pacer.due_at(1) == -math.inf
    pacer.sent(1, 3.0, more_waits=False)
    assert pacer.due_at(1) < 3.0


def test_an_hour_of_late_wakeups_does_not_drift():
    pacer = Pacer(lead_s=0.4, message_frames=5)
    jitter = [0.013 if i % 7 == 0 else 0.004 for i in range(36_000)]
    last, _ = drain(pacer, 180_000, 0.0, jitter=jitter)[-1]
    assert last == pytest.approx(3600 - 0.4, abs=0.03)  # the lateness of one moment, not its sum
    assert pacer.statistics().underruns == 0


@given(
    lead_frames=st.integers(3, 50),
    message_frames=st.integers(1, 10),
    jitter=st.lists(st.floats(0, 0.3), max_size=40),
)
def test_the_lead_never_exceeds_its_bound(lead_frames, message_frames, jitter):
    message_frames = min(message_frames, lead_frames)
    pacer = Pacer(lead_s=lead_frames * 0.02, message_frames=message_frames)
    drain(pacer, 200, 0.0, jitter=jitter)
    assert pacer.statistics().max_lead_s <= lead_frames * 0.02 + 1e-9


def test_a_wakeup_later_than_the_lead_is_an_underrun_with_its_gap():
    pacer = Pacer(lead_s=0.1, message_frames=5)
    pacer.sent(5, 0.0, more_waits=True)
    pacer.sent(5, 0.25, more_waits=False)
    assert pacer.statistics().underruns == 1
    assert pacer.statistics().gap_s == pytest.approx(0.15)


def test_how_late_a_message_went_out_is_known():
    pacer = Pacer(lead_s=0.4, message_frames=5)
    drain(pacer, 50, 10.0)
    assert pacer.statistics().worst_late_s == pytest.approx(0.0, abs=1e-9)
    drain(pacer, 50, 20.0, jitter=[0.0] * 5 + [0.03, 0.0, 0.01])
    assert pacer.statistics().worst_late_s == pytest.approx(0.03)
    pacer.sent(5, 30.0, more_waits=False)  # nothing had waited for it
    assert pacer.statistics().worst_late_s == pytest.approx(0.03)


def test_silence_between_two_utterances_is_no_underrun():
    pacer = Pacer(lead_s=0.1, message_frames=5)
    pacer.sent(5, 0.0, more_waits=False)
    pacer.sent(5, 5.0, more_waits=False)
    assert pacer.statistics().underruns == 0


def test_played_audio_follows_the_clock_and_stops_at_what_was_sent():
    pacer = Pacer(lead_s=1.0, message_frames=50)
    pacer.sent(50, 10.0, more_waits=False)
    assert pacer.played_s(10.0) == pytest.approx(0.0)
    assert pacer.played_s(10.3) == pytest.approx(0.3)
    assert pacer.played_s(99.0) == pytest.approx(1.0)


def test_clear_forgets_what_was_not_played_and_the_next_message_goes_at_once():
    pacer = Pacer(lead_s=1.0, message_frames=50)
    pacer.sent(50, 10.0, more_waits=True)
    assert pacer.cleared(10.3) == pytest.approx(0.3)
    assert pacer.buffered_s(10.3) == 0.0
    assert pacer.sent_s == pytest.approx(0.3)
    assert pacer.due_at(5) <= 10.3
    pacer.sent(5, 11.0, more_waits=False)
    assert pacer.played_s(12.0) == pytest.approx(0.4)
    assert pacer.statistics().underruns == 0
