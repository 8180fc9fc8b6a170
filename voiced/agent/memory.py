"""What was said in a call and what of it was heard, for an agent that has to know. Pure.

A language model that believes it has said what the caller never heard talks past him. So a memory
holds the caller's turns, and of the agent's words those that reached him, and no more. Give it what
a dialogue is told (`voiced.agent.base.Dialogue`, `Remembering`) and hand `messages` to the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.agent.base import CallerTurn
    from voiced.heard import HeardPiece


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSpoke:
    """A turn of the caller: words, or keys, or both."""

    text: str
    digits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpoke:
    """A reply as far as it was heard; `unheard` is what it would have gone on with."""

    heard: str
    unheard: str = ""


Entry: TypeAlias = CallerSpoke | AgentSpoke


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message for a chat model."""

    role: Literal["user", "assistant"]
    content: str


class Memory:
    """One call's. Bounded by the call's own length limit."""

    def __init__(self, past: Sequence[Entry] = ()) -> None:
        """Begin with what is known of the conversation so far."""
        self._entries: list[Entry] = list(past)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything, in order."""
        return tuple(self._entries)

    def caller_said(self, turn: CallerTurn) -> None:
        """Note a turn, at the beginning of `Dialogue.answer`."""
        self._entries.append(CallerSpoke(text=turn.text, digits=turn.digits))

    def withdrawn(self) -> None:
        """Forget the last turn: it was not over, and comes again with more words."""
        if self._entries and isinstance(self._entries[-1], CallerSpoke):
            self._entries.pop()

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        """Note what became of a reply, as `Remembering.heard` is told.

        What is unknown (the call ended before its mark came) counts as unheard.
        """
        heard = " ".join(piece.heard_text for piece in pieces if piece.heard_text)
        unheard = _rest(pieces)
        if heard or unheard:
            self._entries.append(AgentSpoke(heard=heard, unheard=unheard))

    def messages(self) -> list[Message]:
        """Return the conversation for a chat model: what was not heard is not in it."""
        return [message for entry in self._entries if (message := _message(entry)) is not None]


def _rest(pieces: Sequence[HeardPiece]) -> str:
    """Return what was cut and not said again: a held piece is followed by its rest."""
    rest: list[str] = []
    for piece in pieces:
        if rest and piece.text == rest[0]:
            rest.pop(0)
        words = piece.text.split()[len(piece.heard_text.split()) :]
        if words:
            rest.append(" ".join(words))
    return " ".join(rest)


def _message(entry: Entry) -> Message | None:
    match entry:
        case CallerSpoke(text=text, digits=digits):
            keyed = f"(keys: {digits})" if digits else ""
            content = " ".join(part for part in (text, keyed) if part)
            return Message(role="user", content=content or "(not understood)")
        case AgentSpoke(heard=heard, unheard=unheard):
            if not heard:
                return None
            return Message(role="assistant", content=f"{heard} (cut short)" if unheard else heard)
