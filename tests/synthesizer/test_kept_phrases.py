"""Phrases that are known before a call are spoken once; what is made for a caller is never kept."""

from contextlib import asynccontextmanager

import numpy as np
import pytest
import trio

from voiced.synthesizer.base import Word, speak
from voiced.synthesizer.kept_phrases import PhraseKeepingSynthesizer, open_phrase_keeper
from voiced.synthesizer.phrase_disk import PhraseDisk
from voiced.testing.providers import ToneSynthesizer
from voiced.testing.synthesizer_kit import SYNTHESIZER_PROMISES, Listener, hear

HELLO, ANSWER = "Hello, this is the office.", "Your appointment is on Monday, Ms Miller."


class Noting(ToneSynthesizer):
    """Notes what it speaks, and tells one word."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.texts = []
        self.n_breaks = 0
        self.anticipated = 0
        self.breaks = False

    def anticipate(self):
        self.anticipated += 1

    async def synthesize_timed(self, text, audio, words):
        self.texts.append(text)
        words([Word(text.split()[0], 0.2)])
        await self.synthesize(text, audio)
        self.n_breaks += self.breaks


async def in_place(work, *args):
    await trio.lowlevel.checkpoint()
    return work(*args)


@asynccontextmanager
async def keeping(voice, path=None, *, settings=None, run_sync=in_place):
    disk = None if path is None else PhraseDisk(path, 10**7)
    async with open_phrase_keeper(disk, run_sync) as keeper:
        keeper.known.add(HELLO)
        yield PhraseKeepingSynthesizer(voice, keeper, "tone", settings or {})
        await trio.sleep(0.1)  # for what is on its way to the disk


async def test_a_known_phrase_is_spoken_once_and_the_same_is_heard_again(autojump_clock):
    voice = Noting()
    async with keeping(voice) as kept:
        first, second = await hear(kept, HELLO), await hear(kept, HELLO)
    assert voice.texts == [HELLO]
    assert np.array_equal(first.pcm, second.pcm)
    assert first.words == second.words == [Word("Hello,", 0.2)]
    assert {len(piece) for piece in second.pieces[:-1]} == {4800}


async def test_it_is_on_the_disk_for_the_next_daemon(autojump_clock, tmp_path):
    async with keeping(Noting(), tmp_path) as kept:
        first = await hear(kept, HELLO)
    voice = Noting()
    async with keeping(voice, tmp_path) as kept:
        second = await hear(kept, HELLO)
    assert voice.texts == []
    assert np.array_equal(first.pcm, second.pcm)
    async with keeping(voice, tmp_path, settings={"voice": "another"}) as kept:
        await hear(kept, HELLO)
    assert voice.texts == [HELLO]


async def test_what_was_not_known_before_the_call_is_never_kept(autojump_clock, tmp_path):
    voice = Noting()
    async with keeping(voice, tmp_path) as kept:
        for _ in range(5):
            await hear(kept, ANSWER)
    assert len(voice.texts) == 5
    assert list(tmp_path.iterdir()) == []


async def test_a_phrase_that_was_cut_is_not_kept(autojump_clock):
    voice = Noting()
    async with keeping(voice) as kept:
        cut = Listener(hears=2)
        with cut.scope:
            await speak(kept, HELLO, cut)
        await hear(kept, HELLO)
    assert len(voice.texts) == 2


async def test_a_phrase_that_was_put_together_of_two_parts_is_not_kept(autojump_clock):
    voice = Noting()
    voice.breaks = True
    async with keeping(voice) as kept:
        await hear(kept, HELLO)
        voice.breaks = False
        await hear(kept, HELLO)
        await hear(kept, HELLO)
    assert len(voice.texts) == 2


async def test_a_disk_that_hangs_is_not_waited_for(autojump_clock, tmp_path):
    async def hanging(work, *args):
        await trio.sleep(1000)

    voice = Noting()
    async with keeping(voice, tmp_path, run_sync=hanging) as kept:
        began_at = trio.current_time()
        await hear(kept, HELLO)
        assert trio.current_time() - began_at == pytest.approx(0.2)
        await hear(kept, HELLO)
    assert voice.texts == [HELLO]


async def test_the_voice_behind_it_is_told_of_calls(autojump_clock):
    voice = Noting()
    async with keeping(voice) as kept:
        kept.anticipate()
    assert voice.anticipated == 1


@pytest.mark.slow
async def test_a_thread_of_its_own_does_the_work(tmp_path):
    voice = Noting(first_audio_s=0)
    async with keeping(voice, tmp_path, run_sync=None) as kept:
        await hear(kept, HELLO)
        with trio.fail_after(10):
            while kept._keeper._n_saving:  # noqa: ASYNC110 - a thread sets no event of trio's
                await trio.sleep(0.01)
    async with keeping(voice, tmp_path, run_sync=None) as kept:
        await hear(kept, HELLO)
    assert voice.texts == [HELLO]


# The tones are at another level, and sound for an empty line, too.
NOT_ITS_OWN = {"keeps_the_level", "is_silent_without_words"}
PASSED_ON = [p for p in SYNTHESIZER_PROMISES if p.__name__ not in NOT_ITS_OWN]


@pytest.mark.parametrize("promise", PASSED_ON, ids=lambda promise: promise.__name__)
async def test_it_keeps_the_promises_of_what_it_wraps(promise, autojump_clock):
    async with keeping(ToneSynthesizer()) as kept:
        kept._keeper.known |= {"Yes, of course."}
        await promise(kept)
