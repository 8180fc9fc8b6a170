"""What an agent may do to its call, beside speaking: Telnyx's commands, and waiting for their end.

`do` sends any command of a leg, checked when it is made. What ends by a webhook (a text that Telnyx
speaks, a file, keys that are gathered, a referral) has a method that waits for it, with a deadline.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import trio

from voiced.telnyx import commands
from voiced.telnyx.events import (
    CallHangup,
    GatherEnded,
    PlaybackEnded,
    ReferCompleted,
    ReferFailed,
    SpeakEnded,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.leg import Leg
    from voiced.telnyx.commands import Command, LegCommand
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.rest import TelnyxClient

_Event = TypeVar("_Event")

LETTERS_PER_S = 10.0
"""Slow speech: how long a text may take at most, beside `GRACE_S`."""

GRACE_S = 5.0
"""For Telnyx to begin, and to tell us of the end."""


@dataclass(slots=True, eq=False)
class _Wait:
    kinds: tuple[type, ...]
    event: object | None = None
    come: trio.Event = field(default_factory=trio.Event)


class Phone:
    """One call's telephone. All methods raise CommandFailed (CallGone: the leg has ended)."""

    def __init__(self, leg: Leg, telnyx: TelnyxClient, voice: str) -> None:
        """Command `leg`; `voice` is Telnyx's own, for `speak`."""
        self._leg = leg
        self._telnyx = telnyx
        self._voice = voice
        self._n_commands = 0
        self._waits: list[_Wait] = []

    def webhook(self, event: WebhookEvent) -> None:
        """Take a fact about the leg to whoever waits for it. Never waits, never raises."""
        for wait in self._waits:
            if wait.event is None and isinstance(event, (*wait.kinds, CallHangup)):
                wait.event = event
                wait.come.set()

    async def do(self, kind: type[LegCommand], **arguments: Any) -> Mapping[str, Any]:
        """Send a command of `voiced.telnyx.commands` to this leg; return the answer's `data`.

        Each call of this method is a new command to Telnyx, told apart by its `purpose`.

        Raises:
            LocalProtocolError: an argument that Telnyx would refuse.
            CommandFailed: Telnyx has refused it, or was not reached.
        """
        assert self._leg.id is not None
        self._n_commands += 1
        arguments.setdefault("purpose", f"agent {self._n_commands}")
        command = kind(call_control_id=self._leg.id, **arguments)
        return await self._telnyx.send(cast("Command", command))

    async def speak(self, text: str, *, voice: str | None = None, **arguments: Any) -> bool:
        """Have Telnyx speak `text` in its own voice; True once it was spoken to its end."""
        limit_s = len(text) / LETTERS_PER_S + GRACE_S
        ended = await self._do_and_wait(
            commands.Speak,
            SpeakEnded,
            limit_s,
            payload=text,
            voice=voice or self._voice,
            **arguments,
        )
        return ended is not None and ended.status == "completed"

    async def play(self, audio_url: str, *, within_s: float = 600.0, **arguments: Any) -> bool:
        """Have Telnyx play a file (mp3 or wav); True once it was played to its end."""
        ended = await self._do_and_wait(
            commands.PlaybackStart, PlaybackEnded, within_s, audio_url=audio_url, **arguments
        )
        return ended is not None and ended.status == "completed"

    async def gather(self, *, within_s: float = 120.0, **arguments: Any) -> GatherEnded | None:
        """Have Telnyx collect keys (arguments of `Gather`); None if it never told the end."""
        return await self._do_and_wait(commands.Gather, GatherEnded, within_s, **arguments)

    async def refer(self, sip_address: str, *, within_s: float = 60.0, **arguments: Any) -> bool:
        """Ask the far end to call `sip_address` instead; True if it has taken that."""
        kinds = (ReferCompleted, ReferFailed)
        told = await self._do_and_wait(
            commands.Refer, kinds, within_s, sip_address=sip_address, **arguments
        )
        return isinstance(told, ReferCompleted)

    async def press(self, digits: str, **arguments: Any) -> None:
        """Press keys, `0-9A-D*#`, `w` waits half a second, `W` a whole one."""
        await self.do(commands.SendDtmf, digits=digits, **arguments)

    async def _do_and_wait(
        self,
        kind: type[LegCommand],
        ends_by: type[_Event] | tuple[type[_Event], ...],
        within_s: float,
        **arguments: Any,
    ) -> _Event | None:
        """Send a command and wait for the event that ends it; None if the leg or the time ends."""
        kinds = ends_by if isinstance(ends_by, tuple) else (ends_by,)
        wait = _Wait(kinds=kinds)
        self._waits.append(wait)  # before the command: the event may overtake the answer
        try:
            with trio.move_on_after(within_s):
                await self.do(kind, **arguments)
                await wait.come.wait()
        finally:
            self._waits.remove(wait)
        return wait.event if isinstance(wait.event, kinds) else None
