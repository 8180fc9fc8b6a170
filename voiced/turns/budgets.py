"""What a call may take and cost: limits, and the counting against them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from voiced.errors import BudgetSpent, ToolRepeated
from voiced.record.journal import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Limits of one call; durations in seconds, 0 for counts is no limit.

    Attributes:
        first_words_s: from the end of the caller's turn to the agent's first words.
        first_audio_s: ... to the first audio of the reply.
        tool_s: one tool of the agent.
        max_tokens: of the agent's model, in the whole call.
        max_characters: spoken by the synthesizer, in the whole call.
        max_minutes: that the agent talks with the caller, in the whole call.
        max_same_tool_calls: of one tool with the same arguments in a row.
        warn_left_s: the agent is told when so much is left of the call; 0: never.
    """

    first_words_s: float = 10.0
    first_audio_s: float = 10.0
    tool_s: float = 20.0
    max_tokens: int = 0
    max_characters: int = 0
    max_minutes: float = 0.0
    max_same_tool_calls: int = 5
    warn_left_s: float = 60.0


class Spending:
    """What one call has cost so far. Every method raises BudgetSpent past its limit."""

    def __init__(self, budgets: Budgets) -> None:
        self.budgets = budgets
        self._tokens = 0
        self._characters = 0
        self._talked_s = 0.0
        self._last_tool = ("", "")
        self._same_tool_calls = 0

    def tokens(self, n: int) -> None:
        """Count tokens of a model."""
        self._tokens += n
        _check("tokens", self._tokens, self.budgets.max_tokens)

    def characters(self, n: int) -> None:
        """Count characters given to the synthesizer."""
        self._characters += n
        _check("characters", self._characters, self.budgets.max_characters)

    @property
    def talk_left_s(self) -> float:
        """How much longer the agent may talk with the caller, in seconds; inf for ever."""
        limit_s = self.budgets.max_minutes * 60.0
        return max(0.0, limit_s - self._talked_s) if limit_s else float("inf")

    def talked(self, duration_s: float) -> None:
        """Count time in which the agent and the caller talked."""
        self._talked_s += duration_s

    def tool(self, name: str, arguments: str) -> None:
        """Count a call of a tool; another tool, or other arguments, begin the count anew."""
        if (name, arguments) != self._last_tool:
            self._last_tool, self._same_tool_calls = (name, arguments), 0
        self._same_tool_calls += 1
        limit = self.budgets.max_same_tool_calls
        if 0 < limit < self._same_tool_calls:
            n = self._same_tool_calls
            raise ToolRepeated(
                f"{n} calls of the tool {name!r} with the same arguments, {limit} are allowed"
            )

    def spent(self, at: float) -> Spent:
        """Return the counts, for the journal."""
        minutes = round(self._talked_s / 60.0, 3)
        return Spent(tokens=self._tokens, characters=self._characters, minutes=minutes, at=at)


def _check(what: str, n: int, limit: int) -> None:
    if 0 < limit < n:
        raise BudgetSpent(f"{n} {what}, {limit} are allowed")
