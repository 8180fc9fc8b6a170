"""Puts words from far away and decisions of our own detector together to speech events. Pure.

The detector runs beside the remote recognizer: it says within a tenth of a second that somebody
speaks, wherever the provider is, and when he has stopped. The provider only gives words. Words are
an utterance's if they are of audio up to its end; what is settled beyond that is the next one's.

    our detector:   starts ....... pauses ... resumes ...... ends
    the provider:        words   words    words    words(settled)   end of speech
    told:           SpeechStarted  Partial  SpeechResumed    SpeechEnded  Final

A `Final` is due as soon as the words of its utterance are settled: mostly they are before it ends,
for the provider notices the silence sooner. Else it is asked to settle them (`Flush`). An utterance
of which no word comes within `NO_WORDS_S` after that was none (a cough, a door); if words are known
and do not settle by `final_timeout_s`, or nothing at all is told though somebody speaks, the
connection is of no use (`Overdue`).

Words outside of any utterance are one of their own: our detector has missed a quiet voice.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, assert_never

from voiced.recognizer.base import (
    Final,
    Partial,
    SpeechEnded,
    SpeechEvent,
    SpeechResumed,
    SpeechStarted,
)
from voiced.recognizer.dialect import EndOfSpeech, Words
from voiced.recognizer.endpoint import Resumed, Started
from voiced.recognizer.utterance import SoFar, Utterance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.recognizer.endpoint import Ended
    from voiced.recognizer.utterance import Cut

NO_WORDS_S = 0.7
"""After a flush of noise: Deepgram answers in 0.1 s or not at all, and so do the others."""

SLACK_S = 0.25
"""By so much a provider's idea of where words end may fall short of the end of the voice."""

QUIET_S = 0.2
"""An end of speech that is told sooner after the last voice is that of an earlier pause."""

LEAD_S = 0.5
"""So much audio before an utterance is needed to hear it again: the detector comes late."""

LONG_S = 1.0
"""Of so long an utterance somebody who listens tells something."""

UNANSWERED = 3
"""So many long utterances in a row without a word of the provider, and it does not listen."""


@dataclass(frozen=True, slots=True)
class Flush:
    """The provider is to settle what it was sent."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """The words of an utterance do not come: the connection is of no use."""


Action: TypeAlias = SpeechEvent | Flush | Overdue


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """An utterance that has ended and waits for its words; positions as in `Merger`."""

    started_at: float
    last_voice_at: float
    begins_s: float
    ends_s: float
    since: float
    is_answered: bool
    is_doubted: bool = False

    @property
    def is_long(self) -> bool:
        return self.last_voice_at - self.started_at >= LONG_S


class Merger:
    """One call's. Times are trio times; positions are seconds of audio since the call began.

    Args:
        final_timeout_s: from the end of an utterance to its words.
        talks: the provider tells something all the time (`Dialect.talks`).
    """

    def __init__(self, final_timeout_s: float, *, talks: bool = False) -> None:
        self._final_timeout_s = final_timeout_s
        self._talks = talks
        self._unanswered = 0
        self._waiting: deque[_Waiting] = deque()
        self._begun_s: float | None = None  # where the utterance that goes on began
        self._is_answered = False  # something was told since then
        self._pause_at: float | None = None  # last voice before the pause in which the caller is
        self._is_pause_told = False
        self._settled: list[Words] = []
        self._interim = Words(text="", is_settled=False)
        self._told: tuple[str, float | None] = ("", None)
        self._settled_to_s = 0.0
        self._quiet_at = -math.inf  # when an end of speech was told, after which no word came
        self._done_s = 0.0
        self._is_cut_off = False
        self._actions: list[Action] = []

    @property
    def is_waiting(self) -> bool:
        """Whether an utterance waits for its words."""
        return bool(self._waiting)

    # -- our detector ----------------------------------------------------------------------------

    def cut(self, cut: Cut, now: float, position_s: float) -> list[Action]:
        """Take a decision of our detector, made when `position_s` of audio had come."""
        match cut:
            case Started(started_at=voice_at):
                self._begun_s = position_s - (now - voice_at)
                self._is_answered = False
                self._told = ("", None)
                self._actions.append(SpeechStarted(at=now, voice_at=voice_at))
            case SoFar(last_voice_at=last_voice_at):
                self._pause_at, self._is_pause_told = last_voice_at, False
                self._tell_partial()
            case Resumed():
                if self._is_pause_told:
                    self._actions.append(SpeechResumed(at=now))
                self._pause_at, self._is_pause_told = None, False
            case Utterance(ended=ended):
                self._end(ended, now, position_s)
            case _:
                assert_never(cut)
        return self._take_actions()

    def _end(self, ended: Ended, now: float, position_s: float) -> None:
        ends_s = position_s - (now - ended.last_voice_at)
        begins_s = ends_s if self._begun_s is None else self._begun_s
        self._begun_s = self._pause_at = None
        self._is_pause_told = False
        self._actions.append(SpeechEnded(at=now, last_voice_at=ended.last_voice_at))
        self._waiting.append(
            _Waiting(
                started_at=ended.started_at,
                last_voice_at=ended.last_voice_at,
                begins_s=begins_s,
                ends_s=ends_s,
                since=now,
                is_answered=self._is_answered,
            )
        )
        self._settle()
        if self._waiting:
            self._actions.append(Flush())

    # -- the provider ----------------------------------------------------------------------------

    def told(self, what: Words | EndOfSpeech, now: float, position_s: float) -> list[Action]:
        """Take what the provider tells, with positions as ours; `position_s` of audio has come."""
        self._unanswered = 0
        self._is_answered = True
        for waiting in self._waiting:
            waiting.is_answered = True
        match what:
            case Words(is_settled=True):
                self._settled_to_s = max(self._settled_to_s, what.until_s or 0.0)
                self._interim = Words(text="", is_settled=False)
                if what.text:
                    self._settled.append(what)
                    self._quiet_at = -math.inf
            case Words():
                self._interim = what
                if what.text:
                    self._quiet_at = -math.inf
            case EndOfSpeech():
                self._quiet_at = now
            case _:
                assert_never(what)
        self._settle()
        self._tell_partial()
        if isinstance(what, EndOfSpeech):
            self._hear_the_unheard(now, position_s)
        return self._take_actions()

    def _settle(self) -> None:
        """Tell the `Final` of each utterance whose words are settled, in order."""
        while self._waiting and self._is_settled(self._waiting[0]):
            self._finish()
            if self._waiting:
                self._quiet_at = -math.inf  # an end of speech is that of one utterance

    def _is_settled(self, waiting: _Waiting) -> bool:
        if self._settled_to_s >= waiting.ends_s - SLACK_S and self._settled_to_s > 0:
            return True
        # Of audio that is sent anew, an end of speech may be told long after it: what is settled so
        # far says whether it is that of an utterance before.
        is_earlier = 0 < self._settled_to_s <= waiting.begins_s
        is_quiet = self._quiet_at >= waiting.last_voice_at + QUIET_S
        return is_quiet and not is_earlier and not self._interim.text

    def _finish(self) -> None:
        """Tell the `Final` of the utterance that waits longest."""
        waiting = self._waiting.popleft()
        words = self._words_until(waiting.ends_s)
        self._done_s = max(self._done_s, waiting.ends_s)
        self._unanswered += waiting.is_long and not waiting.is_answered
        self._actions.append(
            Final(
                text=" ".join(one.text for one in words),
                confidence=sum(one.confidence for one in words) / len(words) if words else 0.0,
                started_at=waiting.started_at,
                last_voice_at=waiting.last_voice_at,
                last_word=_last_word(words),
            )
        )

    def _words_until(self, ends_s: float) -> list[Words]:
        """Take the settled words that begin before `ends_s`: where the last ones ended."""
        taken: list[Words] = []
        begins_s = self._done_s
        while self._settled and begins_s < ends_s:
            words = self._settled.pop(0)
            taken.append(words)
            begins_s = words.until_s or begins_s
        return taken

    def _hear_the_unheard(self, now: float, position_s: float) -> None:
        """Tell of words outside of any utterance: our detector has missed a quiet voice."""
        if not self._settled or self._waiting or self._begun_s is not None:
            return
        until_s = self._settled[-1].until_s
        ends_s = position_s if until_s is None else min(until_s, position_s)
        voice_at = now - (position_s - ends_s)
        self._actions += [
            SpeechStarted(at=now, voice_at=None),
            SpeechEnded(at=now, last_voice_at=voice_at),
        ]
        self._waiting.append(
            _Waiting(
                started_at=voice_at,
                last_voice_at=voice_at,
                begins_s=ends_s,
                ends_s=ends_s,
                since=now,
                is_answered=True,
            )
        )
        self._finish()
        self._settled.clear()

    def _tell_partial(self) -> None:
        """Tell the words of the utterance that goes on, if there is something new."""
        if self._begun_s is None or self._waiting:
            return
        pieces = [*self._settled, *([self._interim] if self._interim.text else [])]
        text = " ".join(one.text for one in pieces)
        if not text or (text, self._pause_at) == self._told:
            return
        self._told = (text, self._pause_at)
        self._is_pause_told = self._pause_at is not None
        confidence = sum(one.confidence for one in pieces) / len(pieces)
        self._actions.append(
            Partial(
                text=text,
                confidence=confidence,
                last_voice_at=self._pause_at,
                last_word=_last_word(pieces),
            )
        )

    # -- the connection --------------------------------------------------------------------------

    def needed_from_s(self, position_s: float) -> float:
        """Return from where audio is needed to get all words that are not told yet."""
        begins = [waiting.begins_s for waiting in self._waiting]
        if self._begun_s is not None:
            begins.append(self._begun_s)
        oldest_s = min(begins, default=position_s)
        return max(self._done_s, oldest_s - LEAD_S, 0.0)

    def cut_off(self) -> None:
        """Forget the words that were not told in a `Final`: their audio will be sent anew."""
        self._settled = []
        self._interim = Words(text="", is_settled=False)
        self._settled_to_s = 0.0
        self._quiet_at = -math.inf
        self._is_cut_off = True

    def connected(self, now: float) -> list[Action]:
        """Begin to wait again: audio from `needed_from_s` on is being sent."""
        self._is_cut_off = False
        for waiting in self._waiting:
            waiting.since, waiting.is_doubted = now, False
        return [Flush()] if self._waiting else []

    # -- time ------------------------------------------------------------------------------------

    @property
    def wake_at(self) -> float:
        """When `time_passed` is wanted; inf for never."""
        if not self._waiting or self._is_cut_off:
            return math.inf
        first = self._waiting[0]
        is_owed = first.is_doubted or self._is_owed(first)
        return first.since + (self._final_timeout_s if is_owed else NO_WORDS_S)

    def _is_owed(self, waiting: _Waiting) -> bool:
        """Say whether there must be words: some are known, or somebody spoke and nothing came."""
        if self._interim.text or (self._talks and not waiting.is_answered):
            return True
        unanswered = self._unanswered + (waiting.is_long and not waiting.is_answered)
        return unanswered >= UNANSWERED

    def time_passed(self, now: float, *, is_alive: bool = True) -> list[Action]:
        """Give up what was waited for too long.

        `is_alive`: the far end has given a sign of life since the end of the utterance. Without one
        that there are no words means nothing.
        """
        while self._waiting and now >= self.wake_at:
            first = self._waiting[0]
            if is_alive and not self._is_owed(first):
                self._finish()
            elif now < first.since + self._final_timeout_s:
                first.is_doubted = True
            else:
                self._actions.append(Overdue())
                self._is_cut_off = True
                break
        return self._take_actions()

    def _take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions


def _last_word(pieces: Sequence[Words]) -> float:
    """Return how sure the last word is; stretches without words say nothing of it."""
    return next((one.last_word for one in reversed(pieces) if one.text), 1.0)
