"""The way to the caller: pacing on the wire, bounded queues, clear ahead of everything, marks."""

import base64
import json

import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.call.conftest import start_message
from voiced.audio.codec import open_encoder
from voiced.errors import MediaStreamClosed
from voiced.media.outbound import AHEAD_S, Outbound
from voiced.media.pacing import Pacer
from voiced.media.speech_queue import SpeechQueue
from voiced.telnyx.media import MediaStream

SECOND = np.full(8000, 1000, np.int16)


class Wire:
    """A socket that keeps what is sent with its time, and closes when told to."""

    def __init__(self):
        self.sent = []
        self.is_closed = False
        self.has_room = trio.Event()
        self.has_room.set()

    def send_text_nowait(self, text):
        if not self.is_closed:
            self.sent.append((trio.current_time(), json.loads(text)))
        return not self.is_closed and self.has_room.is_set()

    async def flush(self):
        await trio.lowlevel.checkpoint()
        if self.is_closed:
            raise MediaStreamClosed(1006)
        await self.has_room.wait()

    def kinds(self):
        return [message["event"] for _, message in self.sent]

    def audio_s(self):
        return sum(
            len(base64.b64decode(message["media"]["payload"])) / 8000
            for _, message in self.sent
            if message["event"] == "media"
        )


@pytest.fixture
async def outbound(nursery, autojump_clock):
    return Outbound(open_encoder("PCMU", 8000), Pacer(lead_s=0.4, message_frames=5))


@pytest.fixture
async def wire(nursery, outbound):
    stream = MediaStream()
    stream.receive(start_message())
    wire = Wire()
    nursery.start_soon(outbound.run, wire, stream)
    await trio.sleep(0.1)
    return wire


async def test_audio_leaves_at_once_up_to_the_lead_and_then_in_its_own_time(
    autojump_clock, outbound, wire
):
    begun = trio.current_time()
    await outbound.play(SECOND, 8000)
    await trio.sleep(2)
    times = [at - begun for at, _ in wire.sent]
    assert times == pytest.approx([0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert wire.audio_s() == pytest.approx(1.0)
    assert outbound.statistics().underruns == 0


async def test_a_producer_waits_while_two_seconds_are_queued(autojump_clock, outbound, wire):
    begun = trio.current_time()
    for _ in range(10):
        await outbound.play(SECOND, 8000)
        assert outbound.unplayed_s <= AHEAD_S + 0.4 + 0.01
    # 10 s of audio less the two that may be queued and the lead that is at Telnyx.
    assert trio.current_time() - begun == pytest.approx(10 - AHEAD_S - 0.4, abs=0.11)


async def test_a_producer_that_waits_is_released_by_clear(autojump_clock, outbound, wire, nursery):
    released = trio.Event()

    async def produce():
        await outbound.play(np.concatenate([SECOND] * 5), 8000)
        released.set()

    nursery.start_soon(produce)
    await trio.sleep(0.05)
    assert not released.is_set()
    outbound.clear()
    with trio.fail_after(0.001):
        await released.wait()


async def test_a_producer_may_wait_after_another_has_given_up(autojump_clock, outbound, wire):
    with trio.move_on_after(0.5) as given_up:
        await outbound.play(np.concatenate([SECOND] * 5), 8000)
    assert given_up.cancelled_caught
    with trio.fail_after(5):
        await outbound.play(SECOND, 8000)
    assert outbound.unplayed_s == pytest.approx(AHEAD_S + 0.4, abs=0.11)


async def test_clear_is_the_next_thing_on_the_wire(autojump_clock, outbound, wire):
    await outbound.play(SECOND, 8000)
    outbound.mark(lambda _: None)
    await trio.sleep(0.25)
    played_s = outbound.clear()
    await outbound.play(SECOND, 8000)
    at = trio.current_time()
    await trio.sleep(0.01)
    after = [message["event"] for sent_at, message in wire.sent if sent_at >= at]
    assert after == ["clear"] + ["media"] * 4
    assert played_s == pytest.approx(0.25)
    assert outbound.played_s == pytest.approx(0.26)
    assert "mark" not in wire.kinds()


async def test_clear_says_nothing_when_nothing_was_sent(autojump_clock, outbound, wire):
    assert outbound.clear() == 0.0
    await outbound.play(SECOND[:800], 8000)
    await trio.sleep(1)
    outbound.clear()  # all of it has been played
    await trio.sleep(0.1)
    assert "clear" not in wire.kinds()


async def test_a_clear_is_told_when_it_went_out_and_when_it_was_obeyed(
    autojump_clock, outbound, wire
):
    told = []

    class Clearing:
        def cleared(self, at):
            told.append(("cleared", at))

        def silenced(self, at):
            told.append(("silenced", at))

    clearing = Clearing()
    outbound.clear(clearing)  # nothing is there to be cleared
    assert told == []
    await outbound.play(SECOND, 8000)
    await trio.sleep(0.1)
    at = trio.current_time()
    outbound.clear(clearing)
    assert wire.kinds()[-2:] == ["clear", "mark"]
    name = wire.sent[-1][1]["mark"]["name"]
    await trio.sleep(0.05)
    for returned in ("e0:1", name, name):
        outbound.mark_returned(returned)
    assert told == [("cleared", at), ("silenced", at + 0.05)]


async def test_two_clears_at_once_are_one(autojump_clock, outbound, wire):
    await outbound.play(SECOND, 8000)
    await trio.sleep(0.1)
    outbound.clear()
    outbound.clear()
    await trio.sleep(0.1)
    assert wire.kinds().count("clear") == 1


async def test_a_mark_follows_its_audio_and_ends_the_last_frame(autojump_clock, outbound, wire):
    played: list[str] = []
    await outbound.play(SECOND[:900], 8000)  # five frames and a bit
    mark = outbound.mark(played.append)
    await trio.sleep(0.5)
    assert wire.kinds() == ["media", "media", "mark"]
    assert wire.audio_s() == pytest.approx(0.12)
    assert not mark.played.is_set()
    outbound.mark_returned(mark.name)
    assert mark.played.is_set()
    outbound.mark_returned(mark.name)
    assert played == [mark.name]


async def test_a_mark_without_audio_goes_out_at_once(autojump_clock, outbound, wire):
    mark = outbound.mark(lambda _: None)
    await trio.sleep(0.001)
    assert [m for _, m in wire.sent] == [{"event": "mark", "mark": {"name": mark.name}}]


async def test_marks_of_an_older_epoch_and_of_nobody_prove_nothing(autojump_clock, outbound, wire):
    played: list[str] = []
    await outbound.play(SECOND, 8000)
    old = outbound.mark(played.append)
    outbound.clear()
    await outbound.play(SECOND, 8000)
    new = outbound.mark(played.append)
    for name in (old.name, "e0:7", "somebody's", ""):
        outbound.mark_returned(name)
    assert played == []
    assert not old.played.is_set()
    assert old.name != new.name
    outbound.mark_returned(new.name)
    assert played == [new.name]


async def test_a_mark_that_comes_back_speaks_for_those_before_it(autojump_clock, outbound, wire):
    played: list[str] = []
    await outbound.play(SECOND, 8000)
    lost, other, last = (outbound.mark(played.append) for _ in range(3))
    outbound.mark_returned(other.name)
    assert played == [lost.name, other.name]
    assert lost.played.is_set()
    outbound.mark_returned(lost.name)  # late
    assert played == [lost.name, other.name]
    outbound.forget_mark(last.name)
    outbound.mark_returned(last.name)
    assert played == [lost.name, other.name]


async def test_nobody_waits_for_ever_for_marks_that_are_lost(autojump_clock, outbound, wire):
    await outbound.play(SECOND[:160], 8000)
    mark = outbound.mark(lambda _: None)
    await trio.sleep(5)
    outbound.forget_mark(mark.name)
    outbound.clear()  # there is nothing to clear at Telnyx, and no mark either
    await trio.sleep(0.1)
    assert "clear" not in wire.kinds()


async def test_when_next_sent_is_told_once_and_the_last_one_counts(autojump_clock, outbound, wire):
    told = []
    outbound.when_next_sent(lambda at: told.append(("first", at)))
    outbound.when_next_sent(lambda at: told.append(("second", at)))
    await trio.sleep(0.5)
    assert told == []
    await outbound.play(SECOND, 8000)
    await trio.sleep(0.5)
    assert [name for name, _ in told] == ["second"]
    outbound.when_next_sent(lambda at: told.append(("third", at)))
    outbound.clear()  # what was to come does not come
    await outbound.play(SECOND, 8000)
    await trio.sleep(0.1)
    assert len(told) == 1


async def test_a_reply_that_is_cancelled_queues_nothing_more(autojump_clock, outbound, wire):
    with trio.CancelScope() as scope:
        scope.cancel()
        await outbound.play(SECOND, 8000)
    assert outbound.unplayed_s == 0


async def test_what_is_due_is_sent_by_whoever_brings_it(autojump_clock, outbound, wire):
    await outbound.play(SECOND[:160], 8000)
    assert wire.kinds() == ["media"]
    outbound.mark(lambda _: None)
    assert wire.kinds() == ["media", "mark"]
    outbound.clear()
    assert wire.kinds() == ["media", "mark", "clear"]


async def test_nothing_is_sent_before_the_task_runs_nor_after_it(autojump_clock, outbound):
    stream = MediaStream()
    stream.receive(start_message())
    wire = Wire()
    await outbound.play(SECOND[:160], 8000)
    with trio.move_on_after(0.1):
        await outbound.run(wire, stream)
    assert wire.kinds() == ["media"]
    await outbound.play(SECOND[:160], 8000)
    outbound.clear()
    assert wire.kinds() == ["media"]


async def test_nothing_is_sent_once_the_stream_has_stopped(autojump_clock, outbound, nursery):
    stream = MediaStream()
    stream.receive(start_message())
    wire = Wire()
    nursery.start_soon(outbound.run, wire, stream)
    await trio.sleep(0.1)
    await outbound.play(SECOND, 8000)
    stream.receive('{"event":"stop"}')
    n_sent = len(wire.sent)
    outbound.mark(lambda _: None)
    outbound.clear()
    assert len(wire.sent) == n_sent
    nursery.cancel_scope.cancel()


async def test_a_full_socket_holds_everything_back_and_clear_comes_first_after_it(
    autojump_clock, outbound, wire
):
    wire.has_room = trio.Event()
    await outbound.play(SECOND, 8000)
    await trio.sleep(0.1)
    await outbound.play(SECOND, 8000)
    outbound.mark(lambda _: None)
    assert wire.kinds() == ["media"]
    outbound.clear()
    await outbound.play(SECOND[:160], 8000)
    assert wire.kinds() == ["media"]
    wire.has_room.set()
    await trio.sleep(0.02)
    assert wire.kinds() == ["media", "clear", "media"]


async def test_a_socket_that_has_closed_ends_the_task(autojump_clock, outbound):
    stream = MediaStream()
    stream.receive(start_message())
    wire = Wire()
    wire.is_closed = True
    await outbound.play(SECOND, 8000)
    with pytest.raises(MediaStreamClosed):
        await outbound.run(wire, stream)


# The task sends without a checkpoint as long as something is due: it must come to an end each time.

PIECES = st.lists(
    st.tuples(
        st.integers(0, 900),
        st.sampled_from([8000, 16_000, 22_050, 24_000, 44_100]),
        st.booleans(),
    ),
    max_size=12,
)


@given(PIECES, st.integers(1, 7))
def test_what_waits_can_be_taken_and_then_nothing_waits(pieces, n_frames):
    queue = SpeechQueue(open_encoder("PCMU", 8000))
    n_marks = 0
    taken_marks = 0
    for n_samples, rate_hz, marked in pieces:
        queue.push(np.zeros(n_samples, np.int16), rate_hz)
        if marked:
            n_marks += 1
            queue.push_mark(f"m{n_marks}")
        if n_samples % 2:
            taken_marks += take_all(queue, n_frames)
    taken_marks += take_all(queue, n_frames)
    assert taken_marks == n_marks
    assert queue.is_idle
    assert queue.queued_s < 0.02


def take_all(queue, n_frames):
    """Take as the task does: as long as something is due, each take must give something."""
    n_marks = 0
    steps = 0
    while queue.waiting_frames or not queue.is_idle:
        before = (queue.queued_s, queue.waiting_frames)
        taken = queue.take(max(1, min(n_frames, queue.waiting_frames)))
        n_marks += len(taken.marks)
        steps += 1
        assert taken.frames or taken.marks or (queue.queued_s, queue.waiting_frames) != before
        assert steps < 1000
    return n_marks
