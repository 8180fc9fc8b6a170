"""Waiting for the verdict: did a person or a machine answer the call that we placed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.doorbell import Doorbell
from voiced.record.journal import AnswererKnown
from voiced.telnyx.machine import (
    MACHINE_EVENTS,
    MachineJudge,
    MachineSettings,
    Verdict,
    default_settings,
)

if TYPE_CHECKING:
    from voiced.config import OutboundConfig
    from voiced.record.journal import Note
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.machine import DetectionMode, Judgement

_SETTLED = frozenset({Verdict.HUMAN, Verdict.MACHINE_READY, Verdict.FAX})


class Answerer:
    """Who has answered one call. `webhook` feeds it, one task at a time waits on it."""

    def __init__(self, mode: DetectionMode, config: OutboundConfig, note: Note) -> None:
        """Judge by Telnyx's detection in `mode`; `note` is told each new verdict."""
        limits = MachineSettings(
            detection_limit_s=default_settings(mode).detection_limit_s,
            greeting_limit_s=config.greeting_timeout_s,
        )
        self._judge = MachineJudge(limits)
        self._note = note
        self._told = Verdict.UNDECIDED
        self._news = Doorbell()

    def webhook(self, event: WebhookEvent) -> None:
        """Take an event; what has nothing to do with detection is passed over."""
        if isinstance(event, MACHINE_EVENTS):
            self._judge.hear(event, trio.current_time())
            self._tell()

    def answered(self) -> None:
        """The leg is up: detection has so long from here."""
        self._judge.answered(trio.current_time())

    async def decided(self) -> Judgement:
        """Wait until it is known, or presumed, who has answered."""
        return await self._until(frozenset(Verdict) - {Verdict.UNDECIDED})

    async def is_no_person(self) -> Judgement:
        """Wait until a machine or a fax is known; for ever, if it is a person."""
        return await self._until(frozenset({Verdict.MACHINE, Verdict.MACHINE_READY, Verdict.FAX}))

    async def settled(self) -> Judgement:
        """Wait until a machine's greeting is over; or it was something else after all."""
        return await self._until(_SETTLED)

    async def _until(self, wanted: frozenset[Verdict]) -> Judgement:
        while self._judge.judgement.verdict not in wanted:
            deadline = self._judge.deadline
            await self._news.wait(float("inf") if deadline is None else deadline)
            self._judge.tick(trio.current_time())
            self._tell()
        return self._judge.judgement

    def _tell(self) -> None:
        judgement = self._judge.judgement
        if judgement.verdict is not self._told:
            self._told = judgement.verdict
            self._note(
                AnswererKnown(
                    who=judgement.verdict.value, reason=judgement.reason, at=trio.current_time()
                )
            )
            self._news.ring()
