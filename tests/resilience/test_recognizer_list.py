"""A list of recognizers, on the virtual clock, with frames in real time."""

import numpy as np
import pytest
import trio

from voiced.audio.frame import Frame
from voiced.errors import RecognizerFailed
from voiced.media.frame_pump import MOST_FRAMES, QUIET_FRAMES
from voiced.recognizer.base import Final, SpeechEnded, SpeechStarted, Vocabulary
from voiced.resilience.recognizer import RecognizerList
from voiced.testing.faulty import FaultyRecognizer
from voiced.testing.providers import HearingRecognizer, Speech

SCRIPT = [
    Speech(from_s=1.0, to_s=2.0, text="first"),
    Speech(from_s=4.0, to_s=6.0, text="second"),
    Speech(from_s=9.0, to_s=10.0, text="third"),
]
QUIET = np.full(160, 3, np.int16)
LOUD = np.full(160, 3000, np.int16)


def sound_at(now):
    speaks = any(speech.from_s <= now < speech.to_s for speech in SCRIPT)
    return LOUD if speaks else QUIET


class Wrong(HearingRecognizer):
    """Does something else than to recognize."""

    def __init__(self, what, rate_hz=8000):
        super().__init__(SCRIPT)
        self.what = what
        self.rate_hz = rate_hz
        self.heard = []

    async def recognize(self, frames, events, vocabulary):
        with frames, events:
            await self.what(self, frames)


class Early(HearingRecognizer):
    """Notes what it is told to expect."""

    def anticipate_words(self, vocabulary):
        self.expected = vocabulary


async def test_the_first_choice_gets_ready_for_the_calls_words(members, notes, autojump_clock):
    first, second, words = Early(SCRIPT), Early(SCRIPT), Vocabulary(terms=("calzone",))
    RecognizerList(members(first, second), notes).anticipate_words(words)
    assert (first.expected, hasattr(second, "expected")) == (words, False)


@pytest.fixture
def hear(members, notes):
    """Let a list of recognizers hear `for_s` seconds; returns (time, event) pairs."""

    async def run(*providers, for_s=12.0, list_=None, **keys):
        recognizer = list_ or RecognizerList(members(*providers, **keys), notes)
        frames_in, frames = trio.open_memory_channel(25)
        events_in, events = trio.open_memory_channel(8)
        told = []

        async def speak():
            with frames_in:
                for number in range(int(for_s * 50)):
                    await trio.sleep_until(number * 0.02)
                    # As inbound does: a consumer that is half a second behind ends the call.
                    at = trio.current_time()
                    frames_in.send_nowait(Frame(pcm=sound_at(at), at=at, concealed=False))

        async def listen():
            told.extend([(trio.current_time(), event) async for event in events])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            nursery.start_soon(listen)
            await recognizer.recognize(frames, events_in, Vocabulary())
            nursery.cancel_scope.cancel()
        return told

    return run


def finals(told):
    return [event.text for _, event in told if isinstance(event, Final)]


def assert_each_is_told_once(told):
    kinds = [type(event) for _, event in told]
    assert kinds == [SpeechStarted, SpeechEnded, Final] * 3
    assert finals(told) == ["first", "second", "third"]


async def test_as_long_as_the_first_one_works_nothing_is_different(hear, notes, autojump_clock):
    alone = await hear(HearingRecognizer(SCRIPT), HearingRecognizer([]))
    assert_each_is_told_once(alone)
    assert notes.events == []


async def test_the_next_one_hears_the_utterance_again_in_which_the_first_was_lost(
    hear, notes, autojump_clock
):
    told = await hear(
        FaultyRecognizer(HearingRecognizer(SCRIPT), "disconnects"), HearingRecognizer(SCRIPT)
    )
    assert_each_is_told_once(told)
    assert notes.failures == [("one", "closed")]
    assert notes.switches == [("one", "two")]
    # Lost at 4.1 s; its end and its words come at the times at which they would have come.
    times = [round(at, 1) for at, _ in told]
    assert times[3:6] == [4.1, 6.6, 6.8]


async def test_an_end_that_is_not_told_is_fetched_from_the_next_one(hear, notes, autojump_clock):
    told = await hear(
        FaultyRecognizer(HearingRecognizer(SCRIPT), "stalls"),
        HearingRecognizer(SCRIPT),
        patience_s=2.5,
    )
    assert_each_is_told_once(told)
    assert notes.failures == [("one", "too_slow")]
    times = [round(at, 1) for at, _ in told]
    assert times[3:6] == [4.1, 8.7, 8.7]  # silent from 6.0 on, noticed at 8.5


async def test_words_that_do_not_come_are_fetched_from_the_next_one(hear, notes, autojump_clock):
    class Wordless(HearingRecognizer):
        def _audible(self, since):
            timed = super()._audible(since)
            return [(at, event) for at, event in timed if not isinstance(event, Final)]

    told = await hear(Wordless(SCRIPT), HearingRecognizer(SCRIPT), patience_s=1.0)
    assert_each_is_told_once(told)
    assert notes.failures == [("one", "too_slow")]
    assert round(told[2][0], 1) == 3.7  # its end was told at 2.6


async def test_who_refuses_costs_nothing(hear, notes, autojump_clock):
    told = await hear(
        FaultyRecognizer(HearingRecognizer(SCRIPT), "refuses"), HearingRecognizer(SCRIPT)
    )
    assert_each_is_told_once(told)
    assert notes.failures == [("one", "unauthorized")]


async def test_who_reads_no_more_does_not_hold_up_the_call(hear, notes, autojump_clock):
    async def read_a_little(_, frames):
        for _ in range(100):
            await frames.receive()
        await trio.sleep_forever()

    told = await hear(Wrong(read_a_little), HearingRecognizer(SCRIPT))
    assert_each_is_told_once(told)
    assert notes.failures == [("one", "too_slow")]


async def test_who_ends_before_the_caller_has_failed(hear, notes, autojump_clock):
    async def end_early(_, frames):
        await frames.receive()

    told = await hear(Wrong(end_early), HearingRecognizer(SCRIPT))
    assert_each_is_told_once(told)
    assert notes.failures == [("one", "failed")]


async def test_when_all_fail_the_last_error_is_the_calls(hear, autojump_clock):
    async def fail(_, frames):
        await frames.receive()
        raise RecognizerFailed("x", "gone", kind="closed")

    with pytest.RaisesGroup(pytest.RaisesExc(RecognizerFailed, match="gone")):
        await hear(Wrong(fail), Wrong(fail))


async def test_audio_is_given_at_the_rate_that_each_wants(hear, autojump_clock):
    async def note_sizes(self, frames):
        async for frame in frames:
            self.heard.append(len(frame.pcm))

    async def fail(_, frames):
        await frames.receive()
        raise RecognizerFailed("x", "gone")

    wide = Wrong(note_sizes, rate_hz=16_000)
    await hear(Wrong(fail), wide, for_s=3.0)
    assert set(wide.heard) == {320}
    assert len(wide.heard) == 150


async def test_of_a_long_silence_only_the_end_is_heard_again(hear, autojump_clock):
    async def note_times(self, frames):
        async for frame in frames:
            self.heard.append(frame.at)

    async def fail_late(_, frames):
        async for frame in frames:
            if frame.at > 20:
                raise RecognizerFailed("x", "gone")

    second = Wrong(note_times)
    await hear(Wrong(fail_late), second, for_s=21.0)
    assert second.heard[0] == pytest.approx(20.0 - QUIET_FRAMES * 0.02, abs=0.1)
    assert second.heard == sorted(second.heard)


async def test_an_utterance_longer_than_what_is_kept_is_heard_from_there(hear, autojump_clock):
    async def note_times(self, frames):
        async for frame in frames:
            self.heard.append(frame.at)

    long = [Speech(from_s=1.0, to_s=60.0, text="long")]

    class Late(HearingRecognizer):
        async def recognize(self, frames, events, vocabulary):
            with trio.move_on_after(50):
                await super().recognize(frames, events, vocabulary)

    second = Wrong(note_times)
    await hear(Late(long), second, for_s=52.0, patience_s=60.0)
    assert second.heard[0] == pytest.approx(50 - MOST_FRAMES * 0.02, abs=0.1)


async def test_speech_that_the_next_one_does_not_find_ends_without_words(
    hear, notes, autojump_clock
):
    told = await hear(
        FaultyRecognizer(HearingRecognizer(SCRIPT), "disconnects"), HearingRecognizer(SCRIPT[2:])
    )
    kinds = [type(event) for _, event in told]
    assert kinds == [SpeechStarted, SpeechEnded, Final] * 3
    assert finals(told) == ["first", "", "third"]


async def test_preparing_goes_on_without_those_who_cannot(members):
    class Unready(HearingRecognizer):
        async def prepare(self, vocabulary):
            raise RecognizerFailed("x", "not ready")

    await RecognizerList(members(Unready(()), HearingRecognizer(()))).prepare(Vocabulary())
    with pytest.raises(RecognizerFailed, match="not ready"):
        await RecognizerList(members(Unready(()), Unready(()))).prepare(Vocabulary())
