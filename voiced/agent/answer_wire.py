"""Answers that come as server-sent events: what a parser of one has to be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.errors import TroubleKind
    from voiced.net.sse import SseEvent

_Piece = TypeVar("_Piece", covariant=True)
_End = TypeVar("_End", covariant=True)


@dataclass(frozen=True, slots=True)
class Trouble:
    """The far end says in the middle of its answer that it fails, or what it says is no sense."""

    kind: TroubleKind
    reason: str


class AnswerParser(Protocol[_Piece, _End]):
    """Parses the events of one answer."""

    @property
    def is_over(self) -> bool:
        """Whether the answer has said that it is complete, though its stream may go on."""
        ...

    def feed(self, event: SseEvent) -> Sequence[_Piece | Trouble]:
        """Take an event; return what it brings. Nothing more is fed after a `Trouble`."""
        ...

    def finish(self) -> _End | Trouble:
        """Return the end, once no more events come."""
        ...
