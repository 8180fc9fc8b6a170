"""When the words of a text have sounded: what a synthesizer tells, brought onto what was written.

A synthesizer is given "Doctor Lee is in at five", where "Dr. Lee is in at 5" was written, and may
split or spell what it is given in its own way. So both are compared word by word; where they
differ, the words in between are divided by their letters. What the next word proves is exact.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Word:
    """A word as the synthesizer has it, and when it has sounded to its end.

    `end_s` counts in seconds of the audio that was given for the text.
    """

    text: str
    end_s: float


WordSink: TypeAlias = Callable[[Sequence[Word]], None]
"""Takes the next words of a text, in order; does not wait."""


def no_words(words: Sequence[Word]) -> None:
    """Take words that nobody wants to know."""
    del words


def word_ends(text: str, told: Sequence[Word], *, complete: bool) -> list[float]:
    """Return when the words of `text` have sounded, in seconds; never falling.

    Args:
        text: as it was written; its words are those between spaces.
        told: the words of its audio so far.
        complete: no more will be told.

    Returns:
        As many as are known, from the first word on; a sign that is not spoken ends with the word
        before it.
    """
    written = [_letters(word) for word in text.split()]
    spoken = [_letters(word.text) for word in told]
    ends = list(accumulate((word.end_s for word in told), max, initial=0.0))[1:]
    result: list[float] = []
    for tag, i, i_end, j, j_end in SequenceMatcher(None, written, spoken, False).get_opcodes():
        at_the_end = i_end == len(written)
        if tag == "equal":
            result += ends[j:j_end]
        elif tag == "replace" and (complete or not at_the_end):
            result += _divided(written[i:i_end], spoken[j:j_end], ends[j:j_end])
        elif tag == "delete" and not (at_the_end and any(written[i:i_end])):
            result += [result[-1] if result else 0.0] * (i_end - i)
        elif tag != "insert":
            break  # of what follows it is not known where it lies
    return result


def _divided(written: list[str], spoken: list[str], ends: list[float]) -> list[float]:
    """Say of each written word when as great a share of the spoken letters has sounded."""
    if len(written) == len(spoken):
        return ends
    marks = list(accumulate(max(1, len(word)) for word in spoken))
    total = sum(map(len, written)) or 1
    shares = accumulate(len(word) / total for word in written)
    divided = []
    for share in shares:
        n_letters = share * marks[-1] - 1e-6
        divided.append(next(end for mark, end in zip(marks, ends, strict=True) if mark > n_letters))
    divided[-1] = ends[-1]
    return divided


def _letters(word: str) -> str:
    return "".join(filter(str.isalnum, word)).lower()
