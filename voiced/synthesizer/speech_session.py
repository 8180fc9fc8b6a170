"""What the sockets of remote voices have in common: one text after the other on one connection.

A provider's `_wire` module has a session for each connection: texts in, messages out; messages in,
what has come of the present text out. Sessions are pure and do what keeps sentences apart: of a
text that was cancelled nothing comes through any more, by its context where the provider has such,
or by the order of messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.errors import TroubleKind
    from voiced.record.word_times import Word


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """Audio of the present text, in the encoding that was asked for."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SpeechWords:
    """Words of the present text; their times count from the first sample of its audio."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class SpeechDone:
    """The present text has been spoken."""


@dataclass(frozen=True, slots=True)
class SpeechTrouble:
    """The provider cannot speak the present text."""

    kind: TroubleKind
    reason: str


SpeechEvent: TypeAlias = SpeechAudio | SpeechWords | SpeechDone | SpeechTrouble


class SpeechSession(Protocol):
    """One connection. A text is present from `begin` until it is done, in trouble or cancelled."""

    is_spoilt: bool
    """Whether no further text may be begun on it, ever."""

    def opening(self) -> Sequence[str]:
        """Return what is sent when the connection is open."""
        ...

    def may_begin(self, now: float) -> bool:
        """Whether another text may be begun on it at `now` (trio time)."""
        ...

    def begin(self, text: str, now: float) -> Sequence[str]:
        """Return what is sent to have `text` spoken; none may be present."""
        ...

    def cancel(self) -> Sequence[str]:
        """Return what is sent to stop the present text; nothing of it comes through any more."""
        ...

    def receive(self, message: str | bytes) -> Sequence[SpeechEvent]:
        """Return what a message tells of the present text.

        Raises:
            ValueError: it makes no sense.
        """
        ...


def one_line(text: str) -> str:
    """Return `text` without line ends and double spaces; "" where nothing could be spoken."""
    line = " ".join(text.split())
    return line if any(character.isalnum() for character in line) else ""
