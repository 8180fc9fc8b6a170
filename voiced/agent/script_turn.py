"""What the agent does in one turn of a dialogue file: values, in their order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from voiced.turns.expect import ExpectSpeech

if TYPE_CHECKING:
    from voiced.agent.dialogue import RecordingOrder
    from voiced.turns.expect import Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A text to speak in one go; the caller cannot interrupt a `protected` one."""

    text: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Start, pause, resume or stop the recording of the call."""

    order: RecordingOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Have Telnyx play a file, once what was said before has been heard."""

    url: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys, once what was said before has been heard."""

    digits: str = field(repr=False)


Deed: TypeAlias = Record | Play | Press


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Transfer the caller to `to` (E.164 or SIP URI)."""

    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTurn:
    """What the agent says and does, in order, and how the dialogue ends after that, if it does.

    `expected` is what the caller will answer.
    """

    parts: tuple[Passage | Deed, ...]
    ending: HangUp | Transfer | None = None
    expected: Expectation = field(default_factory=ExpectSpeech)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """What the agent says of it."""
        return tuple(part for part in self.parts if isinstance(part, Passage))
