"""What the dashboard learns of live calls: who speaks, what has changed, how the day goes. Pure.

An observer of all calls. It runs inside them, some times a second at most, and does no more than
keep a few numbers; what is shown is taken from the calls' own records when somebody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.dashboard.day import Day
from voiced.dashboard.talk import Talk
from voiced.record.journal import AgentSpeaking, CallEnded

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.record.journal import JournalEvent

MOST_CHANGES = 10_000
"""Calls that may have changed before anybody asks which; beyond them, all are taken to have."""


class Board:
    """Observes calls (fits `voiced.record.journal.Observer`)."""

    def __init__(self) -> None:
        self.day = Day()
        self._talks: dict[str, Talk] = {}
        self._changed: set[str] = set()
        self._wake: Callable[[], None] | None = None

    def watch(self, wake: Callable[[], None] | None) -> None:
        """Keep track of what changes and call `wake` then; None: nobody looks any more."""
        self._wake = wake
        self._changed.clear()

    def note(self, call_id: str, event: JournalEvent) -> None:
        """Take one event of a call; `call_id` is "" for one that we dialled and has no id yet."""
        match event:
            case CallEnded(reason=reason, at=at):
                self._talks.pop(call_id, None)
                self.day.ended(reason, at)
            case AgentSpeaking(latency_s=float() as latency_s, at=at):
                self.day.waited((latency_s,), at)
            case _:
                pass
        if call_id and not isinstance(event, CallEnded):
            self._note_talk(call_id, event)
        if self._wake is not None:
            if len(self._changed) < MOST_CHANGES:
                self._changed.add(call_id)
            self._wake()

    def _note_talk(self, call_id: str, event: JournalEvent) -> None:
        talk = self._talks.get(call_id)
        if talk is None:
            talk = Talk()
            if talk.note(event):
                self._talks[call_id] = talk
        else:
            talk.note(event)

    def talk(self, call_id: str) -> Talk:
        """Return who spoke when in a live call."""
        return self._talks.get(call_id) or Talk()

    def take_changed(self) -> set[str]:
        """Return the calls that have changed since the last time."""
        changed, self._changed = self._changed, set()
        return changed
