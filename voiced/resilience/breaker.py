"""When a provider that failed is asked again: a circuit breaker. Pure: times are arguments.

    closed ──failures in a row, or one that will last──► open ──its time is over──► half-open
       ▲                                                  ▲                            │
       └───────────────── the trial went well ────────────┼────────────────────────────┤
                                                          └── it failed: twice the time┘

Half-open lets one trial through at a time, whatever call it is of. A provider that says when it may
be asked again (429 with Retry-After) is open until then, and is not asked even where there is
nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

BreakerState: TypeAlias = Literal["closed", "open", "half-open"]

MOST_TIMES = 8
"""A circuit stays open for at most so many times `retry_s`, however often its trials fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """`failures` in a row open the circuit; after `retry_s` seconds one trial is made."""

    failures: int = 3
    retry_s: float = 30.0


class Breaker:
    """One provider's, shared by all calls of a daemon. Trio's clock, in seconds."""

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._failures = 0
        self._open_until: float | None = None
        self._obliged_until = float("-inf")
        self._open_s = rules.retry_s
        self._is_on_trial = False

    def state(self, now: float) -> BreakerState:
        """Return the state, for whoever watches."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half-open"

    def may_try(self, now: float) -> bool:
        """Whether the provider may be asked; in half-open this begins the one trial.

        Whoever was allowed says later how it went: `succeeded`, `failed` or `abandoned`.
        """
        match self.state(now):
            case "closed":
                return True
            case "half-open" if not self._is_on_trial:
                self._is_on_trial = True
                return True
            case _:
                return False

    def is_forbidden(self, now: float) -> bool:
        """Whether the provider itself has said that it is not to be asked yet."""
        return now < self._obliged_until

    def succeeded(self) -> None:
        """It did what it was asked."""
        self._failures = 0
        self._open_until = None
        self._open_s = self._rules.retry_s
        self._is_on_trial = False

    def abandoned(self) -> None:
        """It was not waited for: nothing is known of it."""
        self._is_on_trial = False

    def failed(
        self, now: float, *, lasting: bool = False, retry_after_s: float | None = None
    ) -> None:
        """It failed.

        Args:
            now: when.
            lasting: the next attempt would fail as well (a key that is refused).
            retry_after_s: so long the provider does not want to be asked.
        """
        self._failures += 1
        was_open, self._is_on_trial = self._open_until is not None, False
        if retry_after_s is not None:
            self._obliged_until = now + retry_after_s
        if was_open:
            self._open_s = min(2 * self._open_s, MOST_TIMES * self._rules.retry_s)
        elif retry_after_s is not None:
            self._open_until = self._obliged_until
            return
        elif not lasting and self._failures < self._rules.failures:
            return
        self._open_until = max(now + self._open_s, self._obliged_until)
