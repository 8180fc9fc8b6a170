from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.testing.playback import BURST_GAP_S, Playback

FRAME = b"\x01" * 160


def ticks(playback, n, *, start=0.0):
    """Run `n` ticks of 20 ms; returns what was played and the marks that came back."""
    played, marks = b"", []
    for i in range(n):
        tick = playback.tick(start + i * 0.02)
        played += tick.payload
        marks += [mark.name for mark in tick.marks]
    return played, marks


def test_audio_is_played_in_order_twenty_milliseconds_a_tick():
    playback = Playback()
    playback.play(bytes(range(160)) + FRAME, 0.0)
    assert playback.tick(0.0).payload == bytes(range(160))
    assert playback.tick(0.02).payload == FRAME
    assert playback.tick(0.04).payload == b""


def test_messages_need_not_be_whole_frames():
    playback = Playback()
    for size in (200, 200, 240):
        playback.play(b"\x02" * size, 0.0)
    assert [len(playback.tick(i * 0.02).payload) for i in range(5)] == [160, 160, 160, 160, 0]


def test_mark_with_nothing_queued_comes_back_at_once():
    (mark,) = Playback().mark("a", 1.5)
    assert (mark.name, mark.why, mark.set_at, mark.returned_at) == ("a", "idle", 1.5, 1.5)


def test_mark_comes_back_when_the_audio_before_it_has_been_played_to_its_end():
    playback = Playback()
    playback.play(FRAME * 2, 0.0)
    assert playback.mark("a", 0.0) == ()
    assert playback.tick(0.00).marks == ()
    assert playback.tick(0.02).marks == ()  # its last frame is being played
    (mark,) = playback.tick(0.04).marks
    assert (mark.name, mark.why, mark.returned_at) == ("a", "played", 0.04)


def test_mark_set_while_the_last_frame_plays_waits_for_its_end():
    playback = Playback()
    playback.play(FRAME, 0.0)
    playback.tick(0.0)
    assert playback.mark("a", 0.01) == ()
    assert [mark.name for mark in playback.tick(0.02).marks] == ["a"]


def test_marks_come_back_in_order():
    playback = Playback()
    for name in "abc":
        playback.play(FRAME, 0.0)
        playback.mark(name, 0.0)
    assert ticks(playback, 4)[1] == ["a", "b", "c"]


def test_clear_drops_the_audio_and_returns_every_mark():
    playback = Playback()
    playback.play(FRAME * 3, 0.0)
    playback.mark("a", 0.0)
    playback.play(FRAME, 0.0)
    playback.mark("b", 0.0)
    playback.tick(0.0)
    returned = playback.clear(0.01)
    assert [(mark.name, mark.why) for mark in returned] == [("a", "cleared"), ("b", "cleared")]
    assert ticks(playback, 3) == (b"", [])
    assert playback.statistics().cleared_s == pytest.approx(0.06)
    assert playback.mark("c", 0.1)[0].why == "idle"


def test_a_hole_inside_a_burst_is_an_underrun_of_its_length():
    playback = Playback()
    playback.play(FRAME, 0.0)
    ticks(playback, 4)  # one frame and three of silence
    playback.play(FRAME, 0.07)
    statistics = playback.statistics()
    assert statistics.underruns == 1
    assert statistics.gap_counts == {60: 1}
    assert statistics.gaps[0].at == pytest.approx(0.02)


def test_a_hole_within_a_tick_is_counted_to_the_sample():
    playback = Playback()
    playback.play(FRAME + FRAME[:40], 0.0)
    ticks(playback, 2)
    playback.play(FRAME, 0.03)
    assert playback.statistics().longest_gap_s == pytest.approx(0.015)


@pytest.mark.parametrize("end", ["mark", "mark when dry", "clear", "long silence"])
def test_silence_between_two_bursts_is_no_underrun(end):
    playback = Playback()
    playback.play(FRAME, 0.0)
    if end == "mark":
        playback.mark("a", 0.0)
    ticks(playback, 5)
    if end == "mark when dry":
        playback.mark("a", 0.1)
    if end == "clear":
        playback.clear(0.1)
    if end == "long silence":
        ticks(playback, round(BURST_GAP_S / 0.02), start=0.1)
    playback.play(FRAME, 1.0)
    assert playback.statistics().underruns == 0


def test_a_mark_in_the_middle_does_not_hide_a_later_hole():
    playback = Playback()
    playback.play(FRAME, 0.0)
    playback.mark("a", 0.0)
    playback.play(FRAME, 0.0)
    ticks(playback, 4)
    playback.play(FRAME, 0.07)
    assert playback.statistics().gap_counts == {40: 1}


def test_a_short_message_is_played_and_counted():
    playback = Playback()
    assert playback.play(FRAME[:80], 0.0) == ""
    assert playback.statistics().short_messages == 1
    assert len(playback.tick(0.0).payload) == 80


@pytest.mark.parametrize(("size", "reason"), [(0, "empty"), (8000 * 30 + 1, "30 s")])
def test_messages_of_forbidden_length_are_refused(size, reason):
    playback = Playback()
    assert reason in playback.play(b"\x01" * size, 0.0)
    assert playback.statistics().refused_messages == 1
    assert playback.queued_s == 0


def test_the_queue_is_bounded():
    playback = Playback()
    refusals = [playback.play(b"\x01" * 8000 * 30, 0.0) for _ in range(21)]
    assert refusals[19] == ""
    assert "600 s" in refusals[20]
    assert playback.statistics().max_queue_s == pytest.approx(600)


def test_audio_is_ignored_without_rtp_mode_and_marks_come_back_at_once():
    playback = Playback(ignore_media=True)
    assert playback.play(FRAME, 0.0) == ""
    assert playback.mark("a", 0.0)[0].why == "idle"
    assert playback.tick(0.0).payload == b""
    assert playback.statistics().ignored_messages == 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("play"), st.integers(1, 1000)),
        st.tuples(st.just("mark"), st.just(0)),
        st.tuples(st.just("clear"), st.just(0)),
        st.tuples(st.just("tick"), st.integers(1, 5)),
    ),
    max_size=60,
)


@given(steps)
def test_every_mark_comes_back_once_in_order_and_no_audio_is_lost_or_made_up(script):
    playback = Playback()
    sent = played = 0
    set_marks, returned = [], []
    for now, (what, n) in enumerate(script):
        if what == "play":
            assert playback.play(b"\x01" * n, now) == ""
            sent += n
        elif what == "mark":
            set_marks.append(str(now))
            returned += [mark.name for mark in playback.mark(str(now), now)]
        elif what == "clear":
            returned += [mark.name for mark in playback.clear(now)]
            assert set(returned) == set(set_marks)
        else:
            audio, names = ticks(playback, n)
            played += len(audio)
            returned += names
    audio, names = ticks(playback, sent // 160 + 2)
    assert returned + names == set_marks
    cleared = round(playback.statistics().cleared_s * 8000)
    assert played + len(audio) + cleared == sent
