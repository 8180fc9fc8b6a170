"""What a synthesizer is: text in, linear audio out.

Write one by fitting `Synthesizer` and naming the class in the entry-point group
`voiced.synthesizers`. `voiced.testing` holds the conformance kit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from voiced.record.word_times import Word, WordSink, no_words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from pydantic import BaseModel

    from voiced.audio.frame import Pcm

__all__ = ["PcmSink", "Synthesizer", "TellsWords", "Word", "WordSink", "no_words", "speak"]

PcmSink: TypeAlias = "Callable[[Pcm], Awaitable[None]]"
"""Takes pieces of audio in order; waits while enough is queued (backpressure)."""


class Synthesizer(Protocol):
    """One per daemon, shared by all calls.

    `Settings` is the pydantic model of the provider's own keys in `[synthesizer]`. `rate_hz` is the
    sample rate of all audio it gives.
    """

    Settings: ClassVar[type[BaseModel]]
    rate_hz: int

    @classmethod
    def open(cls, settings: Any) -> AbstractAsyncContextManager[Synthesizer]:
        """Acquire what lives as long as the daemon.

        Raises:
            StartupError: something is missing; the text says what to install.
        """
        ...

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak `text` (one speakable piece, a sentence or so) into `audio` as it becomes ready.

        Cancelling it stops the work; nothing is given to `audio` afterwards. Leading and trailing
        silence is trimmed to at most 50 ms, and the level is about -20 dBFS RMS in speech.

        Raises:
            SynthesizerFailed: the text could not be spoken.
        """
        ...


@runtime_checkable
class TellsWords(Protocol):
    """What a synthesizer may have beside that, so that what was heard is known to the word.

    One that wraps another has it, too, and calls `speak`; nothing is told where the other has not.
    """

    async def synthesize_timed(self, text: str, audio: PcmSink, words: WordSink) -> None:
        """Do as `synthesize`, and tell `words` when each word of `text` has sounded.

        They are told in order, and each as early as it is known; late is better than never. `end_s`
        counts from the first sample given to `audio`, what was trimmed left out.
        """
        ...


async def speak(
    synthesizer: Synthesizer, text: str, audio: PcmSink, words: WordSink = no_words
) -> None:
    """Have `synthesizer` speak `text`, and tell of its words if it can."""
    if isinstance(synthesizer, TellsWords):
        await synthesizer.synthesize_timed(text, audio, words)
    else:
        await synthesizer.synthesize(text, audio)
