"""What a realtime conversation waits for, and how long. Pure: times are arguments.

Either the API owes something (the answer to the caller's turn, or its next piece), or the caller
speaks, or it is nobody's go: then the clock of silence runs, and a warning may be due.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiced.agent.base import AudioLine

AGAIN_S = 0.5
"""Where it turns out to be somebody's go after all it is looked at again after so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long is waited, seconds.

    Attributes:
        answer_s: from the end of the caller's turn to the first sign of an answer, and between two.
        budget_s: ... to its first audio, in however many sessions.
        silence_s: nobody speaks, then the caller is prompted.
        max_prompts: in a row; then the conversation is ended.
        warn_at: when the model is told that time is short, trio time.
    """

    answer_s: float
    budget_s: float
    silence_s: float
    max_prompts: int
    warn_at: float = float("inf")


def limits_of(line: AudioLine, answer_s: float) -> Limits:
    """Return the limits of a conversation, most of which are the call's."""
    budgets, rules = line.spending.budgets, line.rules
    return Limits(
        answer_s=answer_s,
        budget_s=budgets.first_audio_s,
        silence_s=rules.silence_timeout_s,
        max_prompts=rules.max_prompts,
        warn_at=line.ends_at - budgets.warn_left_s if budgets.warn_left_s else float("inf"),
    )


class Due(Enum):
    """What has not come in time, or what is to be done now that it is nobody's go."""

    ANSWER = auto()
    """The API owes an answer, or the rest of one."""
    BUDGET = auto()
    """The caller has waited for an answer as long as a caller may."""
    WARNING = auto()
    PROMPT = auto()
    GOODBYE = auto()
    """There have been enough prompts."""


class Waits:
    """One conversation's."""

    def __init__(self, limits: Limits, now: float) -> None:
        """Begin with nobody's go."""
        self._limits = limits
        self._owed_since: float | None = None
        self._turn_since: float | None = None  # the end of the turn of which no answer has sounded
        self._quiet_since = now
        self._not_before = now
        self._is_warned = False
        self._prompts = 0

    @property
    def is_owed(self) -> bool:
        """Whether the API owes something."""
        return self._owed_since is not None

    @property
    def budget_at(self) -> float:
        """When the caller has waited long enough for an answer; inf where none is waited for."""
        since = self._turn_since
        return float("inf") if since is None else since + self._limits.budget_s

    # -- what happens ----------------------------------------------------------------------------

    def asked(self, now: float) -> None:
        """The model was asked to speak."""
        self._owed_since = self._quiet_since = now
        self._turn_since = now if self._turn_since is None else self._turn_since

    def caller_speaks(self) -> None:
        """It is the caller's go."""
        self._owed_since = self._turn_since = None
        self._prompts = 0

    def caller_stopped(self, now: float) -> None:
        """It was: an answer is owed."""
        self._owed_since = self._turn_since = now

    def caller_acts(self, now: float) -> None:
        """Keys were pressed, of which an answer may be a while away."""
        self.caller_speaks()
        self._quiet_since = now

    def moves(self, now: float, *, sounds: bool) -> None:
        """An answer is being made, and `sounds`, or something else has come of it."""
        if self._owed_since is not None:
            self._owed_since = now
        if sounds:
            self._owed_since, self._turn_since = now, None

    def over(self, now: float, unplayed_s: float) -> None:
        """Nothing is owed any more; what has come plays for `unplayed_s`."""
        self._owed_since = self._turn_since = None
        self._quiet_since = now + unplayed_s

    def lost(self, now: float, *, owed: bool) -> None:
        """The session is lost; was it to answer, with nothing that the next one hears again?"""
        self._owed_since = now if owed else None
        self._turn_since = self._turn_since if owed else None

    # -- what is due -----------------------------------------------------------------------------

    def wake_at(self) -> float:
        """Return when `due` may have something to say, while the caller does not speak."""
        if self._owed_since is not None:
            return min(self._owed_since + self._limits.answer_s, self.budget_at)
        warn_at = float("inf") if self._is_warned else self._limits.warn_at
        return max(min(self._quiet_since + self._limits.silence_s, warn_at), self._not_before)

    def due(self, now: float, *, is_quiet: bool, unplayed_s: float) -> Due | None:
        """Return what is due; a warning and a prompt count as given with that.

        Where it is not `is_quiet` (tools run, or what was said plays for `unplayed_s`) it is
        nobody's go later.
        """
        if now < self.wake_at():
            return None
        if self._owed_since is not None:
            return Due.BUDGET if now >= self.budget_at else Due.ANSWER
        self._quiet_since = now
        if not is_quiet:
            self._quiet_since += unplayed_s
            self._not_before = now + max(unplayed_s, AGAIN_S)
            return None
        if now >= self._limits.warn_at and not self._is_warned:
            self._is_warned = True
            return Due.WARNING
        self._prompts += 1
        return Due.PROMPT if self._prompts <= self._limits.max_prompts else Due.GOODBYE
