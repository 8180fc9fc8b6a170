"""The clock of silence: how long nobody has spoken, and how often the caller was prompted. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.turns.expect import ExpectDigits
from voiced.turns.timers import Timer

if TYPE_CHECKING:
    from voiced.turns.expect import Expectation
    from voiced.turns.rules import TurnRules
    from voiced.turns.timers import Timers


class SilenceClock:
    """One call's. It runs only while it is nobody's go."""

    def __init__(self, rules: TurnRules) -> None:
        self._rules = rules
        self._quiet_since = 0.0
        self._words_at = 0.0
        self.prompts = 0
        """Prompts in a row that brought no word."""

    def restart(self, now: float) -> None:
        """Begin anew: a reply was heard, or prompted."""
        self._quiet_since = self._words_at = now

    def sound(self, now: float) -> None:
        """Note that somebody made a sound until now: it need not have been a word."""
        self._quiet_since = now

    def words(self, now: float) -> None:
        """Note that the caller was understood, or pressed a key."""
        self._quiet_since = self._words_at = now
        self.prompts = 0

    def prompted(self, now: float) -> bool:
        """Count a prompt; False when there have been enough of them."""
        self._words_at = now
        self.prompts += 1
        return self.prompts <= self._rules.max_prompts

    def not_prompted(self) -> None:
        """Take the last prompt back: nobody heard it."""
        self.prompts = max(0, self.prompts - 1)

    def set(self, timers: Timers, expected: Expectation, *, sounds: bool) -> None:
        """Set the alarm; `sounds`: somebody makes a sound now."""
        if sounds:
            timers.set(Timer.WORDLESS, self._words_at + self._rules.no_words_timeout_s)
            return
        timeout_s = self._rules.silence_timeout_s
        if isinstance(expected, ExpectDigits):
            timeout_s = expected.first_digit_timeout_s or timeout_s
        timers.set(Timer.IDLE, self._quiet_since + timeout_s)
