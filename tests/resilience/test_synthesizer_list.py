"""A list of synthesizers, on the virtual clock."""

import numpy as np
import pytest
import trio

from voiced.errors import SynthesizerFailed, SynthesizerTooSlow
from voiced.record.word_times import Word
from voiced.resilience.synthesizer import SynthesizerList
from voiced.testing.providers import ToneSynthesizer

TEXT = "Your table is booked for seven this evening, and we look forward to seeing you."


class Broken(ToneSynthesizer):
    """Gives `audio_s` seconds of a sentence, then raises or, without an error, stalls."""

    def __init__(self, audio_s=0.0, error=None, **keys):
        super().__init__(**keys)
        self.audio_s = audio_s
        self.error = error
        self.texts = []

    async def synthesize(self, text, audio):
        self.texts.append(text)
        if self.audio_s:
            await audio(np.ones(int(self.audio_s * self.rate_hz), np.int16))
        if self.error is not None:
            raise self.error
        await trio.sleep_forever()


class Noting(ToneSynthesizer):
    """Works, and notes its texts."""

    def __init__(self, **keys):
        super().__init__(**keys)
        self.texts = []

    async def synthesize(self, text, audio):
        self.texts.append(text)
        await super().synthesize(text, audio)


@pytest.fixture
def speak(members, notes):
    """Speak TEXT with a list; returns the seconds of audio."""

    async def run(*providers, text=TEXT, list_=None, **keys):
        synthesizer = list_ or SynthesizerList(members(*providers, **keys), notes)
        n_samples = 0

        async def sink(pcm):
            nonlocal n_samples
            await trio.lowlevel.checkpoint()
            n_samples += len(pcm)

        await synthesizer.synthesize(text, sink)
        return n_samples / synthesizer.rate_hz

    return run


async def test_who_fails_before_any_audio_is_followed_by_the_next(speak, notes, autojump_clock):
    first, second = Broken(error=SynthesizerFailed("x", "no")), Noting()
    assert await speak(first, second) == pytest.approx(len(TEXT) / 20, abs=0.01)
    assert second.texts == [TEXT]
    assert notes.failures == [("one", "failed")]
    assert notes.switches == [("one", "two")]


async def test_who_breaks_off_is_followed_from_the_word_reached(speak, notes, autojump_clock):
    first, second = Broken(audio_s=2.0, error=SynthesizerFailed("x", "no", kind="closed")), Noting()
    await speak(first, second)
    assert second.texts == ["for seven this evening, and we look forward to seeing you."]
    assert notes.failures == [("one", "closed")]


async def test_a_stall_is_noticed_before_and_in_a_sentence(speak, notes, autojump_clock):
    second = Noting()
    await speak(Broken(), second)
    assert trio.current_time() == pytest.approx(2.1)
    await speak(Broken(audio_s=2.0), second)
    assert second.texts[1].startswith("for seven")
    assert notes.failures == [("one", "too_slow"), ("one", "too_slow")]


class Wordy(Broken):
    """Breaks off after two seconds, in which three slow words were said."""

    async def synthesize_timed(self, text, audio, words):
        words([Word(word, 0.6 * n) for n, word in enumerate(text.split()[:4], 1)])
        await self.synthesize(text, audio)


async def test_words_are_passed_on_and_say_where_the_next_one_goes_on(
    members, notes, autojump_clock
):
    error = SynthesizerFailed("x", "no", kind="closed")
    second = Noting()
    told: list[Word] = []

    async def sink(pcm):
        del pcm
        await trio.lowlevel.checkpoint()

    list_ = SynthesizerList(members(Wordy(audio_s=2.0, error=error), second), notes)
    await list_.synthesize_timed(TEXT, sink, told.extend)
    assert [(word.text, round(word.end_s, 1)) for word in told] == [
        ("Your", 0.6),
        ("table", 1.2),
        ("is", 1.8),
        ("booked", 2.4),
    ]
    assert second.texts == ["booked for seven this evening, and we look forward to seeing you."]


async def test_waiting_for_the_caller_is_no_stall(members, notes, autojump_clock):
    synthesizer = SynthesizerList(members(Noting(), Noting()), notes)

    async def slow_sink(pcm):
        del pcm
        await trio.sleep(5)

    await synthesizer.synthesize(TEXT, slow_sink)
    assert notes.events == []


async def test_the_call_stays_with_whom_it_has(speak, members, notes, autojump_clock):
    first, second = Broken(error=SynthesizerFailed("x", "no")), Noting()
    list_ = SynthesizerList(members(first, second), notes)
    await speak(list_=list_)
    await speak(list_=list_, text="And another one.")
    assert len(first.texts) == 1
    assert notes.switches == [("one", "two")]


async def test_the_next_call_tries_the_first_one_again_until_its_circuit_opens(
    speak, members, notes, autojump_clock
):
    first = Broken(error=SynthesizerFailed("x", "no"))
    for_all = SynthesizerList(members(first, Noting(), failures=2))
    for _ in range(3):
        await speak(list_=for_all.for_call(notes))
    assert len(first.texts) == 2
    assert notes.failures == [("one", "failed")] * 2
    assert notes.switches == [("one", "two")] * 3
    await trio.sleep(30)
    await speak(list_=for_all.for_call(notes))
    assert len(first.texts) == 3


async def test_when_all_fail_the_last_error_is_the_calls(speak, notes, autojump_clock):
    providers = [Broken(error=SynthesizerFailed("x", "no")), Broken()]
    with pytest.raises(SynthesizerTooSlow, match="two: nothing came within 2 s"):
        await speak(*providers)
    assert [name for name, _ in notes.failures] == ["one", "two"]


async def test_open_circuits_are_tried_when_nobody_else_is_left(
    speak, members, notes, autojump_clock
):
    second = Noting()
    members_ = members(Broken(error=SynthesizerFailed("x", "no")), second, failures=1)
    members_[1].breaker.failed(0.0)
    await speak(list_=SynthesizerList(members_, notes))
    assert second.texts == [TEXT]


async def test_who_has_asked_to_be_left_alone_is_not_asked_even_then(
    speak, members, notes, autojump_clock
):
    limited = Broken(error=SynthesizerFailed("x", "429", kind="rate_limited", retry_after_s=60.0))
    list_ = SynthesizerList(members(limited), notes)
    with pytest.raises(SynthesizerFailed, match="429"):
        await speak(list_=list_)
    with pytest.raises(SynthesizerFailed, match="429"):
        await speak(list_=list_)
    with pytest.raises(SynthesizerFailed, match="one: may not be asked yet"):
        await speak(list_=SynthesizerList(list_.members, notes))
    assert len(limited.texts) == 1
    await trio.sleep(60)
    with pytest.raises(SynthesizerFailed):
        await speak(list_=list_)
    assert len(limited.texts) == 2


async def test_patience_ends_before_the_calls_own_budget(speak, notes, autojump_clock):
    second = Noting()
    with trio.fail_after(2.0):
        await speak(Broken(), second)
    assert trio.current_time() == pytest.approx(1.1)  # half of it, and the second one's time
    assert notes.failures == [("one", "too_slow")]


async def test_other_rates_are_brought_to_the_first_ones(speak, autojump_clock):
    first = Broken(rate_hz=24_000, error=SynthesizerFailed("x", "no"))
    seconds = await speak(first, Noting(rate_hz=8000))
    assert seconds == pytest.approx(len(TEXT) / 20, abs=0.02)


async def test_a_sentence_that_is_cut_counts_neither_way(members, notes, autojump_clock):
    members_ = members(Broken(), Noting())
    members_[0].breaker.failed(0.0, lasting=True)
    await trio.sleep(30)
    list_ = SynthesizerList(members_, notes)

    async def sink(pcm):
        del pcm

    async with trio.open_nursery() as nursery:
        nursery.start_soon(list_.synthesize, TEXT, sink)
        await trio.sleep(1.0)
        nursery.cancel_scope.cancel()
    assert notes.events == []
    assert members_[0].breaker.may_try(trio.current_time())  # the trial is free again


async def test_a_fault_that_is_no_providers_goes_through(speak, notes, autojump_clock):
    with pytest.raises(ZeroDivisionError):
        await speak(Broken(error=ZeroDivisionError()), Noting())
    assert notes.events == []


async def test_errors_in_a_group_are_the_providers_own(speak, notes, autojump_clock):
    group = ExceptionGroup("", [SynthesizerFailed("x", "a"), SynthesizerFailed("x", "b")])
    await speak(Broken(error=group), Noting())
    assert notes.failures == [("one", "failed")]


def test_a_list_looks_like_its_first_member(members):
    list_ = SynthesizerList(members(ToneSynthesizer(rate_hz=16_000), ToneSynthesizer()))
    assert list_.rate_hz == 16_000
