"""What can go wrong at a provider, as plans for a fake one. Pure.

A plan has one entry for each exchange (a request or a WebSocket), in order; None lets one be. When
it is used up, all goes well.

`after` counts what the fake has sent in the exchange (messages, or pieces of an answer's body), the
handshake and the head of an answer not counted; `at_s` counts seconds since the exchange began. A
fault strikes as soon as both are reached.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The connection is closed before a word was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP status in place of the handshake or the answer: 401, 429, 503 ...

    `retry_after`: the header's value; "" for none.
    """

    status: int
    retry_after: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Nothing is sent any more, though pings are answered."""

    after: int = 0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfOpen:
    """The far end has vanished without a word: nothing comes, is read, or is closed."""

    after: int = 0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The connection is reset."""

    after: int = 0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseWith:
    """The WebSocket is closed with a code; of an answer, the connection ends in its middle."""

    code: int = 1011
    reason: str = ""
    after: int = 0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Something is sent that makes no sense, and then what was due."""

    text: str = '{"type": '
    after: int = 0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Everything is sent later by `by_s`, seconds; the handshake or head of an answer too."""

    by_s: float


Strike: TypeAlias = Stall | HalfOpen | Drop | CloseWith | Garbage
"""Faults that come in the middle of an exchange."""

Fault: TypeAlias = Refuse | Answer | Late | Strike


class FaultPlan:
    """The faults of a fake's exchanges, in order."""

    def __init__(self, faults: Iterable[Fault | None] = ()) -> None:
        self._faults = deque(faults)

    def next(self) -> Fault | None:
        """Return the fault of the exchange that begins now."""
        return self._faults.popleft() if self._faults else None

    def add(self, *faults: Fault | None) -> None:
        """Plan for the exchanges after those that are planned for."""
        self._faults.extend(faults)
