"""The digit collector: keys with their times in, a whole number out.

A number is complete with its terminator, with its last digit (`max_length`), or when no further key
came for the inter-digit timeout. Pure.
"""

from __future__ import annotations

from voiced.turns.expect import ExpectDigits


class DigitCollector:
    """Collects one number at a time; give `rules` anew for the next question."""

    def __init__(self, rules: ExpectDigits | None = None) -> None:
        self._rules = rules or ExpectDigits()
        self._keys = ""
        self._due_at = float("inf")
        self._full_until = float("-inf")

    def expect(self, rules: ExpectDigits) -> None:
        """Collect by `rules` from now on; what was keyed ahead stays."""
        self._rules = rules

    @property
    def is_collecting(self) -> bool:
        """Whether keys were pressed that are not a whole number yet."""
        return bool(self._keys)

    @property
    def due_at(self) -> float:
        """When the number is to be taken as it is; inf while no key was pressed."""
        return self._due_at

    def is_habit(self, key: str, at: float) -> bool:
        """Say whether `key` is a terminator that comes after a number already complete."""
        return key == self._rules.terminator and not self._keys and at <= self._full_until

    def press(self, key: str, at: float) -> str | None:
        """Take one key, one of `KEYS`; return the number that it completes.

        A terminator with nothing in front of it is a key like any other: there is no empty number.
        """
        if key == self._rules.terminator and self._keys:
            return self.take()
        self._keys += key
        self._due_at = at + self._rules.inter_digit_timeout_s
        if len(self._keys) >= self._rules.max_length:
            self._full_until = self._due_at
            return self.take()
        return self.take() if key == self._rules.terminator else None

    def take(self) -> str:
        """Return what was keyed in so far, "" for nothing, and begin anew."""
        keys, self._keys = self._keys, ""
        self._due_at = float("inf")
        return keys
