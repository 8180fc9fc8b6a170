"""Audio in at any rate and in any pieces, whole encoded frames and marks out, in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio.codec import open_encoder
from voiced.audio.g711 import decode_ulaw
from voiced.media.speech_queue import SpeechQueue


@pytest.fixture
def queue():
    return SpeechQueue(open_encoder("PCMU", 8000))


def ramp(n_samples):
    return (np.arange(n_samples) % 160 * 100).astype(np.int16)


def test_an_empty_queue_is_idle(queue):
    assert queue.is_idle
    assert queue.take(5).payload == b""


def test_whole_frames_are_taken_up_to_the_number_asked(queue):
    queue.push(ramp(8 * 160), 8000)
    taken = queue.take(5)
    assert (taken.frames, len(taken.payload)) == (5, 800)
    assert queue.waiting_frames == 3


def test_less_than_a_frame_waits_for_more(queue):
    queue.push(ramp(100), 8000)
    assert queue.is_idle
    queue.push(ramp(60), 8000)
    assert queue.take(5).frames == 1


def test_a_mark_ends_the_utterance_and_pads_it_to_a_frame(queue):
    queue.push(ramp(100), 8000)
    queue.push_mark("e0:1")
    taken = queue.take(5)
    assert (taken.frames, taken.marks) == (1, ("e0:1",))
    assert not decode_ulaw(taken.payload)[100:].any()
    assert queue.is_idle


def test_a_mark_with_no_audio_before_it_comes_alone(queue):
    queue.push_mark("e0:1")
    assert not queue.is_idle
    assert queue.take(1).marks == ("e0:1",)


def test_a_mark_never_overtakes_its_audio(queue):
    queue.push(ramp(6 * 160), 8000)
    queue.push_mark("one")
    queue.push(ramp(160), 8000)
    queue.push_mark("two")
    assert [queue.take(5).marks, queue.take(5).marks, queue.take(5).marks] == [
        (),
        ("one",),
        ("two",),
    ]


def test_sixteen_kilohertz_frames_come_out_one_for_one(queue):
    for _ in range(5):
        queue.push(np.zeros(320, np.int16), 16000)
        assert queue.take(1).frames == 1


def test_clear_drops_audio_and_marks(queue):
    queue.push(ramp(1600), 8000)
    queue.push_mark("e0:1")
    queue.clear()
    assert queue.is_idle
    assert queue.queued_s == 0.0
    assert queue.take(5) == queue.take(5)
    assert queue.take(5).marks == ()


@given(
    rate_hz=st.sampled_from([8000, 16000, 22050, 24000]),
    pieces=st.lists(st.integers(1, 3000), min_size=1, max_size=12),
    frames=st.integers(1, 8),
)
def test_no_audio_is_lost_whatever_the_pieces(rate_hz, pieces, frames):
    queue = SpeechQueue(open_encoder("PCMU", 8000))
    for n in pieces:
        queue.push(np.full(n, 1000, np.int16), rate_hz)
    queue.push_mark("end")
    n_bytes = 0
    marks: tuple[str, ...] = ()
    for _ in range(10_000):
        taken = queue.take(frames)
        n_bytes += len(taken.payload)
        if taken.marks:
            marks = taken.marks
            break
    assert marks == ("end",)
    wanted = sum(pieces) * 8000 / rate_hz
    assert wanted - 1 <= n_bytes <= wanted + 3 * 160
    assert queue.is_idle
    assert queue.queued_s == pytest.approx(0.0, abs=1e-6)


def test_an_utterance_that_ends_with_a_frame_leaves_no_tail_for_the_next():
    queue = SpeechQueue(open_encoder("PCMU", 8000))
    tone = (9000 * np.sin(np.arange(960) * (2 * np.pi * 440 / 24_000))).astype(np.int16)
    queue.push(tone, 24_000)  # 40 ms: two frames
    queue.push_mark("m")
    first = queue.take(2)
    assert first.marks == ()
    tail = queue.take(1)
    assert (tail.frames, tail.marks) == (1, ("m",))
    assert tail.pcm[:10].any()
    queue.push(np.zeros(480, np.int16), 24_000)
    queue.push_mark("n")
    assert not queue.take(1).pcm.any()
