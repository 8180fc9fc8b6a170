"""The one thing that outlives a call's nursery: apology, hangup, each with a deadline.

Runs shielded, because it is cleanup, and bounded, because the shield would otherwise outlive a
Telnyx that does not answer. Closing the media socket does not end a Call Control call: a leg that
is not hung up goes on, silent and billed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.errors import CallGone, CommandFailed
from voiced.leg.leg import LegEvent
from voiced.log import get_logger
from voiced.telnyx import commands

if TYPE_CHECKING:
    from voiced.config import CallConfig
    from voiced.leg.leg import Leg
    from voiced.switchboard.admission import Refuse
    from voiced.telnyx.ids import CallControlId
    from voiced.telnyx.rest import TelnyxClient

log = get_logger(__name__)

LETTERS_PER_S = 10.0
"""Slow speech: how long a text may take at most, beside `SPEAK_GRACE_S`."""

SPEAK_GRACE_S = 3.0
"""For Telnyx to begin to speak and to tell us that it has ended."""


def speaking_limit_s(text: str) -> float:
    """Return how long Telnyx may take to speak `text`."""
    return len(text) / LETTERS_PER_S + SPEAK_GRACE_S


class Goodbye:
    """Ends one leg at Telnyx."""

    def __init__(self, leg: Leg, telnyx: TelnyxClient, webhook_url: str | None = None) -> None:
        """Make what ends `leg`; if it must be answered for that, webhooks go to `webhook_url`."""
        self._leg = leg
        self._telnyx = telnyx
        self._webhook_url = webhook_url
        self._waiting = trio.CancelScope()
        self._speaking = trio.CancelScope()
        self._is_hushed = False
        self.answered = trio.Event()
        """Set by the call on `call.answered`."""
        self.spoken = trio.Event()
        """Set by the call on `call.speak.ended`."""

    def leg_has_gone(self) -> None:
        """Told by the call when a webhook says so: nothing is worth waiting for any more."""
        self._waiting.cancel()

    def hush(self) -> None:
        """Cut short what is being spoken, or would be; the hangup comes all the same."""
        self._is_hushed = True
        self._speaking.cancel()

    @property
    def _id(self) -> CallControlId:
        assert self._leg.id is not None  # the call sees to it
        return self._leg.id

    async def apologize(self, settings: CallConfig) -> None:
        """Speak the apology and wait until it was spoken, the caller has gone, or time is up."""
        if not settings.apology or not self._leg.is_up:
            return
        await self._speak(settings.apology, settings)

    async def _speak(self, text: str, settings: CallConfig) -> None:
        if self._is_hushed:
            await trio.lowlevel.checkpoint()
            return
        command = commands.Speak(
            call_control_id=self._id, payload=text, voice=settings.apology_voice
        )
        self.spoken = trio.Event()  # something else may have been spoken before
        with trio.move_on_after(speaking_limit_s(text)) as self._waiting:
            self._speaking = self._waiting
            if await self._try(command):
                await self.spoken.wait()

    async def hang_up(self, timeout_s: float) -> bool:
        """Hang up; True if the leg is known to be gone or going."""
        if self._leg.is_gone:
            return True
        self._leg.apply(LegEvent.HANGUP_SENT)
        with trio.move_on_after(timeout_s) as self._waiting:
            if await self._try(commands.Hangup(call_control_id=self._id)):
                return True
        return self._has_gone_meanwhile()

    def _has_gone_meanwhile(self) -> bool:
        if not self._leg.is_gone:
            log.error("hangup not confirmed: the leg may still be up and billed")
        return self._leg.is_gone

    async def turn_away(self, refusal: Refuse, settings: CallConfig) -> bool:
        """Refuse a ringing call, with a spoken message where there is one; True if it is ended."""
        if refusal.message:
            if await self._pick_up(settings.answer_timeout_s):
                await self._speak(refusal.message, settings)
            return await self.hang_up(settings.goodbye_timeout_s)
        self._leg.apply(LegEvent.HANGUP_SENT)
        command = commands.Reject(call_control_id=self._id, cause=refusal.cause)
        with trio.move_on_after(settings.goodbye_timeout_s) as self._waiting:
            if await self._try(command):
                return True
        return self._leg.is_gone

    async def see_off(self, refusal: Refuse, settings: CallConfig) -> bool:
        """Let a TeXML document turn a caller away; True if the leg is ended.

        Where Telnyx does not tell that it is, a hangup makes sure.
        """
        if not self._leg.is_gone:
            with trio.move_on_after(speaking_limit_s(refusal.message)) as self._waiting:
                await trio.sleep_forever()
        return await self.hang_up(settings.goodbye_timeout_s)

    async def _pick_up(self, timeout_s: float) -> bool:
        """Answer only to say that nobody can answer; True once Telnyx has confirmed it."""
        self._leg.apply(LegEvent.ANSWER_SENT)
        with trio.move_on_after(timeout_s) as self._waiting:
            answer = commands.Answer(call_control_id=self._id, webhook_url=self._webhook_url)
            if await self._try(answer):
                await self.answered.wait()
                return True
        return False

    async def _try(self, command: commands.Command) -> bool:
        """Send; True if done. A leg that has gone is noted, any other failure is logged."""
        try:
            await self._telnyx.send(command)
        except CallGone:
            self._leg.apply(LegEvent.GONE)
            return False
        except CommandFailed as error:
            log.warning("command failed", action=error.action, status=error.status, code=error.code)
            return False
        except Exception:  # a fault of ours: what comes after this command must still be done
            log.exception("command failed by a fault of ours", action=command.action)
            return False
        return True
