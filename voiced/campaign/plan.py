"""Who is called when: pure, with the time as an argument (unix seconds, so that it outlives us).

`Plan.next` says what to do now: place a call, wait until a moment, wait for a call to end, or stop.
Rules in their order: never more than `at_once` calls, never more than `per_s` a second, only in the
calling hours; numbers whose turn has come again go before those not called yet.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from voiced.campaign.retries import DEFAULT_RETRIES, retry_at
from voiced.telnyx.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from voiced.campaign.contacts import Contact
    from voiced.campaign.hours import CallingHours
    from voiced.campaign.retries import Retry
    from voiced.campaign.state_file import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How fast and when.

    Attributes:
        at_once: calls at the same time, 1 or more.
        per_s: calls placed in a second, above 0; 0.2 is one every 5 s.
        hours: None for always.
        retries: by outcome.
        account_problems: so many in a row, and nobody else is called: the next would fail too.
    """

    at_once: int = 1
    per_s: float = 1.0
    hours: CallingHours | None = None
    retries: Mapping[Outcome, Retry] = field(default_factory=lambda: DEFAULT_RETRIES)
    account_problems: int = 3

    def __post_init__(self) -> None:
        if self.at_once < 1 or not self.per_s > 0 or self.account_problems < 1:
            raise ValueError("at_once and account_problems must be 1 or more, per_s above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCall:
    """Call now. `attempt` counts from 1."""

    contact: Contact
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """Nothing to place before `at`, unix seconds; a call that ends may change that."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForAnEnd:
    """Nothing to place before a call ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Nothing more to place, now or later; `reason` is "" when all is done."""

    reason: str = ""


Step: TypeAlias = PlaceCall | WaitUntil | WaitForAnEnd | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How far the list is; numbers, not calls.

    Attributes:
        outcomes: of the numbers that are done, by their last call.
        interrupted: placed when the program ended; what came of them is not known, and they are
            not called again.
        waiting: not called yet, or to be called again.
        live: being called now.
    """

    outcomes: Mapping[Outcome, int]
    interrupted: int
    waiting: int
    live: int


class Plan:
    """The state of one list in one run.

    Args:
        contacts: the list.
        progress: what earlier runs have done, by number; numbers of other lists do not matter.
        limits: how fast and when.
    """

    def __init__(
        self, contacts: Iterable[Contact], progress: Mapping[str, Progress], limits: Limits
    ) -> None:
        self._limits = limits
        self._fresh: deque[Contact] = deque()
        self._again: list[tuple[float, int, Contact]] = []  # a heap: due, line
        self._history: dict[str, tuple[Outcome, ...]] = {}
        self._done: dict[str, Outcome] = {}
        self._interrupted = 0
        self._live: dict[str, Contact] = {}
        self._last_placed_at: float | None = None
        self._account_problems = 0
        for contact in contacts:
            self._resume(contact, progress.get(contact.number))

    def _resume(self, contact: Contact, progress: Progress | None) -> None:
        if progress is None:
            self._fresh.append(contact)
            return
        self._history[contact.number] = progress.outcomes
        if progress.is_open:
            self._interrupted += 1
        else:
            self._settle(contact, progress.ended_at)

    def next(self, now: float) -> Step:
        """Return what to do at `now`."""
        if self._account_problems >= self._limits.account_problems:
            return Stop(
                reason=f"{self._account_problems} calls in a row were refused by Telnyx for a"
                " reason of the account: voiced doctor says what to set right"
            )
        due_again = self._again[0][0] if self._again else None
        if not self._fresh and due_again is None:
            return WaitForAnEnd() if self._live else Stop()
        if len(self._live) >= self._limits.at_once:
            return WaitForAnEnd()
        at = now if self._fresh or due_again is None else max(now, due_again)
        if self._last_placed_at is not None:
            at = max(at, self._last_placed_at + 1 / self._limits.per_s)
        if self._limits.hours is not None:
            at = self._limits.hours.next_open(at)
        if at > now:
            return WaitUntil(at=at)
        if due_again is not None and due_again <= now:
            contact = self._again[0][2]
        else:
            contact = self._fresh[0]
        return PlaceCall(contact=contact, attempt=len(self._outcomes(contact)) + 1)

    def placed(self, contact: Contact, now: float) -> None:
        """Note that the call that `next` asked for is being placed."""
        if self._fresh and self._fresh[0] is contact:
            self._fresh.popleft()
        else:
            heapq.heappop(self._again)
        self._live[contact.number] = contact
        self._last_placed_at = now

    def ended(self, contact: Contact, outcome: Outcome, now: float) -> None:
        """Note what came of a call that was placed."""
        del self._live[contact.number]
        self._history[contact.number] = (*self._outcomes(contact), outcome)
        is_ours = outcome is Outcome.ACCOUNT_PROBLEM
        self._account_problems = self._account_problems + 1 if is_ours else 0
        self._settle(contact, now)

    def withdrawn(self, contact: Contact, now: float) -> None:
        """Note that a call was not placed after all: it is this number's turn still."""
        del self._live[contact.number]
        if self._outcomes(contact):
            heapq.heappush(self._again, (now, contact.line, contact))
        else:
            self._fresh.appendleft(contact)

    def interrupted(self, contact: Contact) -> None:
        """Note that nobody knows what came of a call: this number is not called again."""
        del self._live[contact.number]
        self._interrupted += 1

    def tally(self) -> Tally:
        """Return how far the list is."""
        outcomes: dict[Outcome, int] = {}
        for outcome in self._done.values():
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        return Tally(
            outcomes=outcomes,
            interrupted=self._interrupted,
            waiting=len(self._fresh) + len(self._again),
            live=len(self._live),
        )

    def _settle(self, contact: Contact, ended_at: float) -> None:
        """Let a number wait for its next call, or be done."""
        history = self._outcomes(contact)
        again_at = retry_at(history, ended_at, self._limits.retries)
        if again_at is None:
            self._done[contact.number] = history[-1]
        else:
            heapq.heappush(self._again, (again_at, contact.line, contact))

    def _outcomes(self, contact: Contact) -> tuple[Outcome, ...]:
        return self._history.get(contact.number, ())
