"""The steps of one thing that a provider does, as a flight recording holds them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio

from voiced.agent.memory import CallerSpoke
from voiced.errors import BudgetSpent, CommandFailed, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voiced.agent.base import Standing
    from voiced.agent.memory import Entry
    from voiced.flight.notes import Notes


def describe_error(error: Exception) -> dict[str, Any]:
    """Return an error as JSON values, enough to raise its like again."""
    kind = type(error).__name__
    if isinstance(error, ProviderError):
        reason = str(error).removeprefix(f"{error.provider}: ")
        return {"type": kind, "provider": error.provider, "reason": reason}
    if isinstance(error, CommandFailed):
        reason = str(error).removeprefix(f"{error.action}: ")
        told = {"action": error.action, "status": error.status, "code": error.code}
        return {"type": kind, "reason": reason, **told}
    if isinstance(error, BudgetSpent):
        return {"type": kind, "reason": str(error)}
    return {"type": kind}


def describe_standing(past: Sequence[Entry], standing: Standing) -> dict[str, Any]:
    """Return of a conversation in audio what decides how another agent takes it over."""
    turn = next((entry for entry in reversed(past) if isinstance(entry, CallerSpoke)), None)
    return {
        "begun": bool(past),
        "owes": standing.owes_answer,
        "turn": None if turn is None else {"text": turn.text, "digits": turn.digits},
        "apologized": standing.has_apologized,
    }


class Steps:
    """The steps of one thing that a provider does, each with the time that it took to come."""

    def __init__(self, notes: Notes) -> None:
        """Begin to count the first one's time."""
        self._notes = notes
        self._since = trio.current_time()
        self.n = notes.number()

    def number(self) -> int:
        """Return a number for a step that takes several entries to tell."""
        return self._notes.number()

    def note(self, kind: str, n_bytes: int = 0, **data: Any) -> None:
        """Note that a step has come."""
        since, self._since = self._since, trio.current_time()
        after_s = round(self._since - since, 6)
        self._notes.note(kind, n_bytes, n=self.n, after_s=after_s, **data)

    def taken(self) -> None:
        """Begin to count the next one's time: the call has taken the last."""
        self._since = trio.current_time()

    @contextmanager
    def until(self, kind: str) -> Iterator[None]:
        """Note the end, and the error that it came to; nothing when it is cancelled."""
        try:
            yield
        except Exception as error:
            self.note(kind, error=describe_error(error))
            raise
        self.note(kind)
