"""What a recognizer is: the caller's frames in, speech events out.

Write one by fitting `Recognizer` and naming the class in the entry-point group
`voiced.recognizers`. `voiced.testing.recognizer_kit` tells whether it behaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    import trio
    from pydantic import BaseModel

    from voiced.audio.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """The caller has begun to speak. `at` (trio time) is the detector's decision point.

    `voice_at` is when the first voiced frame had arrived, if that is known.
    """

    at: float
    voice_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded:
    """The caller has fallen silent; a `Final` follows.

    `at` is when that was decided, `last_voice_at` when the last voiced frame had arrived: turn
    latency counts from the latter.
    """

    at: float
    last_voice_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechResumed:
    """The caller goes on after a pause for which a `Partial` gave `last_voice_at`."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """A transcript of the present utterance that may still change.

    `last_voice_at`: the caller has paused, and this was when the last voiced frame had arrived;
    None while he speaks, or when the recognizer does not know. A turn may be taken to end with such
    a pause, before `SpeechEnded`. `last_word` is the confidence, 0..1, of the last word alone; 1
    where the recognizer does not tell.
    """

    text: str
    confidence: float = 0.0
    last_voice_at: float | None = None
    last_word: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The settled transcript of one utterance; text "" means speech without words we know.

    `confidence` is 0..1, and `last_word` that of the last word alone; 1 where the recognizer does
    not tell. `started_at` and `last_voice_at` are trio times of the utterance's first and last
    voiced frame.
    """

    text: str
    confidence: float
    started_at: float
    last_voice_at: float
    last_word: float = 1.0


SpeechEvent: TypeAlias = SpeechStarted | SpeechResumed | SpeechEnded | Partial | Final


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What callers are expected to say: sample sentences, lower case, words separated by spaces.

    A closed-domain recognizer builds its language model from them. One that knows all words may be
    told `terms`: names and words of the trade among them, as they are written. Hashable, so that a
    model can be cached by it.
    """

    sentences: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


NO_VOCABULARY = Vocabulary()


class Recognizer(Protocol):
    """One per daemon, shared by all calls; `recognize` runs once for each call, as its task.

    `Settings` is the pydantic model of the provider's own keys in `[recognizer]`. `rate_hz` is the
    sample rate at which frames are wanted; inbound resamples to it.
    """

    Settings: ClassVar[type[BaseModel]]
    rate_hz: int

    @classmethod
    def open(cls, settings: Any) -> AbstractAsyncContextManager[Recognizer]:
        """Acquire what lives as long as the daemon (worker processes, models, connections).

        Raises:
            StartupError: something is missing; the text says what to install.
        """
        ...

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Get ready for calls that will use `vocabulary`, so that none of them waits for it."""
        ...

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Turn one call's frames into speech events until `frames` ends; closes both ends.

        Never waits so long that `frames` (25 frames) fills up. Every utterance gives one
        `SpeechStarted`, one `SpeechEnded` and one `Final`, each kind in the order of utterances,
        unless the frames end first; `Partial` and `SpeechResumed` as the recognizer can. A `Final`
        may come after the next utterance's `SpeechStarted` or `SpeechEnded`: whoever starts to
        speak is told of at once, whatever is being decoded.

        Raises:
            RecognizerFailed: this call cannot be recognized any more.
        """
        ...
