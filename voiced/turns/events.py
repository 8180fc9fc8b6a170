"""What happens on the floor, and what is to be done about it. Pure values.

The floor is whose go it is. `voiced.turns.floor` takes events and returns actions; the task
`voiced.call.conversation` brings the ones and carries out the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechResumed, SpeechStarted


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller pressed a key, one of `0-9A-D*#`."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplySounds:
    """The first audio of our reply goes out."""


@dataclass(frozen=True, slots=True)
class ReplyOver:
    """Our reply was heard to its end, or had nothing to say."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """It is `Floor.wake_at`, or later."""


Event: TypeAlias = (
    SpeechStarted
    | SpeechResumed
    | SpeechEnded
    | Partial
    | Final
    | KeyPressed
    | ReplySounds
    | ReplyOver
    | TimePassed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the line is like at the moment of an event.

    Attributes:
        now: trio time.
        protected: a passage is playing that must not be interrupted.
        closing: our reply ends the call when it has been heard.
        nearly_over: little is left of it: who says "yes" now, answers.
        echo: what comes from the caller is explained by what we play.
    """

    now: float
    protected: bool = False
    closing: bool = False
    nearly_over: bool = False
    echo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One utterance as it was understood; `last_voice_at` is trio time.

    `last_word` is the confidence of the last word alone, 1 where nobody knows.
    """

    text: str
    confidence: float
    last_voice_at: float
    last_word: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the caller said and keyed in in one turn, so far."""

    words: tuple[Words, ...] = ()
    digits: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(words.text for words in self.words if words.text)

    @property
    def confidence(self) -> float:
        """Of the utterance that was understood least; 1 where only keys were pressed."""
        return min((words.confidence for words in self.words), default=1.0)

    @property
    def last_word(self) -> float:
        """Of the last word, 0..1: how sure it is that the words end so."""
        return self.words[-1].last_word if self.words else 1.0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to answer: an utterance without words is something."""
        return not self.words and not self.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Begin a reply to `said`. `since`: trio time of the end of the caller's turn.

    `held_back`: it must not sound before `Release`; the caller may yet go on.
    """

    said: Said
    since: float
    held_back: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """Begin a reply to a caller who has been silent for the `silences`-th time in a row."""

    silences: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the call: nobody speaks, however often prompted."""


@dataclass(frozen=True, slots=True)
class Warn:
    """Begin a reply that says that time is short."""


@dataclass(frozen=True, slots=True)
class Release:
    """The turn is over for certain: let the reply that was held back sound."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Fall silent at once, and be ready to go on: somebody speaks over us."""


@dataclass(frozen=True, slots=True)
class Resume:
    """It was a false alarm: go on from the word where we fell silent."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The caller interrupts for good: end the reply, tell the dialogue what was heard."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The turn was not over: drop the reply, of which nothing has sounded, without a trace."""


@dataclass(frozen=True, slots=True)
class Fill:
    """Bridge the wait for the answer with `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Understood:
    """An utterance's words are settled: note them. They come once for each utterance."""

    text: str
    confidence: float


Change: TypeAlias = Release | Hold | Resume | Fill
"""What changes a reply and lets it live on."""

Action: TypeAlias = Answer | Prompt | Warn | GiveUp | Cut | Withdraw | Understood | Change
