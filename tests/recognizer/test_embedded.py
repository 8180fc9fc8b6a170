import sys
from functools import partial as partial_of
from typing import Any

import numpy as np
import pytest
import trio
from pydantic import ValidationError
from structlog.testing import capture_logs

from voiced.errors import RecognizerFailed, StartupError
from voiced.recognizer.base import Final, SpeechEnded, SpeechStarted, Vocabulary
from voiced.recognizer.embedded import EmbeddedRecognizer, EmbeddedSettings
from voiced.recognizer.inline import InlineDecoder
from voiced.recognizer.worker_wire import Loaded, Transcript

CLOSE: Any = partial_of(pytest.approx, abs=0.005)
LOUD = np.tile(np.array([8000, -8000], np.int16), 4000 * 10)  # 10 s


def level_network(samples, state):
    """Takes loud for voice, so that times are exact on every machine."""
    return (1.0 if np.abs(samples[0, 32:]).mean() > 0.1 else 0.2), state


class SlowDecoder:
    """Answers with the length of the utterance, after `latencies` one by one; None: fails."""

    def __init__(self, *latencies):
        self.latencies = list(latencies)

    async def prepare(self, vocabulary):
        await trio.lowlevel.checkpoint()
        return Loaded(words=len(vocabulary.sentences))

    async def decode(self, pcm, vocabulary):
        latency = self.latencies.pop(0)
        await trio.sleep(latency or 0)
        if latency is None:
            raise RecognizerFailed("decoder", "for a test")
        return Transcript(text=f"{len(pcm)} samples", confidence=0.5)


WORDS = Vocabulary(("yes", "no"))


def recognizer(decoder, network=level_network, **settings):
    return EmbeddedRecognizer(EmbeddedSettings(**{"pause_ms": 0, **settings}), decoder, network)


async def hear(recognizer, frames, vocabulary=WORDS, *, room=25):
    """Play `frames` in real time; return each event, or failure, with the time it came at."""
    await trio.lowlevel.checkpoint()
    heard: list[Any] = []
    to_recognizer, from_caller = trio.open_memory_channel(room)
    to_agent, events = trio.open_memory_channel(8)

    async def play():
        await trio.lowlevel.checkpoint()
        with to_recognizer:
            for frame in frames:
                await trio.sleep_until(frame.at)
                to_recognizer.send_nowait(frame)  # WouldBlock: the recognizer has not kept up

    async def listen():
        with events:
            async for event in events:
                heard.append((round(trio.current_time(), 3), event))  # noqa: PERF401 - as it comes

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        nursery.start_soon(listen)
        try:
            await recognizer.recognize(from_caller, to_agent, vocabulary)
        except RecognizerFailed as failed:
            heard.append((round(trio.current_time(), 3), failed))
            nursery.cancel_scope.cancel()
    return heard


async def test_an_utterance_gives_start_end_and_final_at_exact_times(autojump_clock, frames):
    # Loud from 1.00 to 2.00 s, which its level tells to 5 ms. The first loud window ends at 1.024
    # and comes with the frame of 1.04, the second with that of 1.06; the last ends at 2.016, and 19
    # silent ones at 2.624.
    spoken = frames(1.0, LOUD[:8000], 1.0)
    heard = await hear(recognizer(SlowDecoder(0.25)), spoken)
    assert heard == [
        (1.06, SpeechStarted(at=1.06, voice_at=CLOSE(1.0))),
        (2.64, SpeechEnded(at=2.64, last_voice_at=CLOSE(2.0))),
        (
            2.89,
            Final(
                text=f"{(13 + 32 + 10) * 256} samples",  # pre-roll, speech, tail
                confidence=0.5,
                started_at=1.04,
                last_voice_at=CLOSE(2.0),
            ),
        ),
    ]


async def test_a_pause_is_told_with_its_words_which_are_the_final_ones_if_nothing_follows(
    autojump_clock, frames
):
    spoken = frames(1.0, LOUD[:8000], 1.0)
    heard = await hear(recognizer(SlowDecoder(0.1), pause_ms=320), spoken)  # decodes once
    assert [(at, type(event).__name__) for at, event in heard] == [
        (1.06, "SpeechStarted"),
        (2.44, "Partial"),  # 0.32 s of silence, 0.1 s to decode
        (2.64, "SpeechEnded"),
        (2.64, "Final"),
    ]
    partial, final = heard[1][1], heard[3][1]
    assert partial.text == final.text == f"{(13 + 32 + 10) * 256} samples"
    assert (partial.last_voice_at, final.last_voice_at) == (CLOSE(2.0), CLOSE(2.0))


async def test_a_caller_who_goes_on_after_a_pause_is_told_of(autojump_clock, frames):
    spoken = frames(1.0, LOUD[:4000], 0.5, LOUD[:4000], 1.0)
    heard = await hear(recognizer(SlowDecoder(0.1, 0.1), pause_ms=320), spoken)
    assert [type(event).__name__ for _, event in heard] == [
        "SpeechStarted",
        "Partial",
        "SpeechResumed",
        "Partial",
        "SpeechEnded",
        "Final",
    ]
    assert heard[1][1].text != heard[3][1].text == heard[5][1].text


async def test_words_that_come_after_the_caller_has_gone_on_are_not_told(autojump_clock, frames):
    spoken = frames(1.0, LOUD[:4000], 0.4, LOUD[:4000], 1.0)
    heard = await hear(recognizer(SlowDecoder(0.3, 0.4), pause_ms=320), spoken)
    assert [type(event).__name__ for _, event in heard] == [
        "SpeechStarted",
        "SpeechEnded",
        "Final",  # of the second pause: its words came after the end
    ]


async def test_a_pause_that_cannot_be_decoded_costs_no_utterance(autojump_clock, frames):
    spoken = frames(1.0, LOUD[:4000], 1.0)
    heard = await hear(recognizer(SlowDecoder(None, 0.1), pause_ms=320), spoken)
    assert [type(event).__name__ for _, event in heard] == ["SpeechStarted", "SpeechEnded", "Final"]
    assert heard[2][1].text != ""


async def test_frames_are_read_and_a_new_start_is_told_while_an_utterance_is_decoded(
    autojump_clock, frames
):
    spoken = frames(1.0, LOUD[:4000], 0.8, LOUD[:4000], 3.0)
    heard = await hear(recognizer(SlowDecoder(2.0, 0.1)), spoken)
    assert [(at, type(event).__name__) for at, event in heard] == [
        (1.06, "SpeechStarted"),
        (2.12, "SpeechEnded"),
        (2.38, "SpeechStarted"),
        (3.44, "SpeechEnded"),
        (4.12, "Final"),
        (4.22, "Final"),
    ]
    first, second = (event for _, event in heard if isinstance(event, Final))
    assert first.started_at < second.started_at


async def test_decoding_that_takes_too_long_gives_a_final_without_words(autojump_clock, frames):
    spoken = frames(1.0, LOUD[:4000], 4.0, LOUD[:4000], 1.0)
    heard = await hear(recognizer(SlowDecoder(9.0, 0.1), decode_timeout_s=2.0), spoken)
    finals = [(at, event.text != "") for at, event in heard if isinstance(event, Final)]
    assert finals == [(4.12, False), (pytest.approx(6.72, abs=0.03), True)]


async def test_one_failure_loses_one_utterance(autojump_clock, frames):
    spoken = frames(*[0.8, LOUD[:4000]] * 6, 1.0)
    decoder = SlowDecoder(None, 0, None, None, 0, 0)
    heard = await hear(recognizer(decoder), spoken)
    texts = [bool(event.text) for _, event in heard if isinstance(event, Final)]
    assert texts == [False, True, False, False, True, True]


async def test_the_third_failure_in_a_row_fails_the_call(autojump_clock, frames):
    spoken = frames(*[0.8, LOUD[:4000]] * 4, 1.0)
    heard = await hear(recognizer(SlowDecoder(0, None, None, None)), spoken)
    kinds = [type(event) for _, event in heard]
    assert kinds.count(Final) == 3
    assert kinds[-1] is RecognizerFailed


async def test_too_many_utterances_behind_a_stuck_decoder_fail_the_call(autojump_clock, frames):
    spoken = frames(*[LOUD[:1200], 0.65] * 12)
    heard = await hear(recognizer(SlowDecoder(60.0), decode_timeout_s=60), spoken)
    kinds = [type(event).__name__ for _, event in heard]  # 1 at work, 8 wait
    assert kinds == ["SpeechStarted", "SpeechEnded"] * 10 + [
        "RecognizerFailed"
    ]  # 1 at work, 8 wait


async def test_an_utterance_without_end_is_cut_and_told(autojump_clock, frames):
    spoken = frames(1.0, *[LOUD[:2400], 0.2] * 10, 1.0)  # with gaps, as speech has
    heard = await hear(recognizer(SlowDecoder(0, 0, 0), max_utterance_s=2.0), spoken)
    kinds = [type(event).__name__ for _, event in heard]
    assert kinds.count("SpeechStarted") == kinds.count("Final") == 3


async def test_an_utterance_of_a_moment_is_not_decoded(autojump_clock, frames):
    heard = await hear(recognizer(SlowDecoder()), frames(1.0, LOUD[:512], 1.0))
    assert [type(event) for _, event in heard] == [SpeechStarted, SpeechEnded, Final]
    assert heard[-1][1].text == ""


async def test_without_a_vocabulary_speech_is_told_without_words(autojump_clock, frames):
    heard = await hear(recognizer(SlowDecoder()), frames(1.0, LOUD[:8000], 1.0), Vocabulary())
    assert heard[-1][1].text == ""


async def test_silence_gives_no_event_and_an_unfinished_utterance_no_final(autojump_clock, frames):
    assert await hear(recognizer(SlowDecoder()), frames(3.0)) == []
    heard = await hear(recognizer(SlowDecoder()), frames(0.5, LOUD[:4000], start=10.0))
    assert [type(event) for _, event in heard] == [SpeechStarted]


async def test_it_ends_quietly_when_nobody_listens_and_closes_both_ends(autojump_clock, frames):
    to_recognizer, from_caller = trio.open_memory_channel(1000)
    to_agent, events = trio.open_memory_channel(8)
    for frame in frames(1.0, LOUD[:8000], 2.0):
        to_recognizer.send_nowait(frame)
    events.close()
    await recognizer(SlowDecoder(0)).recognize(from_caller, to_agent, WORDS)
    with pytest.raises(trio.BrokenResourceError):
        to_recognizer.send_nowait(frame)
    with pytest.raises(trio.ClosedResourceError):
        to_agent.send_nowait(SpeechStarted(at=0.0))


async def test_a_cancelled_call_abandons_its_decoding(autojump_clock, frames):
    with trio.move_on_after(3.0) as scope:
        await hear(recognizer(SlowDecoder(60.0)), frames(1.0, LOUD[:4000], 30.0))
    assert scope.cancelled_caught
    assert trio.current_time() == 3.0


async def test_a_conversation_by_telephone_is_understood(
    autojump_clock, say, frames, network, vocabulary
):
    texts = ["hello", "i would like to book an appointment please", "on tuesday please", "no"]
    pieces = [piece for text in texts for piece in (2.0, say(text))]
    caller = recognizer(InlineDecoder(latency_s=0.1), network)
    await caller.prepare(vocabulary)
    heard = await hear(caller, frames(*pieces, 1.5), vocabulary)
    kinds = [type(event) for _, event in heard]
    assert kinds == [SpeechStarted, SpeechEnded, Final] * len(texts)
    finals = [event for _, event in heard if isinstance(event, Final)]
    assert [final.text for final in finals] == texts
    ends = np.cumsum([len(p) / 8000 if isinstance(p, np.ndarray) else p for p in pieces])
    for final, start, end in zip(finals, ends[0::2], ends[1::2], strict=True):
        assert start <= final.started_at <= start + 0.4
        assert end - 0.4 <= final.last_voice_at <= end + 0.2


async def test_the_author_is_warned_of_words_that_will_not_work(network):
    caller = recognizer(InlineDecoder(), network)
    with capture_logs() as lines:
        await caller.prepare(Vocabulary(("call mister kowalchek", "call 911")))
        await caller.prepare(Vocabulary(("42",)))
    assert [line.get("words") for line in lines] == [("kowalchek",), ("911",), None, ("42",)]


@pytest.mark.parametrize("package", ["onnxruntime", "pocketsphinx"])
async def test_a_missing_part_is_told_at_the_start_with_its_remedy(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StartupError, match=f"pip install {package}"):
        async with EmbeddedRecognizer.open(EmbeddedSettings()):
            pass


@pytest.mark.slow
async def test_opened_as_the_daemon_does_it_understands_and_leaves_no_process(
    say, frames, vocabulary
):
    to_recognizer, from_caller = trio.open_memory_channel(1000)
    to_agent, events = trio.open_memory_channel(8)
    for frame in frames(1.0, say("on tuesday please"), 1.5):
        to_recognizer.send_nowait(frame)
    to_recognizer.close()
    with trio.fail_after(20):
        async with EmbeddedRecognizer.open(EmbeddedSettings()) as embedded:
            await embedded.prepare(vocabulary)
            await embedded.recognize(from_caller, to_agent, vocabulary)
    heard = [event async for event in events]
    assert [type(event) for event in heard] == [SpeechStarted, SpeechEnded, Final]
    assert heard[-1].text == "on tuesday please"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("workers", 0),
        ("silence_ms", 50),
        ("decode_timeout_s", 0),
        ("threshold", 1.5),
        ("release", 0.6),
        ("max_utterance_s", 600),
        ("modle", "en"),
    ],
)
def test_bad_settings_are_refused_by_name(key, value):
    with pytest.raises(ValidationError, match=key):
        EmbeddedSettings(**{key: value})
