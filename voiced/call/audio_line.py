"""An audio agent's way to the caller, and what it decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.agent.base import Standing
from voiced.call.reply import Transfer
from voiced.leg.leg import EndReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.agent.base import Phone
    from voiced.agent.memory import Entry
    from voiced.media.outbound import Outbound
    from voiced.record.journal import Note
    from voiced.turns.budgets import Spending
    from voiced.turns.rules import TurnRules


class CallLine:
    """Fits `voiced.agent.base.AudioLine`; one call's."""

    def __init__(
        self,
        outbound: Outbound,
        phone: Phone,
        note: Note,
        *,
        rules: TurnRules,
        spending: Spending,
    ) -> None:
        # Audio goes where it goes for everybody, without a step between.
        self.play = outbound.play
        self.mark = outbound.mark
        self._outbound = outbound
        self.phone = phone
        self.note = note
        self.rules = rules
        self.spending = spending
        self.past: list[Entry] = []
        self.standing = Standing()
        self._take_key: Callable[[str], None] | None = None
        self.begin("", float("inf"))

    def begin(self, failed_transfer: str, ends_at: float) -> None:
        """Begin to converse, or begin again after a transfer that failed."""
        self.failed_transfer = failed_transfer
        self.ends_at = ends_at
        self.decision: Transfer | EndReason = EndReason.AGENT_HUNG_UP

    def end(self) -> None:
        """The conversation is over: keys are nobody's."""
        self._take_key = None

    def clear(self) -> float:
        """Drop all queued audio; return how far the timeline was played."""
        return self._outbound.clear()

    @property
    def position_s(self) -> float:
        """Where audio queued now will begin on the playout timeline, in seconds."""
        return self._outbound.position_s

    @property
    def unplayed_s(self) -> float:
        """Seconds of audio that the caller has still to hear."""
        return self._outbound.unplayed_s

    def transfer(self, to: str, briefing: str = "") -> None:
        """Decide on a transfer."""
        self.decision = Transfer(to, briefing)

    def nobody_speaks(self) -> None:
        """Decide that the caller has gone, or is silent."""
        self.decision = EndReason.SILENCE

    def take_keys(self, take: Callable[[str], None], /) -> None:
        """Have `take` told of each key."""
        self._take_key = take

    def key_pressed(self, key: str) -> None:
        """Take a key of the caller."""
        if self._take_key is not None:
            self._take_key(key)
