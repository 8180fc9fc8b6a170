"""The kit for synthesizers finds those that do not keep their promises."""

from contextlib import suppress

import numpy as np
import pytest
import trio

from voiced.record.word_times import Word
from voiced.testing import synthesizer_kit as kit
from voiced.testing.synthesizer_kit import SYNTHESIZER_PROMISES

LETTER_S = 0.06
PIECE_S = 0.1


def tone(length_s, rate_hz=8000, level=4634):
    """Return what has -20 dBFS."""
    at = np.arange(round(length_s * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * 440 * at)).astype(np.int16)


class Honest:
    """Hums for as long as a text takes."""

    rate_hz = 8000

    async def synthesize(self, text, audio):
        await self.synthesize_timed(text, audio, lambda words: None)

    async def synthesize_timed(self, text, audio, words):
        sound = self.sound(text)
        for at in range(0, len(sound), round(PIECE_S * self.rate_hz)):
            await trio.sleep(0.01)
            await audio(sound[at : at + round(PIECE_S * self.rate_hz)])
        words(self.words(text))

    def sound(self, text):
        if not any(letter.isalpha() for letter in text):
            return np.zeros(0, np.int16)
        return tone(len(text) * LETTER_S, self.rate_hz)

    def words(self, text):
        words, ends = text.split(), np.cumsum([len(word) + 1 for word in text.split()])
        return [
            Word(word, end_s=float(end - 1) * LETTER_S)
            for word, end in zip(words, ends, strict=True)
        ]


class Mute(Honest):
    def sound(self, text):
        return np.zeros(0, np.int16)


class Silent(Honest):
    def sound(self, text):
        return np.zeros_like(super().sound(text))


class Floats(Honest):
    def sound(self, text):
        return super().sound(text) / np.float32(32768)


class Stereo(Honest):
    def sound(self, text):
        return np.stack([super().sound(text)] * 2, axis=1)


class Hasty(Honest):
    def sound(self, text):
        return super().sound(text)[::10]


class Hesitates(Honest):
    def sound(self, text):
        return np.concatenate([np.zeros(1600, np.int16), super().sound(text)])


class Trails(Honest):
    def sound(self, text):
        return np.concatenate([super().sound(text), np.zeros(1600, np.int16)])


class Shouts(Honest):
    def sound(self, text):
        return super().sound(text) * 4


class HumsAtDots(Honest):
    def sound(self, text):
        return tone(max(1, len(text)) * LETTER_S)


class Remembers(Honest):
    """What was cut off is said before the next text."""

    def __init__(self):
        self.left = [np.zeros(0, np.int16)]

    async def synthesize_timed(self, text, audio, words):
        left, self.left = self.left, [self.sound(text)]
        await audio(left[0])
        await super().synthesize_timed(text, audio, words)
        self.left = [np.zeros(0, np.int16)]


class TalksBehind(Honest):
    """What was cut off goes on for those who have hung up."""

    def __init__(self):
        self.cut = []

    async def synthesize_timed(self, text, audio, words):
        for late in self.cut:
            await late(tone(PIECE_S))
        self.cut = [audio]
        await super().synthesize_timed(text, audio, words)
        self.cut = []


class WaitsForNobody(Honest):
    async def synthesize_timed(self, text, audio, words):
        begun_at = trio.current_time()

        async def in_time(pcm):
            if trio.current_time() < begun_at + 0.1:
                await audio(pcm)

        await super().synthesize_timed(text, in_time, words)


class ServesOne(Honest):
    def __init__(self):
        self.is_busy = False

    async def synthesize_timed(self, text, audio, words):
        if not self.is_busy:
            self.is_busy = True
            await super().synthesize_timed(text, audio, words)
            self.is_busy = False


class Swallows(Honest):
    async def synthesize_timed(self, text, audio, words):
        with suppress(Exception):
            await super().synthesize_timed(text, audio, words)


class GivesUp(Honest):
    """Says nothing any more once a listener has failed."""

    is_broken = False

    async def synthesize_timed(self, text, audio, words):
        if self.is_broken:
            return
        self.is_broken = True
        await super().synthesize_timed(text, audio, words)
        self.is_broken = False


class ForgetsWords(Honest):
    def words(self, text):
        return super().words(text)[:-2]


class CountsInHalves(Honest):
    def words(self, text):
        return [Word(word.text, word.end_s / 2) for word in super().words(text)]


@pytest.mark.parametrize("promise", SYNTHESIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_an_honest_one_passes(promise, autojump_clock):
    await promise(Honest())


@pytest.mark.parametrize(
    ("promise", "liar", "told"),
    [
        (kit.gives_linear_audio, Mute, "no audio"),
        (kit.gives_linear_audio, Floats, "float32 instead of int16"),
        (kit.gives_linear_audio, Stereo, "2 dimensions"),
        (kit.speaks_at_a_pace, Hasty, "letters a second"),
        (kit.speaks_at_a_pace, Mute, "letters a second"),
        (kit.trims_silence, Hesitates, "200 ms of silence in front"),
        (kit.trims_silence, Trails, "200 ms of silence behind"),
        (kit.trims_silence, Mute, "nothing is to be heard"),
        (kit.trims_silence, Silent, "nothing is to be heard"),
        (kit.keeps_the_level, Shouts, "the level is off by"),
        (kit.keeps_the_level, Silent, "nothing is to be heard"),
        (kit.is_silent_without_words, HumsAtDots, "gives 480 samples"),
        (kit.stops_when_cancelled, Remembers, "longer or shorter than alone"),
        (kit.stops_when_cancelled, TalksBehind, "audio came after the cancellation"),
        (kit.stops_before_it_has_begun, Remembers, "longer or shorter than alone"),
        (kit.stops_before_it_has_begun, TalksBehind, "audio came after the cancellation"),
        (kit.waits_for_the_listener, WaitsForNobody, "another length"),
        (kit.keeps_calls_apart, ServesOne, "another length beside others"),
        (kit.survives_its_listener, Swallows, "was swallowed"),
        (kit.survives_its_listener, GivesUp, "the next text is not spoken"),
        (kit.tells_words_in_time, ForgetsWords, "12 of 14 words are told"),
        (kit.tells_words_in_time, CountsInHalves, "the last word ends after"),
    ],
)
async def test_a_liar_is_found_out(promise, liar, told, autojump_clock):
    with pytest.raises(AssertionError, match=told):
        await promise(liar())
