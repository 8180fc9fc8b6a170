"""A list of synthesizers that speaks as one: what the first cannot say, the next one says.

One that fails before its first audio has cost nothing but time. One that breaks off in the middle
of a sentence is followed by another that goes on from the word reached. All audio is given at the
first one's rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pydantic import BaseModel

from voiced.audio.resample import Resampler
from voiced.record.journal import noted_nowhere
from voiced.record.word_times import Word
from voiced.resilience.roster import Round
from voiced.services.services import anticipate
from voiced.synthesizer.base import no_words, speak
from voiced.synthesizer.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.audio.frame import Pcm
    from voiced.record.journal import Note
    from voiced.resilience.roster import Attempt, Member
    from voiced.synthesizer.base import PcmSink, Synthesizer, WordSink


class SynthesizerList:
    """Fits `Synthesizer`, but is made, not opened."""

    Settings: ClassVar[type[BaseModel]] = BaseModel

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made of members instead."""
        raise NotImplementedError

    def __init__(
        self,
        members: tuple[Member[Synthesizer], ...],
        note: Note = noted_nowhere,
        paces: dict[Member[Synthesizer], Pace] | None = None,
    ) -> None:
        """Make a list; its first member is the first choice.

        Args:
            members: at least one.
            note: takes what happens to providers.
            paces: how fast each speaks; learned here if not given.
        """
        self.rate_hz = members[0].provider.rate_hz
        self.members = members
        self._round = Round("synthesizer", members, note)
        self._paces = {member: Pace() for member in members} if paces is None else paces

    def anticipate(self) -> None:
        """Let the first choice get ready for a call."""
        anticipate(self.members[0].provider)

    def for_call(self, note: Note) -> SynthesizerList:
        """Return the list for one call."""
        return SynthesizerList(self.members, note, self._paces)

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak `text`.

        Raises:
            SynthesizerFailed, SynthesizerTooSlow: the last member's error: nobody could speak it.
        """
        await self.synthesize_timed(text, audio, no_words)

    async def synthesize_timed(self, text: str, audio: PcmSink, words: WordSink) -> None:
        """Do as `synthesize`, and tell `words` of the words that a member tells."""
        before_s = 0.0
        for member in self._round.members():
            pace = self._paces[member]
            with self._round.attempt(member) as attempt:
                spoken = _Spoken(member.provider.rate_hz, self.rate_hz, audio, attempt)
                tell = spoken.telling(words, before_s)
                attempt.waits()
                await speak(member.provider, text, spoken.take, tell)
                attempt.has_come()
                await spoken.flush()
            if attempt.error is None:
                pace.spoke(text, spoken.audio_s)
                return
            if spoken.audio_s and not (text := pace.rest(text, spoken.audio_s, spoken.words)):
                return
            before_s += spoken.audio_s
        raise self._round.give_up()


class _Spoken:
    """The audio of one member on its way, counted, at the rate of the list."""

    def __init__(self, from_hz: int, to_hz: int, audio: PcmSink, attempt: Attempt) -> None:
        self._resampler = Resampler(from_hz, to_hz)
        self._audio = audio
        self._attempt = attempt
        self._n_samples = 0
        self._rate_hz = from_hz
        self.words: list[Word] = []
        """Those told so far."""

    @property
    def audio_s(self) -> float:
        """Seconds that were given."""
        return self._n_samples / self._rate_hz

    async def take(self, pcm: Pcm) -> None:
        """Pass audio on; while that waits, nothing is due from the provider."""
        self._attempt.has_come()
        self._n_samples += len(pcm)
        await self._audio(self._resampler.process(pcm))
        self._attempt.waits()

    def telling(self, words: WordSink, before_s: float) -> WordSink:
        """Return what takes this member's words, before whose audio others gave `before_s`."""

        def tell(told: Sequence[Word]) -> None:
            self.words += told
            words([Word(word.text, before_s + word.end_s) for word in told])

        return tell

    async def flush(self) -> None:
        """Pass on what the resampler has kept."""
        tail = self._resampler.flush()
        if len(tail):
            await self._audio(tail)
