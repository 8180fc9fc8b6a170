"""The kit for recognizers finds those that do not keep their promises."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trio

from tests.recognizer.remote import LINES, sample
from voiced.recognizer.base import Final, SpeechEnded, SpeechStarted
from voiced.testing import recognizer_kit as kit
from voiced.testing.recognizer_kit import RECOGNIZER_PROMISES

SILENCE_S = 0.3


def between(started, voice) -> Any:
    return {"started_at": started, "last_voice_at": voice}


class Honest:
    """Takes loud for speech, and hears the texts that it is given."""

    rate_hz = 8000
    threshold = 1000.0

    async def recognize(self, frames, events, vocabulary):
        del vocabulary
        with frames, events:
            try:
                await self.listen(frames, events)
            except trio.BrokenResourceError:
                return

    async def listen(self, frames, events):
        texts = iter(LINES)
        started: Any = None
        voice: Any = None
        async for frame in frames:
            if np.abs(frame.pcm).mean() > self.threshold:
                voice = frame.at
                if started is None:
                    started = frame.at
                    await self.tell(events, SpeechStarted(at=started))
            elif started is not None and frame.at - voice > SILENCE_S:
                await self.tell(events, SpeechEnded(at=frame.at, last_voice_at=voice))
                final = Final(text=next(texts, ""), confidence=0.9, **between(started, voice))
                await self.tell(events, final)
                started = None

    async def tell(self, events, event):
        await events.send(event)


class Deaf(Honest):
    threshold = 1e9


class HearsDouble(Honest):
    async def tell(self, events, event):
        for _ in range(2 if isinstance(event, Final) else 1):
            await events.send(event)


class Mishears(Honest):
    async def tell(self, events, event):
        await events.send(replace(event, text="who") if isinstance(event, Final) else event)


class Foretells(Honest):
    async def tell(self, events, event):
        if isinstance(event, SpeechStarted):
            event = SpeechStarted(at=event.at + 3)
        await events.send(event)


class IsTooSure(Honest):
    async def tell(self, events, event):
        await events.send(replace(event, confidence=90) if isinstance(event, Final) else event)


class StartsLate(Honest):
    async def tell(self, events, event):
        if isinstance(event, SpeechStarted):
            self.late = event
            return
        if isinstance(event, SpeechEnded):
            await events.send(self.late)
        await events.send(event)


class HearsGhosts(Honest):
    async def listen(self, frames, events):
        at = trio.current_time()
        await events.send(SpeechStarted(at=at))
        await events.send(Final(text="boo", confidence=0.9, started_at=at, last_voice_at=at))
        async for _ in frames:
            pass


class LeavesOpen(Honest):
    async def recognize(self, frames, events, vocabulary):
        with events:
            await self.listen(frames, events)


class HoldsOn(Honest):
    async def recognize(self, frames, events, vocabulary):
        self.kept = events.clone()
        await super().recognize(frames, events, vocabulary)


class FallsBehind(Honest):
    async def listen(self, frames, events):
        await trio.sleep(2)


class NeverEnds(Honest):
    async def listen(self, frames, events):
        await super().listen(frames, events)
        await trio.sleep_forever()


class GoesOn(Honest):
    async def recognize(self, frames, events, vocabulary):
        with frames, events:
            async for _ in frames:
                pass
            await trio.sleep_forever()


class Lingers(Honest):
    async def recognize(self, frames, events, vocabulary):
        try:
            await super().recognize(frames, events, vocabulary)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)


class ServesOne(Honest):
    def __init__(self):
        self.n_calls = 0

    async def listen(self, frames, events):
        self.n_calls += 1
        if self.n_calls > 1:
            async for _ in frames:
                pass
        else:
            await super().listen(frames, events)


@pytest.mark.parametrize("promise", RECOGNIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_an_honest_one_passes(promise, autojump_clock):
    await promise(Honest(), sample())


@pytest.mark.parametrize(
    ("promise", "liar", "told"),
    [
        (kit.tells_each_utterance_once_and_in_order, HearsDouble, "4 Final for 2 utterances"),
        (kit.tells_each_utterance_once_and_in_order, Deaf, "0 SpeechStarted for 2 utterances"),
        (kit.tells_each_utterance_once_and_in_order, LeavesOpen, "its end of `frames` open"),
        (kit.tells_each_utterance_once_and_in_order, FallsBehind, "has let 25 frames wait"),
        (kit.tells_each_utterance_once_and_in_order, NeverEnds, "does not return"),
        (kit.tells_each_utterance_once_and_in_order, HoldsOn, "its end of `events` open"),
        (kit.hears_the_words, Mishears, "heard 'who' for 'hello there'"),
        (kit.hears_the_words, Deaf, "heard 0 utterances of 2"),
        (kit.hears_the_words, HearsDouble, "heard 4 utterances of 2"),
        (kit.tells_times_that_make_sense, Foretells, "in the future"),
        (kit.tells_times_that_make_sense, IsTooSure, "a confidence of 90"),
        (kit.tells_times_that_make_sense, Deaf, "heard nothing"),
        (kit.notices_speech_in_time, StartsLate, r"was told 0\.9\d s late"),
        (kit.notices_speech_in_time, Deaf, "heard nothing"),
        (kit.says_nothing_in_silence, HearsGhosts, "heard 'boo' in silence"),
        (kit.is_gone_when_the_call_is, Lingers, "was gone 1.00 s after the call"),
        (kit.is_gone_when_the_call_is, LeavesOpen, "has left its ends"),
        (kit.ends_when_nobody_listens, GoesOn, "goes on though nobody listens"),
        (kit.serves_calls_side_by_side, ServesOne, "0 Finals in one"),
    ],
)
async def test_a_liar_is_found_out(promise, liar, told, autojump_clock):
    with pytest.raises(AssertionError, match=told):
        await promise(liar(), sample())
