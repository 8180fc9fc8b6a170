"""Who of a call speaks when, as its journal tells it. Pure.

The journal knows beginnings better than ends: a caller's speech is known to be over when it is
understood, so its bars reach up to that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallerSaid,
    CallerSpeaking,
    FalseAlarm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.record.journal import JournalEvent

Side: TypeAlias = Literal["caller", "agent"]

MOST_STRETCHES = 40
"""Of each side: more than a minute of talk has."""


@dataclass(slots=True)
class _Stretch:
    start: float
    end: float | None = None


class Talk:
    """The last stretches of speech of one call; times are trio times."""

    def __init__(self) -> None:
        self._caller: deque[_Stretch] = deque(maxlen=MOST_STRETCHES)
        self._agent: deque[_Stretch] = deque(maxlen=MOST_STRETCHES)
        self._passages = 0  # of the agent's, of which nobody knows yet whether they were heard

    def note(self, event: JournalEvent) -> bool:
        """Take one event; tell whether it has to do with who speaks."""
        match event:
            case CallerSpeaking(at=at, voice_at=voice_at):
                _open(self._caller, at if voice_at is None else voice_at)
            case CallerSaid(at=at):
                _close(self._caller, at)
            case AgentSpeaking(at=at):
                self._passages += 1
                _open(self._agent, at)
            case AgentHeard(at=at):
                self._passages = max(0, self._passages - 1)
                if self._passages == 0:
                    _close(self._agent, at)
            case BargeIn(at=at):
                _close(self._agent, at)
            case FalseAlarm(at=at):
                _close(self._caller, at)
                if self._passages:
                    _open(self._agent, at)
            case _:
                return False
        return True

    @property
    def speakers(self) -> set[Side]:
        """Who speaks now."""
        sides: dict[Side, deque[_Stretch]] = {"caller": self._caller, "agent": self._agent}
        return {side for side, track in sides.items() if track and track[-1].end is None}

    def stretches(self, since: float) -> Iterator[tuple[Side, float, float | None]]:
        """Yield side, beginning and end (None: goes on) of what was said since then, in order."""
        for stretch in self._caller:
            if stretch.end is None or stretch.end >= since:
                yield "caller", stretch.start, stretch.end
        for stretch in self._agent:
            if stretch.end is None or stretch.end >= since:
                yield "agent", stretch.start, stretch.end


def _open(track: deque[_Stretch], at: float) -> None:
    if not track or track[-1].end is not None:
        track.append(_Stretch(at))


def _close(track: deque[_Stretch], at: float) -> None:
    if track and track[-1].end is None:
        track[-1].end = max(at, track[-1].start)
