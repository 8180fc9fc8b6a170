"""How far a sentence had come when its audio broke off. Pure.

A provider that breaks off in the middle of a sentence has given so many seconds of it; how many
words that is follows from how fast it speaks, which is learned from its whole sentences. A word too
early says a word twice; a word too late leaves one out, which is worse: so one word is taken back.
"""

from __future__ import annotations

from voiced.heard import LETTERS_PER_S, words_within

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

    def rest(self, text: str, audio_s: float) -> str:
        """Return what of `text` is to be said still, of which `audio_s` seconds were given."""
        words = text.split()
        share = min(1.0, audio_s * self.letters_per_s / max(1, len(text)))
        said = len(words_within(text, share).split())
        return " ".join(words[max(0, said - 1) :])
