"""A voice somewhere else: what all remote synthesizers do alike, however their texts get there.

A text is asked for, its audio decoded, trimmed and brought to its level as it comes, its words told
in the time of what is given. What goes wrong once is tried once more: the whole text where nothing
of it was given, and otherwise what has not been, so that the caller hears no sentence twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, assert_never

import trio

from voiced.audio.codec import open_decoder
from voiced.errors import ProviderError
from voiced.record.word_times import Word
from voiced.synthesizer.base import no_words
from voiced.synthesizer.pace import Pace
from voiced.synthesizer.phrase import pieces_of
from voiced.synthesizer.shaping import SpeechShaper, VoiceLevel
from voiced.synthesizer.speech_session import (
    SpeechAudio,
    SpeechDone,
    SpeechEvent,
    SpeechTrouble,
    SpeechWords,
    one_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from pydantic import BaseModel

    from voiced.audio.frame import Pcm
    from voiced.net.peer import Peer
    from voiced.synthesizer.base import PcmSink, WordSink

MAX_CHARS = 1000
"""Longest text of one `synthesize`; providers take 2000 and more."""


PAUSE_S = 0.5
"""After a limit on what may be spoken at the same time: others will soon be done."""

LONGEST_PAUSE_S = 1.0
"""Who wants to be left alone for longer is not waited for: the caller hears nothing meanwhile."""


class Speaking(Protocol):
    """One text that a provider speaks."""

    async def next_event(self) -> SpeechEvent:
        """Return what comes next, until it is done or in trouble. Raises ProviderError."""
        ...


Speak: TypeAlias = "Callable[[str], AbstractAsyncContextManager[Speaking]]"
"""Has a text spoken; leaving the context stops it, and does not wait for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFormat:
    """What a provider was asked for, and what is made of it.

    Attributes:
        encoding: of its audio, a key of `voiced.audio.codec.SUPPORTED`.
        rate_hz: of its audio.
        level_dbfs: RMS of speech.
        first_audio_s: the first sound of a text comes within this, connecting included.
        stall_s: and each further piece of it within this.
    """

    encoding: str
    rate_hz: int
    level_dbfs: float
    first_audio_s: float
    stall_s: float


class RemoteVoice:
    """Fits `Synthesizer` and `TellsWords` of `voiced.synthesizer.base`, but is made, not opened."""

    def __init__(
        self,
        maker: Any,
        peer: Peer,
        form: RemoteFormat,
        speak: Speak,
        anticipate: Callable[[], None],
    ) -> None:
        """Speak by `speak`; `anticipate` has a connection opened before it is needed.

        `maker` is the class whose `open` makes it.
        """
        self.Settings: type[BaseModel] = maker.Settings
        self.open = maker.open
        self.rate_hz = form.rate_hz
        self.anticipate = anticipate
        self._peer = peer
        self._form = form
        self._speak = speak
        self._level = VoiceLevel(form.level_dbfs)
        self._pace = Pace()
        self.n_breaks = 0
        """How many texts broke off and were put together of two parts."""

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak `text` into `audio` in pieces of at most 200 ms.

        Raises:
            SynthesizerFailed: it could not be spoken, nor when that was tried once more.
        """
        await self.synthesize_timed(text, audio, no_words)

    async def synthesize_timed(self, text: str, audio: PcmSink, words: WordSink) -> None:
        """Do as `synthesize`, and tell `words` of the words if the provider does."""
        if len(text) > MAX_CHARS:
            reason = f"text of {len(text)} characters (at most {MAX_CHARS}): split it"
            raise self._peer.failed("bad_request", reason)
        await trio.lowlevel.checkpoint()
        text = one_line(text)
        if not text:
            return
        sentence = _Sentence(text, self._form, self._level, words)
        try:
            await self._say(sentence, audio)
        except ProviderError as error:
            rest = sentence.rest(self._pace)
            if not rest:
                return
            pause_s = _pause_s(error)
            if not error.retryable or pause_s > LONGEST_PAUSE_S:
                raise
            await trio.sleep(pause_s)
            self.n_breaks += 1
            again = _Sentence(rest, self._form, self._level, words, sentence.given_s)
            await self._say(again, audio)
        else:
            self._pace.spoke(text, sentence.given_s)

    async def _say(self, sentence: _Sentence, audio: PcmSink) -> None:
        patience_until = trio.current_time() + self._form.first_audio_s
        with trio.CancelScope(deadline=patience_until) as patience:
            async with self._speak(sentence.text) as speaking:
                is_over = False
                while not is_over:
                    event = await speaking.next_event()
                    patience.deadline = float("inf")  # the caller's side may take its time
                    is_over = await self._take(event, sentence, audio)
                    if sentence.has_audio:
                        patience_until = trio.current_time() + self._form.stall_s
                    patience.deadline = patience_until
                return
        if sentence.has_audio:
            raise self._peer.failed("stalled", f"no more audio for {self._form.stall_s:g} s")
        raise self._peer.failed("too_slow", f"no audio within {self._form.first_audio_s:g} s")

    async def _take(self, event: SpeechEvent, sentence: _Sentence, audio: PcmSink) -> bool:
        """Give what `event` has brought; tell whether it was the last."""
        match event:
            case SpeechAudio(data):
                pcm = sentence.feed(data)
            case SpeechWords(words):
                sentence.tell(words)
                return False
            case SpeechDone():
                pcm = sentence.finish()
                if not sentence.given_s:
                    raise self._peer.failed("garbage", "has spoken nothing")
            case SpeechTrouble(kind, reason):
                raise self._peer.failed(kind, reason)
            case _:
                assert_never(event)
        for piece in pieces_of(pcm, self.rate_hz):
            await audio(piece)
        return isinstance(event, SpeechDone)


def _pause_s(error: ProviderError) -> float:
    """Return for how long a provider is left alone before it is asked once more."""
    return error.retry_after_s or PAUSE_S if error.kind == "rate_limited" else 0.0


class _Sentence:
    """One text on its way, and how much of it was given."""

    def __init__(
        self,
        text: str,
        form: RemoteFormat,
        level: VoiceLevel,
        words: WordSink,
        before_s: float = 0.0,
    ) -> None:
        """Begin; `before_s` of audio was given of what stood before `text`."""
        self.text = text
        self.has_audio = False
        self._decoder = open_decoder(form.encoding, form.rate_hz)
        self._shaper = SpeechShaper(form.rate_hz, level)
        self._words = words
        self._before_s = before_s
        self._told: list[Word] = []  # in the time of what is given, once that has begun
        self._waiting: list[Word] = []

    @property
    def given_s(self) -> float:
        """Audio given, from the very beginning, in seconds."""
        return self._before_s + self._shaper.given_s

    def feed(self, data: bytes) -> Pcm:
        self.has_audio = True
        pcm = self._shaper.feed(self._decoder.decode(data))
        self._tell_waiting()
        return pcm

    def finish(self) -> Pcm:
        pcm = self._shaper.finish()
        self._tell_waiting()
        return pcm

    def tell(self, words: Sequence[Word]) -> None:
        """Take words with their times in the provider's audio."""
        self._waiting += words
        self._tell_waiting()

    def _tell_waiting(self) -> None:
        """Tell the words once it is known how much silence in front of them was dropped."""
        if self._shaper.given_s == 0.0 or not self._waiting:
            return
        shift = self._shaper.dropped_s
        words = [Word(word.text, max(0.0, word.end_s - shift)) for word in self._waiting]
        self._waiting.clear()
        self._told += words
        self._words([Word(word.text, self._before_s + word.end_s) for word in words])

    def rest(self, pace: Pace) -> str:
        """Return what is to be said still."""
        given_s = self._shaper.given_s
        return pace.rest(self.text, given_s, self._told) if given_s else self.text
