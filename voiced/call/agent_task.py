"""The agent's task of a call: who answered, the talk, transfers, and how it ends."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import trio

from voiced.call.reply import Transfer
from voiced.call.talkers import let_pass
from voiced.leg.leg import EndReason
from voiced.telnyx.machine import Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.call.answerer import Answerer
    from voiced.call.talkers import Talker
    from voiced.call.transfers import Handover
    from voiced.config import OutboundConfig
    from voiced.media.outbound import Outbound
    from voiced.services.services import CallFace
    from voiced.telnyx.machine import Judgement

_T = TypeVar("_T")

EVIDENCE = {
    EndReason.AGENT_HUNG_UP: "the agent ended the conversation",
    EndReason.SILENCE: "nobody spoke, and the goodbye was heard",
    EndReason.RECOGNIZER_FAILED: "the recognizer ended before the call",
}


class AgentTask:
    """One call's agent, from the first media to its decision."""

    def __init__(
        self,
        talker: Talker,
        outbound: Outbound,
        handover: Handover,
        call: CallFace,
        *,
        answerer: Answerer | None,
        config: OutboundConfig,
    ) -> None:
        """Make the task; `answerer` judges who answered a call of ours, None for all others."""
        self._talker = talker
        self._outbound = outbound
        self._handover = handover
        self._call = call
        self._answerer = answerer
        self._config = config
        self._talking = trio.CancelScope()
        self._transfer: Transfer | None = None
        self.is_silent = False
        """Whether the leg is given to somebody else, and the agent has nothing more to say."""

    def transfer(self, to: str) -> bool:
        """Transfer the caller now, whatever is being said; False if that is under way already."""
        if self._is_handed_over:
            return False
        self._transfer = Transfer(to)
        self._talking.cancel()
        return True

    def fall_silent(self) -> None:
        """Say nothing more: the leg is given to somebody else."""
        self.is_silent = True
        self._talking.cancel()

    @property
    def _is_handed_over(self) -> bool:
        """Whether the leg is somebody else's, or about to be."""
        return self._transfer is not None or self.is_silent

    def key_pressed(self, key: str, at: float) -> None:
        """Take a key of the caller."""
        self._talker.key_pressed(key, at)

    async def run(self) -> None:
        """Work until the call is ended, by the agent or from elsewhere."""
        try:
            if self._answerer is None:
                await self._work()
            else:
                await self._meet(self._answerer)
        finally:
            self._talker.unheard.close()

    # -- a call that we placed -------------------------------------------------------------------

    async def _meet(self, answerer: Answerer) -> None:
        """Find out who answered, meanwhile silent or talking; a machine is dealt with."""
        if self._config.agent_starts == "when known":
            await self._unheard_while(answerer.decided)
        found: Judgement | None = None
        async with trio.open_nursery() as nursery:

            async def look_for_machine() -> None:
                nonlocal found
                judgement = await answerer.is_no_person()
                carries_on = self._config.on_machine == "carry on"
                if self._is_handed_over or (carries_on and judgement.verdict is not Verdict.FAX):
                    return
                found = judgement
                nursery.cancel_scope.cancel()

            nursery.start_soon(look_for_machine, name="machine detection")
            await trio.lowlevel.checkpoint()  # let it see at once what is known already
            await self._work()
        if found is not None:
            await self._leave_message(answerer, found)

    async def _leave_message(self, answerer: Answerer, found: Judgement) -> None:
        self._outbound.clear()
        message = self._config.voicemail_message
        wanted = self._config.on_machine == "leave message" and message
        if wanted and found.verdict is not Verdict.FAX:
            found = await self._unheard_while(answerer.settled)
            await self._talker.leave_message(message)
            self._call.end(EndReason.VOICEMAIL_LEFT, found.reason)
        else:
            self._call.end(EndReason.ANSWERING_MACHINE, found.reason)

    # -- the talk --------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Talk, transfer, and go on talking where a transfer fails."""
        failed: str | None = None
        while True:
            decision: Transfer | EndReason | None = None
            if not self._is_handed_over:
                with trio.CancelScope() as self._talking:
                    decision = await self._talker.talk(failed)
            if self.is_silent:
                await self._unheard_while(trio.sleep_forever)
            if isinstance(decision, Transfer):
                self._transfer = decision
            if self._transfer is None:
                break
            self._outbound.clear()
            failed = await self._unheard_while(partial(self._handover.run, self._transfer))
            self._transfer = None
        assert isinstance(decision, EndReason)
        self._call.end(decision, EVIDENCE[decision])

    async def _unheard_while(self, wait: Callable[[], Awaitable[_T]]) -> _T:
        """Wait for something; what the caller says meanwhile is not for the agent."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(let_pass, self._talker.unheard)
            result = await wait()
            nursery.cancel_scope.cancel()
        return result
