"""Recognized or written text made comparable: lower-case words, numbers spelled, one form for each.

Pure. Recognizers differ in what they write ("10:30", "ten thirty", "I'd", "i would"); after
`spoken_words` it is all the same, and `canonical` evens out the contractions.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_WORDS = 30
"""Words of one turn that are looked at, the last ones: ten seconds of talk."""


def words_in(text: str) -> tuple[str, ...]:
    """Return the words of a list written as one text: the readable way to write many."""
    return tuple(text.split())


_ONES = words_in(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = words_in("twenty thirty forty fifty sixty seventy eighty ninety")

_TIME = re.compile(r"\b(\d{1,2})[:.](\d\d)\b")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")

# The letters before the apostrophe stay, what follows is written out. "'s" is left alone: it may
# be "is" as well as a genitive; the whole words below are never one.
_ENDINGS = {"d": "would", "m": "am", "ll": "will", "ve": "have", "re": "are"}
_CONTRACTIONS = {
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "let's": ("let", "us"),
    "what's": ("what", "is"),
    "that's": ("that", "is"),
    "it's": ("it", "is"),
    "when's": ("when", "is"),
    "there's": ("there", "is"),
    "yeah": ("yes",),
    "yep": ("yes",),
    "ok": ("okay",),
    "bye-bye": ("bye", "bye"),
}


def spell_number(number: int) -> str:
    """Return `number` in words, 0..99; larger ones digit by digit, as telephone numbers are read.

    >>> spell_number(30)
    'thirty'
    """
    if number < len(_ONES):
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")
    return " ".join(_ONES[int(digit)] for digit in str(number))


def _spell_time(found: re.Match[str]) -> str:
    """Write "10:30" as "ten thirty", "10:00" as "ten", "9:05" as "nine oh five"."""
    hour, minute = int(found[1]), int(found[2])
    if not minute:
        return f" {spell_number(hour)} "
    return f" {spell_number(hour)} {'oh ' if minute < 10 else ''}{spell_number(minute)} "


def _spell_digits(found: re.Match[str]) -> str:
    """Write a run of digits in words; a long or zero-led one digit by digit."""
    digits = found.group()
    if len(digits) > 2 or digits.startswith("0"):
        return " " + " ".join(_ONES[int(digit)] for digit in digits) + " "
    return f" {spell_number(int(digits))} "


def spoken_words(text: str) -> tuple[str, ...]:
    """Return the words of `text`: ASCII letters and apostrophes, lower case, numbers spelled.

    At most the last `MAX_WORDS`: what a caller says last is what counts.
    """
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).encode("ascii", "ignore")
    spelled = _NUMBER.sub(_spell_digits, _TIME.sub(_spell_time, plain.decode("ascii").lower()))
    return tuple(_WORD.findall(spelled)[-MAX_WORDS:])


def canonical(words: Iterable[str]) -> tuple[str, ...]:
    """Return `words` with contractions written out, so that "i'd like" equals "i would like"."""
    return tuple(part for word in words for part in _written_out(word))


def _written_out(word: str) -> tuple[str, ...]:
    """Return one word's long form."""
    if word in _CONTRACTIONS:
        return _CONTRACTIONS[word]
    stem, _, ending = word.rpartition("'")
    if ending == "t" and len(stem) > 1 and stem.endswith("n"):
        return stem[:-1], "not"
    return (stem, _ENDINGS[ending]) if stem and ending in _ENDINGS else (word,)
