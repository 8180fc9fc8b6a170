"""Collecting keys as Telnyx's `gather` commands do: pure, time is an argument.

idle ──first key──► collecting ──terminator, maximum, pause, wrong key──► ended
└──nobody presses anything──► timeout
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

GatherStatus: TypeAlias = Literal["valid", "invalid", "timeout", "cancelled", "call_hangup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherRules:
    """What is collected, and for how long.

    Attributes:
        minimum, maximum: how many keys.
        terminator: the key that says that it is all.
        valid: the keys that may be pressed.
        first_s: how long the first key may take.
        next_s: how long each further key may take.
        whole_s: how long it may take altogether.
    """

    minimum: int = 1
    maximum: int = 128
    terminator: str = "#"
    valid: str = "0123456789#*"
    first_s: float = 5.0
    next_s: float = 5.0
    whole_s: float = 60.0


def read_rules(body: Mapping[str, Any], *, prompted: bool) -> GatherRules:
    """Read the rules of a checked body; with a prompt `timeout_millis` begins behind it."""
    whole_s = body.get("timeout_millis", 60_000) / 1000
    first_s = body.get("initial_timeout_millis", 5_000) / 1000
    return GatherRules(
        minimum=body.get("minimum_digits", 1),
        maximum=body.get("maximum_digits", 128),
        terminator=body.get("terminating_digit", "#"),
        valid=body.get("valid_digits", "0123456789#*"),
        first_s=whole_s if prompted else first_s,
        next_s=body.get("inter_digit_timeout_millis", 5_000) / 1000,
        whole_s=whole_s,
    )


class Gathering:
    """One round of collecting. `began_at` None: not before the prompt is over, or a key comes."""

    def __init__(self, rules: GatherRules, began_at: float | None) -> None:
        self.digits = ""
        self._rules = rules
        self._began_at = began_at
        self._last_at: float | None = None

    def begin(self, now: float) -> None:
        """Note that the prompt is over."""
        if self._began_at is None:
            self._began_at = now

    def press(self, digit: str, now: float) -> GatherStatus | None:
        """Take a key; returns how the round ends, if it does."""
        rules = self._rules
        self.begin(now)
        self._last_at = now
        if rules.terminator and digit == rules.terminator:
            return self._enough()
        if digit not in rules.valid:
            self.digits += digit
            return "invalid"
        self.digits += digit
        return "valid" if len(self.digits) >= rules.maximum else None

    def poll(self, now: float) -> GatherStatus | None:
        """Return how the round ends by the clock, if it does."""
        rules = self._rules
        if self._began_at is None:
            return None
        if self._last_at is None:
            limit = self._began_at + min(rules.first_s, rules.whole_s)
        else:
            limit = min(self._last_at + rules.next_s, self._began_at + rules.whole_s)
        if now < limit:
            return None
        return "valid" if len(self.digits) >= rules.minimum else "timeout"

    def _enough(self) -> GatherStatus:
        return "valid" if len(self.digits) >= self._rules.minimum else "invalid"
