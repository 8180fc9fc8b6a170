"""The synthesizer `flite`: speaks English on this machine, without network or account.

Measured on one core of a small VM: a sentence of 16 words (4.5 s of speech) takes 55-60 ms with the
clustergen voices (rms, slt, awb), 3 ms with the diphone voice kal16, and nothing once it is cached.
"""

from __future__ import annotations

import functools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import trio
from pydantic import BaseModel, ConfigDict, Field

from voiced.errors import SynthesizerFailed
from voiced.synthesizer.base import no_words
from voiced.synthesizer.libflite import RATE_HZ, Voice, VoiceName
from voiced.synthesizer.phrase import make_phrase, pieces_of
from voiced.synthesizer.phrase_cache import PhraseCache
from voiced.synthesizer.plain_text import plain_text
from voiced.synthesizer.threads import thread_runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.synthesizer.base import PcmSink, WordSink
    from voiced.synthesizer.phrase import Phrase
    from voiced.synthesizer.threads import ThreadRunner

MAX_CHARS = 1000
"""Longest text of one `synthesize`: a minute of speech, under a second of work."""

_CACHE_BYTES = 16_000_000  # 8 minutes of phrases


class FliteSettings(BaseModel):
    """Keys of `[synthesizer]` for `provider = "flite"`.

    Attributes:
        voice: rms (a man, understood best), slt (a woman), awb (a Scottish man), kal16 (robotic,
            fast, always the same to the last bit).
        stretch: pace, 0.5 (twice as fast) to 2.0 (half as fast).
        level_dbfs: RMS level of speech, dBFS; the peak stays below -1 dBFS whatever this says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    voice: VoiceName = "rms"
    stretch: float = Field(default=1.0, ge=0.5, le=2.0)
    level_dbfs: float = Field(default=-20.0, ge=-40.0, le=-10.0)


class FliteSynthesizer:
    """See `voiced.synthesizer.base.Synthesizer`."""

    Settings: ClassVar[type[BaseModel]] = FliteSettings
    rate_hz = RATE_HZ
    keeps_phrases = True
    """All its phrases, in memory; they cost it less than reading them from a disk."""

    def __init__(self, settings: FliteSettings, run_sync: ThreadRunner) -> None:
        self._settings = settings
        self._run_sync = run_sync
        self._voice = Voice(settings.voice)
        self._cache = PhraseCache(_CACHE_BYTES)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: FliteSettings, *, run_sync: ThreadRunner | None = None
    ) -> AsyncIterator[FliteSynthesizer]:
        """Load the voice.

        Args:
            settings: see `FliteSettings`.
            run_sync: where to do the work; None for worker threads. A test on a virtual clock
                passes one that works in place, because that clock runs on while a thread works.

        Raises:
            StartupError: libflite1 is not installed.
        """
        yield cls(settings, run_sync or thread_runner())

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak `text` into `audio` in pieces of 200 ms; text without a word gives none.

        Raises:
            SynthesizerFailed: the text is longer than `MAX_CHARS`, or flite failed.
        """
        await self.synthesize_timed(text, audio, no_words)

    async def synthesize_timed(self, text: str, audio: PcmSink, words: WordSink) -> None:
        """Do as `synthesize`, and tell `words` of all words before the first piece."""
        if len(text) > MAX_CHARS:
            raise SynthesizerFailed(
                "flite", f"text of {len(text)} characters (at most {MAX_CHARS}): split it"
            )
        await trio.lowlevel.checkpoint()
        plain = plain_text(text)
        if not plain:
            return
        phrase = self._cache.get(plain)
        if phrase is None:
            phrase = await self._run_sync(functools.partial(self._phrase, plain))
        words(phrase.words)
        for piece in pieces_of(phrase.pcm, RATE_HZ):
            await audio(piece)

    def _phrase(self, text: str) -> Phrase:
        """Return `text` as it is spoken; runs in a worker thread.

        Looks into the cache once more: when a hundred calls are greeted at the same time, two
        threads do the work and the others find it done. What an abandoned thread has spoken is
        kept, too.
        """
        phrase = self._cache.get(text)
        if phrase is None:
            raw, words = self._voice.speak_timed(text, stretch=self._settings.stretch)
            phrase = make_phrase(raw, RATE_HZ, self._settings.level_dbfs, words)
            self._cache.put(text, phrase)
        return phrase
