"""The two kinds of agents behind one face: talk until you decide, leave a message, take a key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import trio

from voiced.call.audio_line import CallLine
from voiced.call.conversation import Conversation, talking
from voiced.call.reply import HangUp, Transfer, Voice
from voiced.leg.leg import EndReason
from voiced.leg.phone import refusals_are_the_agents

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.agent.base import AudioAgent, CallInfo, DialogueAgent, Reply
    from voiced.audio.frame import Frame
    from voiced.call.conversation import Opening
    from voiced.config import Config
    from voiced.leg.phone import Phone
    from voiced.media.outbound import Outbound
    from voiced.recognizer.base import SpeechEvent
    from voiced.services.services import CallFace
    from voiced.synthesizer.base import Synthesizer
    from voiced.turns.budgets import Spending
    from voiced.turns.rules import TurnRules


class Talker(Protocol):
    """One call's agent at work."""

    @property
    def unheard(self) -> trio.MemoryReceiveChannel[Any]:
        """What comes from the caller; somebody must take it all the time."""
        ...

    async def talk(self, failed_transfer: str | None) -> Transfer | EndReason:
        """Talk until the agent decides; again after a transfer that failed, with its reason."""
        ...

    async def leave_message(self, text: str) -> None:
        """Say `text` to a machine, to its end."""
        ...

    def key_pressed(self, key: str, at: float) -> None:
        """Take a key of the caller."""
        ...


class DialogueTalker:
    """A dialogue agent, with recognizer and synthesizer."""

    def __init__(
        self,
        agent: DialogueAgent,
        info: CallInfo,
        synthesizer: Synthesizer,
        outbound: Outbound,
        phone: Phone,
        speech: trio.MemoryReceiveChannel[SpeechEvent],
        call: CallFace,
        config: Config,
        hears_echo: Callable[[], bool],
        spending: Spending,
    ) -> None:
        self.unheard = speech
        voice = Voice(
            synthesizer=synthesizer,
            outbound=outbound,
            note=call.note,
            phone=phone,
            spoken=config.speech.speaker(),
            pause_s=config.speech.sentence_pause_ms / 1000,
            spending=spending,
        )
        rules = _rules(config)
        self.dialogue = agent.begin(info)
        self._conversation = Conversation(self.dialogue, voice, rules, hears_echo=hears_echo)

    async def talk(
        self, failed_transfer: str | None, opening: Opening | None = None
    ) -> Transfer | EndReason:
        """Hold the conversation; it remembers what was said before a transfer.

        `opening` is its first reply, None for the dialogue's own.
        """
        if failed_transfer is not None:
            opening = partial(self.dialogue.transfer_failed, failed_transfer)
        decision = await self._conversation.run(self.unheard, opening=opening)
        match decision:
            case Transfer():
                return decision
            case HangUp(nobody_spoke=True):
                return EndReason.SILENCE
            case HangUp():
                return EndReason.AGENT_HUNG_UP
            case _:
                return EndReason.RECOGNIZER_FAILED

    async def leave_message(self, text: str) -> None:
        """Say `text` in the agent's voice; a machine that beeps again does not interrupt it."""

        async def say(reply: Reply) -> None:
            await reply.say(text, protected=True)
            reply.hang_up()

        await self._conversation.run(self.unheard, opening=say)

    def key_pressed(self, key: str, at: float) -> None:
        """Take a key of the caller as (part of) a turn."""
        self._conversation.key_pressed(key, at)


class AudioTalker:
    """An audio agent: frames in, audio out."""

    def __init__(
        self,
        agent: AudioAgent,
        info: CallInfo,
        outbound: Outbound,
        phone: Phone,
        frames: trio.MemoryReceiveChannel[Frame],
        call: CallFace,
        config: Config,
        spending: Spending,
    ) -> None:
        self.unheard = frames
        self._agent = agent
        self._info = info
        self._phone = phone
        self._note = call.note
        self.line = CallLine(outbound, phone, call.note, rules=_rules(config), spending=spending)

    async def talk(self, failed_transfer: str | None) -> Transfer | EndReason:
        """Converse; after a transfer that failed the agent begins again, and is told why."""
        line = self.line
        with talking(line.spending, self._note) as ends_at:
            line.begin(failed_transfer or "", ends_at)
            try:
                with refusals_are_the_agents():
                    await self._agent.converse(self._info, self.unheard.clone(), line)
            finally:
                line.end()
        return line.decision

    async def leave_message(self, text: str) -> None:
        """Have Telnyx say `text`: there is no synthesizer."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(let_pass, self.unheard)
            await self._phone.speak(text)
            nursery.cancel_scope.cancel()

    def key_pressed(self, key: str, at: float) -> None:
        """Tell the agent, if it listens for keys."""
        del at
        self.line.key_pressed(key)


def _rules(config: Config) -> TurnRules:
    return config.turns.rules(
        silence_timeout_s=config.call.silence_timeout_s, barge_in=config.call.barge_in
    )


async def let_pass(items: trio.MemoryReceiveChannel[Any]) -> None:
    """Take what nobody wants to know, so that whoever gives it can go on."""
    async for _ in items:
        pass
