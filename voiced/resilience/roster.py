"""Whom a call asks next: the members of a fallback list, and one call's way through them.

A call begins with the first member whose circuit is closed and stays with whom it has: a voice that
changes with every sentence is worse than the second voice. It goes on to the next one when that
fails, and round to the first again after the last.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import trio

from voiced.errors import (
    AgentFailed,
    AgentTooSlow,
    ProviderError,
    ProviderTooSlow,
    RecognizerFailed,
    SynthesizerFailed,
    SynthesizerTooSlow,
    ToolTooSlow,
)
from voiced.log import get_logger
from voiced.record.journal import ProviderFailed, ProviderSwitched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.record.journal import Note, Role
    from voiced.resilience.breaker import Breaker

log = get_logger(__name__)

_FAILED: dict[Role, type[ProviderError]] = {
    "recognizer": RecognizerFailed,
    "agent": AgentFailed,
    "synthesizer": SynthesizerFailed,
}
_TOO_SLOW: dict[Role, type[ProviderTooSlow]] = {
    "recognizer": ProviderTooSlow,
    "agent": AgentTooSlow,
    "synthesizer": SynthesizerTooSlow,
}

_LASTING = {"unauthorized", "bad_request"}
"""What opens a circuit at once: the next attempt would fail as well."""

ProviderT = TypeVar("ProviderT")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member(Generic[ProviderT]):
    """One provider of a list: its name in the configuration, and how long it is waited for.

    `patience_s` is for first words, first audio, or the words of an utterance that has ended.
    """

    name: str
    provider: ProviderT
    breaker: Breaker
    patience_s: float


class Attempt:
    """One member at one piece of work."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self.scope = trio.CancelScope()
        self.error: ProviderError | None = None
        """Why it came to nothing."""

    def waits(self) -> None:
        """From now on something is due from the provider."""
        self.scope.deadline = trio.current_time() + self._patience_s

    def has_come(self) -> None:
        """Something came, or nothing is due for the moment."""
        self.scope.deadline = float("inf")

    def fail(self, error: ProviderError) -> None:
        """Give it up from outside."""
        self.error = error
        self.scope.cancel()


class Round(Generic[ProviderT]):
    """One call's dealings with the members of one list."""

    def __init__(self, role: Role, members: tuple[Member[ProviderT], ...], note: Note) -> None:
        self._role = role
        self._members = members
        self._note = note
        self._at = 0
        self._left = len(members)
        self._error: ProviderError | None = None

    def members(self, *, last_resort: bool = True) -> Iterator[Member[ProviderT]]:
        """Yield whom to ask, each once: those with an open circuit last, in case nobody is left.

        Not those that have said when they may be asked again; without `last_resort` none of them:
        somebody outside of the list stands by.
        """
        self._left = len(self._members)
        order = [(self._at + n) % self._left for n in range(self._left)]
        passed_over: list[int] = []
        for index in order:
            if self._members[index].breaker.may_try(trio.current_time()):
                yield self._switch(index)
                self._left -= 1
            else:
                passed_over.append(index)
        for index in passed_over if last_resort else ():
            if not self._members[index].breaker.is_forbidden(trio.current_time()):
                yield self._switch(index)
            self._left -= 1

    def _switch(self, index: int) -> Member[ProviderT]:
        member = self._members[index]
        if index != self._at:
            before, self._at = self._members[self._at], index
            now = trio.current_time()
            switched = ProviderSwitched(
                role=self._role, provider=before.name, to=member.name, at=now
            )
            self._note(switched)
        return member

    def give_up(self) -> ProviderError:
        """Return what to raise when nobody is left."""
        if self._error is not None:
            return self._error
        names = ", ".join(member.name for member in self._members)
        return _FAILED[self._role](names, "may not be asked yet: open circuits, or rate limits")

    def left_to(self, stand_in: str) -> None:
        """Note that somebody outside of the list goes on."""
        now, before = trio.current_time(), self._members[self._at]
        self._note(ProviderSwitched(role=self._role, provider=before.name, to=stand_in, at=now))

    @contextmanager
    def attempt(self, member: Member[ProviderT]) -> Iterator[Attempt]:
        """Ask `member` inside; its failure is noted and left in the attempt's `error`.

        Of the time that the caller of this has (the call's own budget), each of those who may still
        be asked gets its share at most.
        """
        left_s = trio.current_effective_deadline() - trio.current_time()
        patience_s = min(member.patience_s, left_s / max(1, self._left))
        attempt = Attempt(patience_s)
        try:
            with attempt.scope:
                yield attempt
        except (ProviderError, ExceptionGroup) as error:
            attempt.error = attempt.error or trouble_in(error)
            if attempt.error is None:
                member.breaker.abandoned()
                raise
        except BaseException:
            member.breaker.abandoned()
            raise
        if attempt.scope.cancelled_caught and attempt.error is None:
            reason = f"nothing came within {patience_s:g} s"
            attempt.error = _TOO_SLOW[self._role](member.name, reason)
        if attempt.error is None:
            member.breaker.succeeded()
        else:
            self._failed(member, attempt.error)

    def _failed(self, member: Member[ProviderT], error: ProviderError) -> None:
        now = trio.current_time()
        self._error = error
        error.is_told = True
        member.breaker.failed(
            now, lasting=error.kind in _LASTING, retry_after_s=error.retry_after_s
        )
        self._note(ProviderFailed(role=self._role, provider=member.name, kind=error.kind, at=now))
        circuit = member.breaker.state(now)
        log.info("provider trouble", provider=member.name, reason=str(error), circuit=circuit)


def trouble_in(error: Exception) -> ProviderError | None:
    """Return the provider's own error; None where something else was the matter as well."""
    if isinstance(error, ExceptionGroup):
        found = [trouble_in(inner) for inner in error.exceptions]
        return found[0] if all(found) else None
    if isinstance(error, ProviderError) and not isinstance(error, ToolTooSlow):
        return error
    return None
