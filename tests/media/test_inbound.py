"""From media messages to frames: gaps, order, other tracks, marks, and consumers of every speed."""

import json

import numpy as np
import pytest
import trio

from tests.call.conftest import media_frame, start_message
from voiced.audio.codec import open_decoder
from voiced.errors import MediaStreamClosed, ProviderTooSlow, RemoteProtocolError
from voiced.media.inbound import CATCH_UP_S, FRAMES_AHEAD, MAX_CONCEALED, Inbound
from voiced.telnyx.media import MediaStream


class Script:
    """A socket on which these messages come, each after its pause; then it closes."""

    def __init__(self, messages, *, every_s=0.0, closes=True):
        self._messages = list(messages)
        self._every_s = every_s
        self._closes = closes

    async def receive_text(self):
        await trio.sleep(self._every_s)
        if self._messages:
            return self._messages.pop(0)
        if not self._closes:
            await trio.sleep_forever()
        raise MediaStreamClosed(1006)


class Marks:
    def __init__(self):
        self.names = []

    def mark_returned(self, name):
        self.names.append(name)


STOP = '{"event":"stop","sequence_number":"9","stream_id":"s1"}'


def stream():
    opened = MediaStream()
    opened.receive(start_message())
    return opened


def make(rate_hz=8000):
    return Inbound(open_decoder("PCMU", 8000), rate_hz)


async def run(messages, *, inbound=None, **script):
    """Run an inbound over `messages` with a consumer that keeps up; return it and its frames."""
    inbound = inbound or make()
    frames_in, frames_out = trio.open_memory_channel(FRAMES_AHEAD)
    frames = []
    marks = Marks()

    async def consume():
        frames.extend([frame async for frame in frames_out])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        await inbound.run(Script(messages, **script), stream(), frames_in, marks)
    return inbound, frames, marks.names


async def test_each_message_becomes_a_frame_of_twenty_milliseconds(autojump_clock):
    messages = [media_frame(n) for n in range(1, 11)]
    inbound, frames, _ = await run([*messages, STOP], every_s=0.02)
    assert [len(frame.pcm) for frame in frames] == [160] * 10
    assert [frame.at for frame in frames] == pytest.approx([0.02 * n for n in range(1, 11)])
    assert not any(frame.concealed for frame in frames)
    assert not frames[0].pcm.flags.writeable
    assert inbound.statistics().frames == 10
    assert inbound.statistics().last_at == frames[-1].at


async def test_frames_have_the_rate_that_the_consumer_wants(autojump_clock):
    messages = [media_frame(n) for n in range(1, 11)]
    _, frames, _ = await run([*messages, STOP], inbound=make(16_000))
    assert sum(len(frame.pcm) for frame in frames) == pytest.approx(3200, abs=64)


async def test_a_lost_message_is_concealed_once_it_is_given_up(autojump_clock):
    _, frames, _ = await run([media_frame(n) for n in (1, 2, 4, 5, 6, 7)] + [STOP])
    assert [frame.concealed for frame in frames] == [False] * 2 + [True] + [False] * 4


async def test_of_a_long_gap_only_the_first_frames_are_concealed(autojump_clock):
    numbers = [1, 2, *range(23, 30)]
    inbound, frames, _ = await run([media_frame(n) for n in numbers] + [STOP])
    # The last two of the gap are given up one by one, as the next messages come.
    assert sum(frame.concealed for frame in frames) == MAX_CONCEALED + 2
    assert inbound.statistics().chunks.lost == 20


async def test_swapped_messages_are_put_in_order(autojump_clock):
    loud = [bytes([n]) * 160 for n in range(6)]
    order = (1, 3, 2, 4, 5)
    _, frames, _ = await run([media_frame(n, loud[n]) for n in order] + [STOP])
    decode = open_decoder("PCMU", 8000).decode
    assert [frame.pcm[0] for frame in frames] == [decode(loud[n])[0] for n in range(1, 6)]


async def test_our_own_audio_on_the_outbound_track_is_not_heard(autojump_clock):
    ours = media_frame(1).replace('"track": "inbound"', '"track": "outbound"')
    assert "outbound" in ours
    inbound, frames, _ = await run([ours, media_frame(1), STOP])
    assert len(frames) == 1
    assert inbound.statistics().chunks.received == 1


async def test_marks_are_told_and_everything_else_is_passed_over(autojump_clock):
    def message(event, **content):
        return json.dumps({"event": event, "stream_id": "s1", event: content})

    messages = [
        message("mark", name="e0:1"),
        message("dtmf", digit="5"),
        message("something new", x=1),
        json.dumps({"event": "error", "payload": {"code": 100004, "title": "x", "detail": "y"}}),
        STOP,
    ]
    _, frames, marks = await run(messages)
    assert (frames, marks) == ([], ["e0:1"])


@pytest.mark.parametrize(
    ("messages", "error"),
    [([], MediaStreamClosed), (["{"], RemoteProtocolError), ([media_frame(1, b"")], None)],
)
async def test_errors_leave_and_the_frames_are_closed(autojump_clock, messages, error):
    inbound = make()
    frames_in, frames_out = trio.open_memory_channel(FRAMES_AHEAD)
    expected = (MediaStreamClosed, RemoteProtocolError) if error is None else error
    with pytest.raises(expected):
        await inbound.run(Script(messages), stream(), frames_in, Marks())
    with trio.fail_after(1):
        assert len([frame async for frame in frames_out]) <= 1


# Consumers.


async def consume(frames, each_s, until=np.inf):
    n = 0
    async for _ in frames:
        n += 1
        await trio.sleep(each_s)
        if n == until:
            break
    return n


@pytest.mark.parametrize("each_s", [0.0, 0.001, 0.004])
async def test_a_burst_is_given_time_to_be_consumed(autojump_clock, each_s):
    inbound = make()
    frames_in, frames_out = trio.open_memory_channel(FRAMES_AHEAD)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, frames_out, each_s)
        messages = [media_frame(n) for n in range(1, 121)]
        await inbound.run(Script([*messages, STOP]), stream(), frames_in, Marks())
    assert inbound.statistics().frames == 120


async def test_one_burst_after_another_is_consumed_if_there_is_time_between(autojump_clock):
    inbound = make()
    frames_in, frames_out = trio.open_memory_channel(FRAMES_AHEAD)

    class Bursts(Script):
        async def receive_text(self):
            if len(self._messages) % 50 == 1:
                await trio.sleep(1)
            return await super().receive_text()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, frames_out, 0.01)
        messages = [media_frame(n) for n in range(1, 301)]
        await inbound.run(Bursts([*messages, STOP]), stream(), frames_in, Marks())
    assert inbound.statistics().frames == 300


async def test_a_consumer_that_stops_is_too_slow_half_a_second_after_its_room_is_full(
    autojump_clock,
):
    inbound = make()
    frames_in, frames_out = trio.open_memory_channel(FRAMES_AHEAD)
    messages = [media_frame(n) for n in range(1, 1000)]
    with frames_out, pytest.raises(ProviderTooSlow, match="25 frames behind"):
        await inbound.run(Script(messages, every_s=0.02), stream(), frames_in, Marks())
    assert trio.current_time() == pytest.approx(26 * 0.02 + CATCH_UP_S)


async def test_a_consumer_a_little_slower_than_speech_is_found_out(autojump_clock):
    inbound = make()
    frames_in, frames_out = trio.open_memory_channel(FRAMES_AHEAD)
    messages = [media_frame(n) for n in range(1, 10_000)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, frames_out, 0.025)
        with pytest.raises(ProviderTooSlow):
            await inbound.run(Script(messages, every_s=0.02), stream(), frames_in, Marks())
        nursery.cancel_scope.cancel()
    assert trio.current_time() < 10


async def test_frames_for_nobody_are_dropped(autojump_clock):
    inbound = make()
    frames_in, frames_out = trio.open_memory_channel(FRAMES_AHEAD)
    messages = [media_frame(n) for n in range(1, 101)]
    async with trio.open_nursery() as nursery:

        async def leave_soon():
            with frames_out:
                await trio.sleep(0.6)  # while the reader waits for room

        nursery.start_soon(leave_soon)
        await inbound.run(Script([*messages, STOP], every_s=0.02), stream(), frames_in, Marks())
    assert inbound.statistics().frames == 100
