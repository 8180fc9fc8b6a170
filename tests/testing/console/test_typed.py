"""What is typed counts as spoken in that moment."""

import numpy as np
import trio

from voiced.audio.frame import Frame
from voiced.recognizer.base import Final, SpeechEnded, SpeechStarted, Vocabulary
from voiced.testing.console.typed import MOST_LINES, TypedRecognizer


async def recognized(lines, *, frames=5):
    recognizer = TypedRecognizer()
    frames_in, frames_out = trio.open_memory_channel(25)
    events_in, events = trio.open_memory_channel(100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recognizer.recognize, frames_out, events_in, Vocabulary())
        for line in lines:
            assert recognizer.say(line)
        for _ in range(frames):
            pcm = np.zeros(160, np.int16)
            await frames_in.send(Frame(pcm=pcm, at=trio.current_time()))
            await trio.sleep(0.02)
        frames_in.close()
    return [event async for event in events]


async def test_each_line_is_an_utterance(autojump_clock):
    events = await recognized(["hello", "how are you"])
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded, Final] * 2
    finals = [event for event in events if isinstance(event, Final)]
    assert [(final.text, final.confidence) for final in finals] == [
        ("hello", 1.0),
        ("how are you", 1.0),
    ]
    assert all(final.started_at == final.last_voice_at for final in finals)


async def test_without_lines_nothing_is_said_and_it_ends_with_the_call(autojump_clock):
    assert await recognized([]) == []


def test_lines_that_nobody_hears_are_bounded():
    recognizer = TypedRecognizer()
    assert all(recognizer.say("x") for _ in range(MOST_LINES))
    assert not recognizer.say("x")
