"""How far a sentence had come when its audio broke off. Pure.

A provider that breaks off in the middle of a sentence has given so many seconds of it. How many
words that is, its words say if it tells them; elsewhere it follows from how fast it speaks, which
is learned from its whole sentences. A word too early says a word twice; a word too late leaves one
out,
which is worse: so one word is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.record.heard import LETTERS_PER_S, words_within
from voiced.record.word_times import word_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.record.word_times import Word

_FEWEST_LETTERS = 12
"""A shorter text says little about the pace: pauses weigh too much."""

_NEW = 0.3
"""Weight of the newest sentence in the mean."""


class Pace:
    """One voice's, shared by all calls."""

    def __init__(self) -> None:
        self.letters_per_s = LETTERS_PER_S

    def spoke(self, text: str, audio_s: float) -> None:
        """Learn from a text that was spoken to its end in `audio_s` seconds."""
        if len(text) >= _FEWEST_LETTERS and audio_s > 0:
            self.letters_per_s += _NEW * (len(text) / audio_s - self.letters_per_s)

    def rest(self, text: str, audio_s: float, told: Sequence[Word] = ()) -> str:
        """Return what of `text` is to be said still, of which `audio_s` seconds were given.

        `told` are its words so far, if they are told. "" where they say that it was given whole.
        """
        words = text.split()
        ends = word_ends(text, told, complete=False)
        said = sum(end_s <= audio_s for end_s in ends)
        if said < len(ends) or (said and said == len(words)):
            return " ".join(words[said:])
        tail = " ".join(words[said:])
        beyond_s = audio_s - (ends[-1] if ends else 0.0)
        share = min(1.0, beyond_s * self.letters_per_s / max(1, len(tail)))
        more = len(words_within(tail, share).split())
        return " ".join(words[said + max(0, more - 1) :])
