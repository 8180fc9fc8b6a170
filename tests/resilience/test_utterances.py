"""Each utterance is told once, whoever recognizes."""

from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechStarted
from voiced.resilience.utterances import FOUND_AGAIN_S, Utterances

FINAL_S = 4.0


def started(at=1.0):
    return SpeechStarted(at=at)


def ended(at=2.0):
    return SpeechEnded(at=at, last_voice_at=at - 0.5)


def final(text="hello", at=1.5):
    return Final(text=text, confidence=0.9, started_at=at - 0.5, last_voice_at=at)


class Listener:
    """What a call is told."""

    def __init__(self):
        self.utterances = Utterances()
        self.told = []

    def hear(self, *events, now=2.0):
        taken = [self.utterances.take(event, now, FINAL_S) for event in events]
        self.told += [event for event in taken if event is not None]

    def switch(self, now=2.0):
        self.utterances.switched(now, FINAL_S)


def test_without_a_switch_everything_is_told():
    call = Listener()
    said = [started(), Partial(text="hel"), ended(), final(), started(5.0), ended(6.0), final("x")]
    call.hear(*said)
    assert call.told == said
    assert not call.utterances.is_open


def test_a_beginning_that_was_told_is_not_told_again():
    call = Listener()
    call.hear(started())
    call.switch()
    call.hear(started(1.1), ended(), final())
    assert call.told == [started(), ended(), final()]
    assert not call.utterances.is_open


def test_an_end_that_was_told_is_not_told_again_and_the_words_are():
    call = Listener()
    call.hear(started(), ended())
    call.switch()
    call.hear(started(1.1), ended(2.1), final())
    assert call.told == [started(), ended(), final()]


def test_two_utterances_that_overlap_are_both_ended_by_the_next_one():
    call = Listener()
    call.hear(started(1.0), ended(2.0), started(2.5))
    call.switch()
    call.hear(started(1.1), ended(2.1), started(2.6), final("one"), ended(3.0), final("two"))
    assert call.told == [
        *(started(1.0), ended(2.0), started(2.5)),
        *(final("one"), ended(3.0), final("two")),
    ]


def test_speech_that_is_not_found_again_ends_without_words():
    call = Listener()
    call.hear(started())
    call.switch(now=2.0)
    assert call.utterances.wake_at == 2.0 + FOUND_AGAIN_S
    assert not list(call.utterances.unfound(3.9))
    endings = list(call.utterances.unfound(4.0))
    first, last = endings
    assert isinstance(first, SpeechEnded)
    assert isinstance(last, Final)
    assert last.text == ""
    assert not call.utterances.is_open
    call.hear(started(9.0))
    assert call.told[-1] == started(9.0)


def test_only_the_words_are_missing_of_speech_that_had_ended():
    call = Listener()
    call.hear(started(), ended())
    call.switch(now=2.0)
    (ending,) = call.utterances.unfound(4.0)
    assert isinstance(ending, Final)
    assert call.utterances.wake_at == float("inf")


def test_words_are_overdue_some_time_after_the_end():
    call = Listener()
    call.hear(started(), ended(), now=2.0)
    assert call.utterances.wake_at == 6.0
    assert not call.utterances.is_overdue(5.9)
    assert call.utterances.is_overdue(6.0)
    call.hear(final(), now=6.0)
    assert not call.utterances.is_overdue(99.0)


def test_the_next_one_owes_the_words_too():
    call = Listener()
    call.hear(started(), ended(), now=2.0)
    call.switch(now=6.0)
    call.hear(started(), now=6.0)
    assert not call.utterances.is_overdue(11.9)
    assert call.utterances.is_overdue(12.0)
