"""The synthesizer, noted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from voiced.flight.taps.steps import Steps
from voiced.services.services import anticipate
from voiced.synthesizer.base import no_words, speak

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.audio.frame import Pcm
    from voiced.flight.notes import Notes
    from voiced.synthesizer.base import PcmSink, Synthesizer, Word, WordSink


class TappedSynthesizer:
    """Notes what it is asked to speak, its audio, and when its words have sounded."""

    def __init__(self, synthesizer: Synthesizer, notes: Notes) -> None:
        self.rate_hz = synthesizer.rate_hz
        self.anticipate = partial(anticipate, synthesizer)
        self._synthesizer = synthesizer
        self._notes = notes

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak, and note it."""
        await self.synthesize_timed(text, audio, no_words)

    async def synthesize_timed(self, text: str, audio: PcmSink, words: WordSink) -> None:
        """Speak, and note it, with its words if the synthesizer tells them."""
        steps = Steps(self._notes)
        self._notes.note("speak", len(text), n=steps.n, text=text)

        async def noted(pcm: Pcm) -> None:
            steps.note("pcm", pcm.nbytes, audio=pcm)
            await audio(pcm)
            steps.taken()

        def noted_words(told: Sequence[Word]) -> None:
            steps.note("words", words=[(word.text, round(word.end_s, 4)) for word in told])
            words(told)

        with steps.until("spoken"):
            await speak(self._synthesizer, text, noted, noted_words)
