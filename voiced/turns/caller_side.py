"""The caller's side of the floor: voice, words and keys, over our reply or in its absence. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.turns.events import Words
from voiced.turns.expect import ExpectYesNo
from voiced.turns.floor_state import Phase
from voiced.turns.timers import Timer
from voiced.turns.wording import is_one_of, words_of

if TYPE_CHECKING:
    from voiced.recognizer.base import Final, Partial
    from voiced.turns.floor_state import FloorState
    from voiced.turns.our_side import OurSide
    from voiced.turns.utterances import Utterance

ECHO_AGAIN_S = 0.1
"""What is taken for our echo is looked at again so often, while it lasts."""


class CallerSide:
    """What the caller can do; each method changes the floor and says what is to be done."""

    def __init__(self, floor: FloorState, ours: OurSide) -> None:
        self._floor = floor
        self._ours = ours

    def starts(self) -> None:
        """A voice begins."""
        self._began(self._floor.utterances.start(self._floor.now))

    def _began(self, utterance: Utterance) -> None:
        floor = self._floor
        match floor.phase:
            case Phase.NOTHING:
                floor.timers.stop(Timer.END, Timer.STABLE)
            case Phase.THINKING:
                if floor.may_withdraw:
                    self._ours.withdraw()
                else:
                    utterance.deaf = True
            case Phase.SOUNDING:
                self._speaks_over(utterance)
            case Phase.HELD:
                floor.timers.stop(Timer.FALSE_ALARM)
                floor.timers.set(Timer.SURE, floor.now + floor.rules.sure_s)

    def resumes(self) -> None:
        """The caller goes on in an utterance in which he had paused."""
        floor = self._floor
        utterance = floor.utterances.last
        if utterance is None or utterance.deaf:
            return
        utterance.partial = None
        if floor.phase in (Phase.NOTHING, Phase.THINKING):
            utterance.taken = False
            self._began(utterance)
        elif floor.phase is Phase.SOUNDING and utterance.taken:
            utterance.taken = False
            utterance.started_at = floor.now
            self._speaks_over(utterance)

    def _speaks_over(self, utterance: Utterance) -> None:
        floor = self._floor
        utterance.echo = False
        if floor.line.protected or not floor.rules.barge_in:
            utterance.deaf = True
        elif floor.line.echo:
            utterance.echo = True
            floor.timers.set(Timer.ECHO, floor.now + ECHO_AGAIN_S)
        else:
            utterance.over = True
            if floor.rules.interrupt_words == 0:
                floor.timers.set(Timer.HOLD, floor.now + floor.rules.interrupt_after_s)

    def stops(self) -> None:
        """The voice has ended."""
        floor = self._floor
        floor.silence.sound(floor.now)
        floor.utterances.end()
        if floor.utterances.speaking is None:
            floor.timers.stop(Timer.HOLD, Timer.SURE)
            if floor.phase is Phase.HELD:
                floor.timers.set(Timer.FALSE_ALARM, floor.now + floor.rules.false_alarm_s)

    # -- the caller is understood ----------------------------------------------------------------

    def is_partly_understood(self, partial: Partial) -> None:
        """A transcript that may yet change."""
        floor = self._floor
        utterance = floor.utterances.last
        if utterance is None or utterance.deaf or utterance.echo or utterance.taken:
            return
        if not partial.text:
            return
        changed = utterance.partial is None or utterance.partial.text != partial.text
        utterance.paused = partial.last_voice_at is not None
        utterance.partial = Words(
            text=partial.text,
            confidence=partial.confidence,
            last_voice_at=partial.last_voice_at or floor.now,
            last_word=partial.last_word,
        )
        if self._interrupts(utterance, partial.text):
            self._ours.cut()
        elif changed and floor.phase is Phase.THINKING and floor.may_withdraw:
            self._ours.withdraw()
        if changed:
            utterance.stable = False
            floor.timers.set(Timer.STABLE, floor.now + floor.rules.stable_s)

    def _interrupts(self, utterance: Utterance, text: str) -> bool:
        """Say whether words over our reply end it."""
        floor = self._floor
        if floor.phase is Phase.SOUNDING and not utterance.over:
            return False
        if floor.phase not in (Phase.SOUNDING, Phase.HELD):
            return False
        if len(words_of(text)) < max(1, floor.rules.interrupt_words):
            return False
        if floor.line.closing and is_one_of(text, floor.rules.farewell):
            return False
        answers = floor.line.nearly_over or isinstance(floor.turn.expected, ExpectYesNo)
        return answers or not is_one_of(text, floor.rules.back_channel)

    def is_understood(self, final: Final) -> None:
        """The transcript of the oldest utterance is settled."""
        floor = self._floor
        floor.silence.sound(floor.now)
        utterance = floor.utterances.settle()
        if utterance is None:
            return
        floor.note(utterance, final.text, final.confidence)
        if final.text:
            floor.silence.words(floor.now)
        is_new = not (utterance.deaf or utterance.echo or utterance.taken)
        if is_new and self._interrupts(utterance, final.text):
            self._ours.cut()
        match floor.phase:
            case Phase.HELD:
                if not floor.utterances.any_heard:
                    self._ours.resume()
            case Phase.THINKING if floor.may_withdraw:
                self._settle_guess(utterance, final)
            case Phase.NOTHING:
                self._keep(utterance, final)
            case _:
                pass

    def _settle_guess(self, utterance: Utterance, final: Final) -> None:
        """A transcript has come while our reply is in the making, maybe to a guess of it."""
        floor = self._floor
        if utterance.deaf or utterance.echo or not final.text:
            return
        if utterance.taken or (floor.held_back and floor.turn.guessed(final.text)):
            floor.turn.settle(_words(final))
            if floor.held_back:
                floor.timers.set(Timer.END, floor.turn.settled_over_at(floor.now))
        else:
            self._ours.withdraw()
            self._keep(utterance, final)

    def _keep(self, utterance: Utterance, final: Final) -> None:
        """Put what was understood to the turn; a cough in a silence is none."""
        if utterance.deaf or utterance.echo or utterance.taken:
            return
        if final.text or self._floor.was_cut:
            self._floor.turn.add(_words(final))

    # -- the caller presses keys -----------------------------------------------------------------

    def presses(self, key: str) -> None:
        """A key, over our voice or not."""
        floor = self._floor
        if floor.turn.keys.is_habit(key, floor.now):
            return
        floor.silence.words(floor.now)
        interruptible = floor.rules.barge_in and not floor.line.protected
        if floor.phase is Phase.HELD or (floor.phase is Phase.SOUNDING and interruptible):
            self._ours.cut()
        elif floor.phase is Phase.THINKING and floor.may_withdraw:
            self._ours.withdraw()
        number = floor.turn.keys.press(key, floor.now)
        floor.timers.set(Timer.DIGITS, floor.turn.keys.due_at)
        if number is not None:
            self._has_keyed(number)

    def presses_no_more(self) -> None:
        """No key came for a while: the number is whole."""
        self._has_keyed(self._floor.turn.keys.take())

    def _has_keyed(self, number: str) -> None:
        self._floor.timers.stop(Timer.DIGITS)
        self._floor.turn.add_digits(number)

    def look_at_echo(self) -> None:
        """What was taken for our echo goes on: is it that still?"""
        floor = self._floor
        utterance = floor.utterances.last
        if utterance is None or not (utterance.echo and utterance.speaking):
            return
        if floor.line.echo:
            floor.timers.set(Timer.ECHO, floor.now + ECHO_AGAIN_S)
        elif floor.phase is Phase.SOUNDING:
            self._speaks_over(utterance)
        else:
            utterance.echo = False

    @property
    def suspects_echo(self) -> bool:
        """Whether the line's `echo` is wanted with the next event."""
        utterance = self._floor.utterances.last
        return utterance is not None and utterance.echo and utterance.speaking


def _words(final: Final) -> Words:
    return Words(
        text=final.text,
        confidence=final.confidence,
        last_voice_at=final.last_voice_at,
        last_word=final.last_word,
    )
