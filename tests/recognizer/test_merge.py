"""Words from far away and our own detector, event by event: the times are exact."""

from dataclasses import replace

import numpy as np

from voiced.recognizer.base import (
    Final,
    Partial,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
)
from voiced.recognizer.dialect import EndOfSpeech, Words
from voiced.recognizer.endpoint import Ended, Resumed, Started
from voiced.recognizer.merge import NO_WORDS_S, Flush, Merger, Overdue
from voiced.recognizer.utterance import SoFar, Utterance

NO_PCM = np.zeros(0, np.int16)


class Call:
    """A call whose audio has come in time, so that positions are times."""

    def __init__(self, *, talks=False):
        self.merger = Merger(3.0, talks=talks)

    def starts(self, at, voice_at):
        return self.merger.cut(Started(started_at=voice_at, voiced_windows=2), at, at)

    def pauses(self, at, last_voice_at):
        return self.merger.cut(SoFar(pcm=NO_PCM, last_voice_at=last_voice_at), at, at)

    def resumes(self, at):
        return self.merger.cut(Resumed(), at, at)

    def ends(self, at, started_at, last_voice_at):
        ended = Ended(
            started_at=started_at,
            last_voice_at=last_voice_at,
            silent_windows=19,
            forced=False,
            too_short=False,
        )
        return self.merger.cut(Utterance(pcm=NO_PCM, ended=ended), at, at)

    def settles(self, at, text, until_s):
        words = Words(text=text, is_settled=True, confidence=0.8, until_s=until_s)
        return self.merger.told(words, at, at)

    def guesses(self, at, text, until_s=None):
        words = Words(text=text, is_settled=False, confidence=0.6, until_s=until_s)
        return self.merger.told(words, at, at)

    def is_quiet(self, at):
        return self.merger.told(EndOfSpeech(), at, at)


def final(text, started_at=1.0, last_voice_at=2.0, confidence=0.8):
    return Final(
        text=text, confidence=confidence, started_at=started_at, last_voice_at=last_voice_at
    )


def test_words_that_are_settled_before_the_end_are_told_with_it():
    call = Call()
    assert call.starts(1.1, 1.0) == [SpeechStarted(at=1.1, voice_at=1.0)]
    assert call.guesses(1.6, "two") == [Partial(text="two", confidence=0.6)]
    assert call.settles(2.4, "two pizzas", 2.3) == [Partial(text="two pizzas", confidence=0.8)]
    assert call.ends(2.6, 1.0, 2.0) == [SpeechEnded(at=2.6, last_voice_at=2.0), final("two pizzas")]


def test_how_sure_the_last_word_is_goes_with_the_words():
    call = Call()
    call.starts(1.1, 1.0)
    call.settles(1.5, "it is", 1.4)
    words = Words(text="on the", is_settled=False, confidence=0.8, until_s=1.9, last_word=0.3)
    partial = Partial(text="it is on the", confidence=0.8, last_word=0.3)
    assert call.merger.told(words, 2.0, 2.0) == [partial]
    assert call.ends(2.6, 1.0, 2.0) == [SpeechEnded(at=2.6, last_voice_at=2.0), Flush()]
    settled = replace(words, is_settled=True, until_s=2.6, last_word=0.4)
    told = replace(final("it is on the"), last_word=0.4)
    assert call.merger.told(settled, 2.8, 2.8) == [told]


def test_words_that_are_not_settled_at_the_end_are_asked_for():
    call = Call()
    call.starts(1.1, 1.0)
    call.guesses(1.6, "two")
    assert call.ends(2.6, 1.0, 2.0) == [SpeechEnded(at=2.6, last_voice_at=2.0), Flush()]
    assert call.settles(2.8, "two pizzas", 2.6) == [final("two pizzas")]
    assert call.merger.wake_at == float("inf")


def test_a_pause_tells_the_words_so_far_and_that_it_is_over():
    call = Call()
    call.starts(1.1, 1.0)
    call.guesses(1.6, "two")
    assert call.pauses(2.3, 2.0) == [Partial(text="two", confidence=0.6, last_voice_at=2.0)]
    assert call.guesses(2.4, "two pizzas") == [
        Partial(text="two pizzas", confidence=0.6, last_voice_at=2.0)
    ]
    assert call.resumes(2.5) == [SpeechResumed(at=2.5)]
    assert call.pauses(3.3, 3.0) == [Partial(text="two pizzas", confidence=0.6, last_voice_at=3.0)]


def test_the_end_of_an_earlier_pause_does_not_settle_what_was_said_after_it():
    call = Call()
    call.starts(1.1, 1.0)
    call.settles(2.0, "two", None)
    call.is_quiet(2.1)  # about a pause before 1.8; the last voice is at 2.0
    assert call.ends(2.6, 1.0, 2.0) == [SpeechEnded(at=2.6, last_voice_at=2.0), Flush()]
    call.settles(2.8, "pizzas", None)
    assert call.is_quiet(2.9) == [final("two pizzas")]


def test_words_of_later_audio_are_the_next_utterances():
    call = Call()
    call.starts(1.1, 1.0)
    call.ends(2.6, 1.0, 2.0)
    call.starts(2.9, 2.8)
    assert call.settles(3.0, "two pizzas", 2.1) == [final("two pizzas")]
    assert call.settles(3.4, "please", 3.3) == [Partial(text="please", confidence=0.8)]
    assert call.ends(3.9, 2.8, 3.3) == [
        SpeechEnded(at=3.9, last_voice_at=3.3),
        final("please", 2.8, 3.3),
    ]


def test_finals_keep_the_order_of_utterances():
    call = Call()
    call.starts(1.1, 1.0)
    call.ends(2.6, 1.0, 2.0)
    call.starts(2.9, 2.8)
    call.ends(3.9, 2.8, 3.3)
    call.settles(4.0, "two pizzas", 2.1)
    assert call.settles(4.1, "please", 3.3) == [final("please", 2.8, 3.3)]


def test_a_noise_has_no_words_soon_after_it_has_ended():
    call = Call()
    call.starts(1.1, 1.0)
    call.ends(2.6, 1.0, 1.2)
    assert call.merger.wake_at == 2.6 + NO_WORDS_S
    assert call.merger.time_passed(2.6 + NO_WORDS_S) == [final("", 1.0, 1.2, 0.0)]


def test_no_words_from_a_far_end_that_may_have_gone_mean_nothing():
    gone, slow = Call(), Call()
    for call in (gone, slow):
        call.starts(1.1, 1.0)
        call.ends(2.6, 1.0, 1.2)
        assert call.merger.time_passed(3.4, is_alive=False) == []
        assert call.merger.wake_at == 5.6
    assert gone.merger.time_passed(5.6, is_alive=False) == [Overdue()]
    assert slow.merger.time_passed(5.6, is_alive=True) == [final("", 1.0, 1.2, 0.0)]


def test_words_that_are_known_but_never_settle_are_overdue():
    call = Call()
    call.starts(1.1, 1.0)
    call.guesses(1.6, "two")
    call.ends(2.6, 1.0, 2.0)
    assert call.merger.time_passed(5.6) == [Overdue()]
    assert call.merger.wake_at == float("inf")  # until there is another connection
    call.merger.cut_off()
    assert call.merger.needed_from_s(5.6) == 0.5
    assert call.merger.connected(5.7) == [Flush()]
    assert call.settles(5.9, "two pizzas", 2.4) == [final("two pizzas")]


def test_who_talks_all_the_time_and_now_says_nothing_is_deaf():
    deaf, quiet = Call(talks=True), Call()
    for call in (deaf, quiet):
        call.starts(1.1, 1.0)
        call.ends(2.6, 1.0, 2.0)
    assert deaf.merger.time_passed(5.6) == [Overdue()]
    assert quiet.merger.time_passed(5.6) == [final("", confidence=0.0)]


def test_who_says_nothing_of_three_long_utterances_is_deaf_too():
    call = Call()
    for n in (0, 10):
        call.starts(n + 1.1, n + 1.0)
        call.ends(n + 2.6, n + 1.0, n + 2.0)
        assert call.merger.time_passed(n + 5.6) == [final("", n + 1.0, n + 2.0, 0.0)]
    call.starts(21.1, 21.0)
    call.ends(22.6, 21.0, 22.0)
    assert call.merger.time_passed(25.6) == [Overdue()]


def test_words_outside_of_any_utterance_are_one_of_their_own():
    call = Call()
    assert call.settles(3.0, "hello", 2.5) == []
    assert call.is_quiet(3.0) == [
        SpeechStarted(at=3.0, voice_at=None),
        SpeechEnded(at=3.0, last_voice_at=2.5),
        final("hello", 2.5, 2.5),
    ]


def test_audio_is_needed_only_from_what_is_not_told_yet():
    call = Call()
    assert call.merger.needed_from_s(20.0) == 19.5
    call.starts(21.1, 21.0)
    assert call.merger.needed_from_s(25.0) == 20.5
    call.settles(22.5, "hello", 22.2)
    call.ends(22.6, 21.0, 22.0)
    assert call.merger.needed_from_s(22.7) == 22.2
    assert call.merger.needed_from_s(22.4) == 22.0
