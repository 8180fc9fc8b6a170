"""A list of audio agents that converses as one.

The next one finds what was said and heard in `line.past`, as far as the one before has told it, and
hears again what the caller has said since then. Where the caller has heard anything of the one
before, Telnyx speaks a short apology first, once in a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import trio
from pydantic import BaseModel

from voiced.errors import CommandFailed, ProviderTooSlow
from voiced.log import get_logger
from voiced.media.frame_pump import STUCK_S, FramePump
from voiced.record.journal import noted_nowhere
from voiced.resilience.roster import Round
from voiced.services.services import anticipate

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.agent.base import AudioAgent, AudioLine, CallInfo
    from voiced.audio.frame import Frame
    from voiced.record.journal import Note
    from voiced.resilience.roster import Attempt, Member

log = get_logger(__name__)


class AudioAgentList:
    """Fits `AudioAgent`, but is made, not opened."""

    Settings: ClassVar[type[BaseModel]] = BaseModel

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made of members instead."""
        raise NotImplementedError

    def __init__(
        self,
        members: tuple[Member[AudioAgent], ...],
        apology: str,
        note: Note = noted_nowhere,
        *,
        stand_in: str = "",
    ) -> None:
        """Make a list; its first member is the first choice, `apology` is said once in a call.

        `stand_in` names the agent in words that goes on where this list raises; "" for nobody.
        """
        self.rate_hz = members[0].provider.rate_hz
        self.members = members
        self._apology = apology
        self._note = note
        self._stand_in = stand_in

    def for_call(self, note: Note) -> AudioAgentList:
        """Return the list for one call."""
        return AudioAgentList(self.members, self._apology, note, stand_in=self._stand_in)

    def anticipate(self) -> None:
        """Let the first choice get ready for a call."""
        anticipate(self.members[0].provider)

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Converse with whoever works; raises the last member's error when nobody does."""
        pump = FramePump(self.rate_hz)
        round_ = Round("agent", self.members, self._note)
        with frames:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pump.run, frames, name="frames")
                is_done = await self._converse(call, pump, line, round_)
                nursery.cancel_scope.cancel()
            if not is_done:
                if self._stand_in:
                    round_.left_to(self._stand_in)
                raise round_.give_up()

    async def _converse(
        self, call: CallInfo, pump: FramePump, line: AudioLine, round_: Round[AudioAgent]
    ) -> bool:
        standing, is_first = line.standing, True
        for member in round_.members(last_resort=not self._stand_in):
            with round_.attempt(member) as attempt:
                attempt.has_come()
                pump.forget(standing.settled_at)
                standing.settled_at = float("inf")
                if not is_first:
                    await self._apologize(line, member)
                is_first = False
                frames = pump.open(member.provider.rate_hz, _stuck(member, attempt))
                await member.provider.converse(call, frames, line)
            if attempt.error is None:
                return True
        return False

    async def _apologize(self, line: AudioLine, following: Member[AudioAgent]) -> None:
        """Have Telnyx apologize to a caller who has heard something of whoever has failed.

        To its end: the one that follows must not speak over it, and gets ready meanwhile.
        """
        standing = line.standing
        if standing.has_apologized or not (self._apology and line.position_s > 0):
            return
        standing.has_apologized = True
        anticipate(following.provider)
        try:
            await line.phone.speak(self._apology)
        except CommandFailed as error:
            log.warning("apology not spoken", action=error.action, status=error.status)


def _stuck(member: Member[AudioAgent], attempt: Attempt) -> Callable[[], None]:
    def stuck() -> None:
        attempt.fail(ProviderTooSlow(member.name, f"took no audio for {STUCK_S:g} s"))

    return stuck
