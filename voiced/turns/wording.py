"""What single words tell of a turn: is it finished, is it one at all. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from voiced.turns.expect import ExpectDigits, ExpectSpeech, ExpectSpelling, ExpectYesNo

if TYPE_CHECKING:
    from voiced.turns.expect import Expectation
    from voiced.turns.rules import TurnRules

_DIGIT_WORDS = frozenset(
    ["zero", "oh", "o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)
_TIMES = {"double": 2, "triple": 3}
_WORD = re.compile(r"[\w']+")

NUMBER_BEGUN = 3
"""So many single digits at the end of a sentence are the beginning of a longer number ..."""
NUMBER_WHOLE = 10
"""... until there are so many: a telephone number of the North American plan."""

SURE_WORD = 0.5
"""A last word of which the recognizer is less sure is no proof that the sentence goes on.

A decoder that misses the end of a sentence puts a small word there ("opening the" for "opening
hours"). Measured with four synthesized voices (embedded recognizer, the shipped dialogue): of 254
sentences on clean lines that truly stopped at such a word, 83 % had a surer one, and 1.71 s were
waited in the mean instead of 1.8; after a false one, never surer than 0.15, 0.85 s.
"""


class Ending(Enum):
    """How a caller's words sound at their end."""

    COMPLETE = "complete"
    """An answer that wants nothing more."""
    OPEN = "open"
    """It may be the end."""
    UNFINISHED = "unfinished"
    """More is to come: "and", "um", a number in progress."""


def words_of(text: str) -> list[str]:
    """Return the words in small letters, without punctuation."""
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def is_one_of(text: str, phrases: frozenset[str]) -> bool:
    """Say whether `text` is one of `phrases`, or one of them several times over."""
    words = words_of(text)
    if " ".join(words) in phrases:
        return True
    return bool(words) and all(word in phrases for word in words)


def ending_of(text: str, expected: Expectation, rules: TurnRules) -> Ending:
    """Judge the end of what the caller has said so far."""
    words = words_of(text)
    if not words:
        return Ending.OPEN
    if words[-1] in rules.unfinished or _trails_off(text):
        return Ending.UNFINISHED
    match expected:
        case ExpectYesNo():
            return Ending.COMPLETE
        case ExpectSpelling():
            return Ending.UNFINISHED
        case ExpectDigits():
            return _ending_of_number(digits_at_end(words), expected)
        case ExpectSpeech():
            return _ending_of_sentence(text, words)


def _trails_off(text: str) -> bool:
    return text.rstrip().endswith((",", "-", "…", "..."))


def _ending_of_number(n_digits: int, expected: ExpectDigits) -> Ending:
    if n_digits >= expected.max_length:
        return Ending.COMPLETE
    return Ending.UNFINISHED if 0 < n_digits < expected.min_length else Ending.OPEN


def _ending_of_sentence(text: str, words: list[str]) -> Ending:
    if NUMBER_BEGUN <= digits_at_end(words) < NUMBER_WHOLE:
        return Ending.UNFINISHED
    return Ending.COMPLETE if text.rstrip().endswith((".", "?", "!")) else Ending.OPEN


def digits_at_end(words: list[str]) -> int:
    """Return how many single digits the words end with ("four double seven": 3)."""
    n = 0
    last = 0
    for word in reversed(words):
        if word in _DIGIT_WORDS:
            last = 1
        elif word.isdigit():
            last = len(word)
        elif word in _TIMES and last == 1:
            last = _TIMES[word] - 1
        else:
            break
        n += last
    return n


def patience_s(
    text: str, expected: Expectation, rules: TurnRules, *, last_word: float = 1.0
) -> float:
    """Return how long after the caller's last voice the turn is over.

    Args:
        text: what the caller has said.
        expected: what he was asked for.
        rules: the delays.
        last_word: how sure the recognizer is of the last word, 0..1. The less, the less a word
            that wants another ("the") lengthens the wait.
    """
    return expected.patience * _delay_s(text, expected, rules, last_word)


def _delay_s(text: str, expected: Expectation, rules: TurnRules, last_word: float) -> float:
    if not rules.dynamic:
        return rules.delay_s
    match ending_of(text, expected, rules):
        case Ending.COMPLETE:
            return rules.min_delay_s
        case Ending.OPEN:
            return rules.delay_s
        case Ending.UNFINISHED if is_doubtful(text, rules, last_word):
            longer_s = rules.max_delay_s - rules.delay_s
            return rules.delay_s + longer_s * last_word / SURE_WORD
        case Ending.UNFINISHED:
            return rules.max_delay_s


def is_doubtful(text: str, rules: TurnRules, last_word: float) -> bool:
    """Say whether `text` seems to go on only by a word of which the recognizer is not sure."""
    words = words_of(text)
    is_small = bool(words) and words[-1] in rules.unfinished
    return is_small and last_word < SURE_WORD and not _trails_off(text)
