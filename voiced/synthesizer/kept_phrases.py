"""A synthesizer before which phrases are kept: a greeting is spoken once, not for each call.

Only texts that were known before the call are kept: those of the configuration and of the dialogue,
which hold nothing of any caller. What is made for a caller is never kept, however often it is said.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import trio

from voiced.net.helpers import open_helpers
from voiced.services.services import anticipate
from voiced.synthesizer.base import no_words, speak
from voiced.synthesizer.phrase import Phrase, pieces_of
from voiced.synthesizer.phrase_cache import PhraseCache
from voiced.synthesizer.phrase_file import phrase_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from voiced.audio.frame import Pcm
    from voiced.record.word_times import Word
    from voiced.synthesizer.base import PcmSink, Synthesizer, WordSink
    from voiced.synthesizer.phrase_disk import PhraseDisk

_T = TypeVar("_T")

ThreadRunner: TypeAlias = "Callable[..., Awaitable[Any]]"
"""Runs a blocking function with its arguments and returns its result."""

MEMORY_BYTES = 16_000_000
LOAD_S = 0.1
"""A disk that takes longer is not waited for: the provider is asked."""

MOST_SAVING = 8
"""Phrases on their way to the disk; more are not kept this time."""


class PhraseKeeper:
    """The phrases that are kept, for all synthesizers of a daemon; made by `open_phrase_keeper`."""

    def __init__(
        self, helpers: trio.Nursery, disk: PhraseDisk | None, run_sync: ThreadRunner
    ) -> None:
        self.known: set[str] = set()
        """Texts that may be kept, as they are given to a synthesizer."""
        self._memory = PhraseCache(MEMORY_BYTES)
        self._helpers = helpers
        self._disk = disk
        self._run_sync = run_sync
        self._n_saving = 0

    async def find(self, name: str, rate_hz: int) -> Phrase | None:
        """Return a phrase from memory or disk."""
        phrase = self._memory.get(name)
        if phrase is None and self._disk is not None:
            with trio.move_on_after(LOAD_S):
                phrase = await self._run_sync(self._disk.load, name, rate_hz)
            if phrase is not None:
                self._memory.put(name, phrase)
        return phrase

    def keep(self, name: str, phrase: Phrase, rate_hz: int) -> None:
        """Keep a phrase in memory, and on the disk before long. Does not wait."""
        self._memory.put(name, phrase)
        if self._disk is not None and self._n_saving < MOST_SAVING:
            self._n_saving += 1
            self._helpers.start_soon(self._save, name, phrase, rate_hz, name="keep a phrase")

    async def _save(self, name: str, phrase: Phrase, rate_hz: int) -> None:
        assert self._disk is not None
        try:
            await self._run_sync(self._disk.save, name, phrase, rate_hz)
        finally:
            self._n_saving -= 1


@asynccontextmanager
async def open_phrase_keeper(
    disk: PhraseDisk | None, run_sync: ThreadRunner | None = None
) -> AsyncIterator[PhraseKeeper]:
    """Give the keeper.

    Args:
        disk: None to keep phrases in memory only.
        run_sync: where its work is done; None for a thread of its own. A test on a virtual clock
            passes one that works in place.
    """
    async with open_helpers() as helpers:
        yield PhraseKeeper(helpers, disk, run_sync or _thread_runner())


def _thread_runner() -> ThreadRunner:
    limiter = trio.CapacityLimiter(1)

    async def run(work: Callable[..., _T], *args: Any) -> _T:
        return await trio.to_thread.run_sync(work, *args, abandon_on_cancel=True, limiter=limiter)

    return run


class PhraseKeepingSynthesizer:
    """Fits `Synthesizer` and `TellsWords`, but is made, not opened."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        keeper: PhraseKeeper,
        provider: str,
        settings: Mapping[str, Any],
    ) -> None:
        """Keep what `synthesizer` says of the texts that the keeper knows.

        `provider` and `settings` (as JSON values, secrets masked) tell its phrases from others'.
        """
        self.Settings = synthesizer.Settings
        self.open = synthesizer.open
        self.rate_hz = synthesizer.rate_hz
        self._synthesizer = synthesizer
        self._keeper = keeper
        self._provider = provider
        self._settings = settings

    def anticipate(self) -> None:
        """Let the synthesizer get ready for a call."""
        anticipate(self._synthesizer)

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak `text`; see `voiced.synthesizer.base.Synthesizer`."""
        await self.synthesize_timed(text, audio, no_words)

    async def synthesize_timed(self, text: str, audio: PcmSink, words: WordSink) -> None:
        """Do as `synthesize`, and tell `words` of the words if the synthesizer does."""
        if text not in self._keeper.known:
            await speak(self._synthesizer, text, audio, words)
            return
        name = phrase_name(self._provider, self._settings, self.rate_hz, text)
        phrase = await self._keeper.find(name, self.rate_hz)
        if phrase is None:
            await self._speak_and_keep(name, text, audio, words)
            return
        words(phrase.words)
        for piece in pieces_of(phrase.pcm, self.rate_hz):
            await audio(piece)

    async def _speak_and_keep(self, name: str, text: str, audio: PcmSink, words: WordSink) -> None:
        pieces: list[Pcm] = []
        told: list[Word] = []

        async def noted(pcm: Pcm) -> None:
            pieces.append(pcm)
            await audio(pcm)

        def noted_words(new: Sequence[Word]) -> None:
            told.extend(new)
            words(new)

        breaks = self._n_breaks
        await speak(self._synthesizer, text, noted, noted_words)
        if pieces and self._n_breaks == breaks:
            pcm = np.concatenate(pieces)
            pcm.flags.writeable = False
            self._keeper.keep(name, Phrase(pcm=pcm, words=tuple(told)), self.rate_hz)

    @property
    def _n_breaks(self) -> int:
        """How many sentences broke off and were put together: such a one is not kept."""
        return getattr(self._synthesizer, "n_breaks", 0)
