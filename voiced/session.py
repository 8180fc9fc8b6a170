"""The tasks on a call's media path, in one nursery.

    Telnyx media ──text──► inbound ──frames──► recognizer ──speech events──► conversation
                              │ marks come back: what was heard                   │ turns
                              ▼                                                   ▼
    Telnyx media ◄──text── outbound ◄────────── pcm ── synthesizer ◄─sentences── reply

An audio agent takes the place of recognizer, conversation and synthesizer. Each task is supervised:
its error ends the call, and is noted before another task sees its effect (a closed channel).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from voiced.agent.base import AudioAgent
from voiced.conversation import Conversation
from voiced.inbound import FRAMES_AHEAD
from voiced.keypad import Keypad
from voiced.leg import EndReason
from voiced.media_path import MediaPath
from voiced.reply import Transfer, Voice
from voiced.telnyx.events import DtmfReceived
from voiced.transfers import Handover
from voiced.turns.budgets import Spending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from voiced.agent.base import CallInfo, Dialogue, DialogueAgent
    from voiced.audio.frame import Frame
    from voiced.keypad import Source
    from voiced.leg import Leg
    from voiced.opening import Opening
    from voiced.recognizer.base import SpeechEvent
    from voiced.record import RecordBuilder
    from voiced.recording import Recording
    from voiced.reply import Decision, HangUp
    from voiced.services import CallFace, LentSocket, Media, Services, Staff
    from voiced.telnyx.events import WebhookEvent

_T = TypeVar("_T")


class Session:
    """One call's conversation, from the first media to the last."""

    def __init__(
        self,
        media: Media,
        info: CallInfo,
        leg: Leg,
        *,
        opening: Opening,
        sockets: trio.MemoryReceiveChannel[LentSocket],
        services: Services,
        staff: Staff,
        call: CallFace,
        recording: Recording | None,
        target_state: str,
        on_bridge: Callable[[], Awaitable[None]],
    ) -> None:
        """Make what the tasks share; raises UnsupportedCodec for an encoding we cannot read."""
        self._info = info
        self._leg = leg
        self._services = services
        self._staff = staff
        self._config = services.config
        self._call = call
        self._recording = recording
        self._keypad = Keypad()
        self._conversation: Conversation | None = None
        self._talking = trio.CancelScope()
        self._transfer_to: str | None = None
        self._path = MediaPath(
            media,
            opening=opening,
            sockets=sockets,
            leg=leg,
            call=call,
            config=services.config.media,
            rate_hz=self._rate_hz,
            timeline=recording.timeline if recording is not None else None,
            guards_echo=self._config.turns.echo_guard and not isinstance(staff.agent, AudioAgent),
            on_key=partial(self._key, "socket"),
        )
        self._handover = Handover(
            leg,
            self._path,
            call,
            services.telnyx,
            services.config.transfer,
            target_state,
            on_bridge,
        )

    # -- from outside ----------------------------------------------------------------------------

    def webhook(self, event: WebhookEvent) -> None:
        """Take a fact about our leg, or one that it is transferred to. Never waits or raises."""
        if isinstance(event, DtmfReceived):
            self._key("webhook", event.digit, event.occurred_at)
        else:
            self._handover.webhook(event)

    def transfer(self, to: str) -> bool:
        """Transfer the caller now, whatever is being said; False if that is under way already."""
        if self._transfer_to is not None or self._leg.is_bridged:
            return False
        self._transfer_to = to
        self._talking.cancel()
        return True

    def count(self, record: RecordBuilder) -> None:
        """Write the media counters into `record`."""
        self._path.count(record)

    def _key(self, source: Source, digit: str, occurred_at: datetime | None) -> None:
        if self._keypad.is_new(digit, source, occurred_at) and self._conversation is not None:
            self._conversation.key_pressed(digit, trio.current_time())

    # -- the tasks -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until the call ends; returns only when the caller was transferred."""
        agent = self._staff.agent
        frames_in, frames = trio.open_memory_channel["Frame"](FRAMES_AHEAD)
        try:
            async with trio.open_nursery() as nursery:
                start: Callable[..., None] = nursery.start_soon
                start = partial(start, self._call.supervise)
                start(self._run_media, frames_in, name="media")
                start(self._path.watch_stall, name="stall watch")
                if self._recording is not None:
                    start(self._recording.run, name="recording")
                if isinstance(agent, AudioAgent):
                    start(self._run_audio_agent, agent, frames, name="agent")
                else:
                    speech_in, speech = trio.open_memory_channel["SpeechEvent"](8)
                    recognize = _present(self._staff.recognizer).recognize
                    start(recognize, frames, speech_in, agent.vocabulary, name="recognizer")
                    start(self._run_dialogue_agent, agent, speech, name="agent")
        finally:
            self._end_recording()

    async def _run_media(self, frames: trio.MemorySendChannel[Frame]) -> None:
        await self._path.run(frames)
        self._end_recording()

    def _end_recording(self) -> None:
        if self._recording is not None:
            self._recording.end(trio.current_time())

    @property
    def _rate_hz(self) -> int:
        """At which the caller's frames are wanted."""
        agent, recognizer = self._staff.agent, self._staff.recognizer
        return agent.rate_hz if isinstance(agent, AudioAgent) else _present(recognizer).rate_hz

    async def _run_audio_agent(
        self, agent: AudioAgent, frames: trio.MemoryReceiveChannel[Frame]
    ) -> None:
        with frames:
            while True:
                with trio.CancelScope() as self._talking:
                    await agent.converse(self._info, frames.clone(), self._path.outbound)
                if self._transfer_to is None:
                    break
                await self._hand_over(self._transfer_to, frames)
        self._call.end(EndReason.AGENT_HUNG_UP, "the agent ended the conversation")

    async def _run_dialogue_agent(
        self, agent: DialogueAgent, speech: trio.MemoryReceiveChannel[SpeechEvent]
    ) -> None:
        budgets = self._config.budgets.budgets()
        voice = Voice(
            synthesizer=_present(self._staff.synthesizer),
            outbound=self._path.outbound,
            note=self._call.note,
            spoken=self._config.speech.speaker(),
            budgets=budgets,
            spending=Spending(budgets),
        )
        rules = self._config.turns.rules(
            silence_timeout_s=self._config.call.silence_timeout_s,
            barge_in=self._config.call.barge_in,
        )
        dialogue = agent.begin(self._info)
        self._conversation = Conversation(dialogue, voice, rules, hears_echo=self._path.hears_echo)
        with speech:
            decision = await self._converse(self._conversation, dialogue, speech)
        if decision is None:
            self._call.end(EndReason.RECOGNIZER_FAILED, "the recognizer ended before the call")
        elif decision.nobody_spoke:
            self._call.end(EndReason.SILENCE, "nobody spoke, and the goodbye was heard")
        else:
            self._call.end(EndReason.AGENT_HUNG_UP, "the agent's goodbye was heard")

    async def _converse(
        self,
        conversation: Conversation,
        dialogue: Dialogue,
        speech: trio.MemoryReceiveChannel[SpeechEvent],
    ) -> HangUp | None:
        """Converse, transfer, and go on conversing where a transfer fails."""
        opening = None
        while True:
            decision: Decision | None = None
            with trio.CancelScope() as self._talking:
                decision = await conversation.run(speech, opening=opening)
            if isinstance(decision, Transfer):
                self._transfer_to = decision.to
            elif self._transfer_to is None:
                return decision
            failure = await self._hand_over(self._transfer_to or "", speech)
            opening = partial(dialogue.transfer_failed, failure)

    async def _hand_over(self, to: str, unheard: trio.MemoryReceiveChannel[Any]) -> str:
        """Transfer the caller; returns why it failed. Meanwhile nobody listens to `unheard`."""
        self._path.outbound.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_let_pass, unheard)
            failure = await self._handover.run(to)
            nursery.cancel_scope.cancel()
        self._transfer_to = None
        return failure


async def _let_pass(items: trio.MemoryReceiveChannel[Any]) -> None:
    """Take what nobody wants to know any more, so that whoever gives it can go on."""
    async for _ in items:
        pass


def _present(provider: _T | None) -> _T:
    """A dialogue agent never runs without recognizer and synthesizer: the daemon sees to it."""
    assert provider is not None
    return provider
