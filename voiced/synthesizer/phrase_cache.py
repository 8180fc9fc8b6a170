"""Phrases already spoken, kept by text: a greeting is synthesized once, not for every call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiced.synthesizer.phrase import Phrase


class PhraseCache:
    """The most recently used phrases, at most `max_bytes` of them. Safe in threads.

    The lock is held for a few dictionary operations only.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._phrases: OrderedDict[str, Phrase] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """What is held, 0..max_bytes."""
        return self._n_bytes

    def get(self, text: str) -> Phrase | None:
        """Return the phrase and count it as used, or None."""
        with self._lock:
            phrase = self._phrases.get(text)
            if phrase is not None:
                self._phrases.move_to_end(text)
            return phrase

    def put(self, text: str, phrase: Phrase) -> None:
        """Keep the phrase, forgetting the least recently used ones; too large a one is not kept."""
        with self._lock:
            old = self._phrases.pop(text, None)
            self._n_bytes -= 0 if old is None else old.n_bytes
            if phrase.n_bytes > self._max_bytes:
                return
            self._phrases[text] = phrase
            self._n_bytes += phrase.n_bytes
            while self._n_bytes > self._max_bytes:
                _, oldest = self._phrases.popitem(last=False)
                self._n_bytes -= oldest.n_bytes
