"""An audio agent, noted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from voiced.flight.taps.fields import fields_of
from voiced.flight.taps.phone import TappedPhone
from voiced.flight.taps.steps import Steps, describe_error, describe_standing
from voiced.services.services import anticipate

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from voiced.agent.base import AudioAgent, AudioLine, CallInfo, Phone
    from voiced.audio.frame import Frame, Pcm
    from voiced.flight.notes import Notes
    from voiced.record.journal import JournalEvent


class TappedAudioAgent:
    """Notes what the agent plays."""

    def __init__(self, agent: AudioAgent, notes: Notes) -> None:
        self.Settings = agent.Settings
        self.rate_hz = agent.rate_hz
        self.open = agent.open
        self.anticipate = partial(anticipate, agent)
        self._agent = agent
        self._notes = notes

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Converse, and note the agent's side."""
        try:
            await self._agent.converse(call, frames, _TappedLine(line, self._notes))
        except Exception as error:
            left = describe_standing(line.past, line.standing)
            self._notes.note("conversed", error=describe_error(error), left=left)
            raise
        self._notes.note("conversed")


class _TappedLine:
    def __init__(self, line: AudioLine, notes: Notes) -> None:
        self.phone = cast("Phone", TappedPhone(line.phone, Steps(notes)))
        self.past = line.past
        self.standing = line.standing
        self.failed_transfer = line.failed_transfer
        self.ends_at = line.ends_at
        self.rules = line.rules
        self.spending = line.spending
        self.take_keys = line.take_keys
        self._line = line
        self._notes = notes

    async def play(self, pcm: Pcm, rate_hz: int) -> None:
        self._notes.note("play", pcm.nbytes, audio=pcm, rate_hz=rate_hz)
        await self._line.play(pcm, rate_hz)

    def clear(self) -> float:
        self._notes.note("unplay")
        return self._line.clear()

    def mark(self, when_played: Callable[[str], None]) -> object:
        self._notes.note("mark")
        return self._line.mark(when_played)

    def note(self, event: JournalEvent) -> None:
        self._notes.note("told", event=type(event).__name__, **fields_of(event, self._notes.origin))
        self._line.note(event)

    def transfer(self, to: str, briefing: str = "") -> None:
        self._notes.note("hand_over", to=to, briefing=briefing)
        self._line.transfer(to, briefing)

    def nobody_speaks(self) -> None:
        self._notes.note("nobody_speaks")
        self._line.nobody_speaks()

    @property
    def position_s(self) -> float:
        return self._line.position_s

    @property
    def unplayed_s(self) -> float:
        return self._line.unplayed_s
