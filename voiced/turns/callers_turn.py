"""The caller's turn so far: words, keys, and what was expected of it. Pure.

A reply may be begun before the turn is certain to be over. What it answers is set aside then, with
what was expected, and is given back if the caller goes on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from voiced.turns.digits import DigitCollector
from voiced.turns.events import Said, Words
from voiced.turns.expect import ExpectDigits, ExpectSpeech
from voiced.turns.wording import Ending, ending_of, is_doubtful, patience_s

if TYPE_CHECKING:
    from voiced.turns.expect import Expectation
    from voiced.turns.rules import TurnRules

ANY_DIGITS = ExpectDigits()
"""How keys are put together that nobody has asked for."""


class CallersTurn:
    """What the caller has said and keyed in since the last answer.

    Attributes:
        said: so far.
        answering: what the reply in the making answers; empty if it answers nothing.
        expected: what our last reply lets the caller answer.
        keys: puts keys together.
    """

    def __init__(self, rules: TurnRules) -> None:
        self._rules = rules
        self.keys = DigitCollector()
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.said = self.answering = self._settled = Said()
        self.keys.take()
        self.expected: Expectation = ExpectSpeech()
        self._expected_before: Expectation = self.expected

    def expect(self, what: Expectation) -> None:
        """Note what the caller will answer."""
        self.expected = what
        self.keys.expect(what if isinstance(what, ExpectDigits) else ANY_DIGITS)

    def add(self, words: Words) -> None:
        """Put an utterance to the turn."""
        self.said = self.with_words(words)

    def with_words(self, words: Words) -> Said:
        """Return the turn with an utterance that is not settled yet."""
        return replace(self.said, words=(*self.said.words, words))

    def add_digits(self, number: str) -> None:
        """Put a number to the turn."""
        self.said = replace(self.said, digits=self.said.digits + number)

    def set_aside(self, said: Said) -> None:
        """A reply to `said` is begun; what is settled of it may be given back."""
        self._settled, self.said, self.answering = self.said, Said(), said
        self._expected_before = self.expected
        self.expect(ExpectSpeech())

    def set_nothing_aside(self) -> None:
        """A reply is begun that answers nothing; what was expected still is."""
        self.answering = self._settled = Said()
        self._expected_before = self.expected

    def settle(self, words: Words) -> None:
        """An utterance was settled that had been answered by a guess."""
        self._settled = replace(self._settled, words=(*self._settled.words, words))

    def guessed(self, text: str) -> bool:
        """Say whether the reply in the making answers just these words at its end."""
        return bool(self.answering.words) and self.answering.words[-1].text == text

    def give_back(self) -> None:
        """The reply is withdrawn: go on with what it answered."""
        self.said = Said(
            words=(*self._settled.words, *self.said.words),
            digits=self._settled.digits + self.said.digits,
        )
        self.answering = self._settled = Said()
        self.expect(self._expected_before)

    def over_at(self, said: Said, now: float) -> float:
        """Return when the turn is over if nothing more comes than `said`, perhaps with a guess."""
        return self._over_at(said, self.expected, now)

    def settled_over_at(self, now: float) -> float:
        """Return the same of what was set aside."""
        return self._over_at(self._settled, self._expected_before, now)

    def _over_at(self, said: Said, expected: Expectation, now: float) -> float:
        if said.digits:
            return now
        wait_s = patience_s(said.text, expected, self._rules, last_word=said.last_word)
        return said.words[-1].last_voice_at + wait_s

    def is_worth_thinking(self, said: Said) -> bool:
        """Say whether a reply may be begun although the turn is not certain to be over."""
        if not (self._rules.speculate and said.text):
            return False
        goes_on = ending_of(said.text, self.expected, self._rules) is Ending.UNFINISHED
        return not goes_on or is_doubtful(said.text, self._rules, said.last_word)
