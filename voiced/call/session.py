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
from voiced.call.agent_task import AgentTask
from voiced.call.keypad import Keypad
from voiced.call.stand_in import StandInTalker, pump_all
from voiced.call.talkers import AudioTalker, DialogueTalker
from voiced.call.transfers import Handover
from voiced.leg.actions import LegActions
from voiced.leg.leg import EndReason, LegEvent
from voiced.leg.phone import Phone
from voiced.media.frame_pump import STUCK_S, FramePump
from voiced.media.inbound import FRAMES_AHEAD
from voiced.media.path import MediaPath
from voiced.telnyx.events import CallBridged, DtmfReceived
from voiced.turns.budgets import Spending

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from voiced.agent.base import CallInfo, DialogueAgent
    from voiced.audio.frame import Frame
    from voiced.call.answerer import Answerer
    from voiced.call.keypad import Source
    from voiced.call.opening import Opening
    from voiced.call.recording_control import RecordingControl
    from voiced.call.talkers import Talker
    from voiced.call.transfers import HandingCall
    from voiced.leg.leg import Leg
    from voiced.recognizer.base import SpeechEvent
    from voiced.recording.recording import Recording
    from voiced.services.services import LentSocket, Media, Services, Staff
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
        call: HandingCall,
        recording: Recording | None,
        recordings: RecordingControl,
        target_state: str,
        answerer: Answerer | None,
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
        self._answerer = answerer
        self._actions = LegActions(leg, services.telnyx, call)
        self._phone = Phone(
            self._actions, recordings, self, voice=services.config.call.apology_voice
        )
        self._spending = Spending(services.config.budgets.budgets())
        self._agent: AgentTask | None = None
        self._path = MediaPath(
            media,
            opening=opening,
            sockets=sockets,
            leg=leg,
            call=call,
            config=services.config.media,
            rate_hz=self._rate_hz,
            timeline=recording.timeline if recording is not None else None,
            guards_echo=self._config.turns.echo_guard and self._may_talk_in_words,
            on_key=partial(self._key, "socket"),
        )
        self._handover = Handover(
            leg,
            self._path,
            call,
            services.telnyx,
            services.config,
            target_state,
        )

    # -- from outside ----------------------------------------------------------------------------

    def webhook(self, event: WebhookEvent) -> None:
        """Take a fact about our leg. Never waits, never raises."""
        self._actions.webhook(event)
        match event:
            case DtmfReceived():
                self._key("webhook", event.digit, event.occurred_at)
            case CallBridged() if self._agent is not None and self._agent.is_silent:
                self._leg.apply(LegEvent.BRIDGED)
                self._path.transfer_has_settled()
            case CallBridged() if self._leg.is_being_transferred:
                self._handover.webhook(event)
            case CallBridged():
                self.bridged()
            case _:
                pass

    def webhook_of_target(self, event: WebhookEvent) -> None:
        """Take a fact about the leg that the caller is being transferred to."""
        self._handover.webhook(event)

    def become_target(self) -> None:
        """Fall silent: our leg is about to be bridged with the leg of another call of ours."""
        if self._agent is not None:
            self._agent.fall_silent()
        self._path.transfer_begins()
        self._leg.apply(LegEvent.TRANSFER_SENT)

    def bridged(self) -> None:
        """Our leg was joined to another by no transfer of ours: only its end is waited for."""
        if self._leg.is_bridged:
            return
        self.become_target()
        self._leg.apply(LegEvent.BRIDGED)
        self._path.transfer_has_settled()
        self._actions.leave(self._call.books.bridged)

    def stream_off(self) -> None:
        """Take the stream's end for the agent's doing, from now on."""
        self._path.stop_begins()

    def stream_on(self) -> None:
        """Start the stream again once it has ended."""
        self._path.start_again()

    def transfer(self, to: str) -> bool:
        """Transfer the caller now, whatever is being said; False if that cannot be."""
        return self._agent is not None and self._agent.transfer(to)

    def counters(self) -> dict[str, Any]:
        """Return the media counters so far, as a record holds them."""
        return self._path.counters()

    def _key(self, source: Source, digit: str, occurred_at: datetime | None) -> None:
        if not self._keypad.is_new(digit, source, occurred_at):
            return
        if self._agent is not None and not self._actions.takes_key(occurred_at):
            self._agent.key_pressed(digit, trio.current_time())

    # -- the tasks -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until the call ends; returns only when the caller was transferred."""
        frames_in, frames = trio.open_memory_channel["Frame"](FRAMES_AHEAD)
        try:
            async with trio.open_nursery() as nursery:
                start: Callable[..., None] = nursery.start_soon
                start = partial(start, self._call.supervise)
                start(self._run_media, frames_in, name="media")
                start(self._path.watch_stall, name="stall watch")
                start(self._actions.run, name="errands")
                if self._recording is not None:
                    start(self._recording.run, name="recording")
                talker = self._make_talker(start, frames)
                self._agent = AgentTask(
                    talker,
                    self._path.outbound,
                    self._handover,
                    self._call,
                    answerer=self._answerer,
                    config=self._config.outbound,
                )
                start(self._agent.run, name="agent")
        finally:
            self._end_recording()

    def _make_talker(
        self, start: Callable[..., None], frames: trio.MemoryReceiveChannel[Frame]
    ) -> Talker:
        """Put the agent to work on the caller's frames; what it listens through is started."""
        agent, stand_in = self._staff.agent, self._staff.stand_in
        if not isinstance(agent, AudioAgent):
            return self._in_words(agent, start, frames)
        if stand_in is None:
            return self._in_audio(agent, frames)
        pump = FramePump(agent.rate_hz)
        start(pump_all, pump, frames, name="frames")
        return StandInTalker(
            self._in_audio(agent, pump.open(agent.rate_hz)),
            partial(self._stand_in, stand_in, start, pump),
            self._config.failover.apology,
        )

    def _in_audio(self, agent: AudioAgent, frames: trio.MemoryReceiveChannel[Frame]) -> AudioTalker:
        return AudioTalker(
            agent,
            self._info,
            self._path.outbound,
            self._phone,
            frames,
            self._call,
            self._config,
            self._spending,
        )

    def _in_words(
        self,
        agent: DialogueAgent,
        start: Callable[..., None],
        frames: trio.MemoryReceiveChannel[Frame],
    ) -> DialogueTalker:
        speech: trio.MemoryReceiveChannel[SpeechEvent]
        speech_in, speech = trio.open_memory_channel["SpeechEvent"](8)
        recognize = _present(self._staff.recognizer).recognize
        start(recognize, frames, speech_in, agent.vocabulary, name="recognizer")
        return DialogueTalker(
            agent,
            self._info,
            _present(self._staff.synthesizer),
            self._path.outbound,
            self._phone,
            speech,
            self._call,
            self._config,
            self._path.hears_echo,
            self._spending,
        )

    def _stand_in(
        self, agent: DialogueAgent, start: Callable[..., None], pump: FramePump, heard_until: float
    ) -> DialogueTalker:
        """Put the stand-in to work on what the caller has said after `heard_until`."""

        def stuck() -> None:
            self._call.end(EndReason.TOO_SLOW, f"the recognizer took no audio for {STUCK_S:g} s")

        pump.forget(heard_until)
        frames = pump.open(_present(self._staff.recognizer).rate_hz, stuck)
        return self._in_words(agent, start, frames)

    async def _run_media(self, frames: trio.MemorySendChannel[Frame]) -> None:
        await self._path.run(frames)
        self._end_recording()

    def _end_recording(self) -> None:
        if self._recording is not None:
            self._recording.end(trio.current_time())

    @property
    def _may_talk_in_words(self) -> bool:
        staff = self._staff
        return staff.stand_in is not None or not isinstance(staff.agent, AudioAgent)

    @property
    def _rate_hz(self) -> int:
        """At which the caller's frames are wanted."""
        agent, recognizer = self._staff.agent, self._staff.recognizer
        return agent.rate_hz if isinstance(agent, AudioAgent) else _present(recognizer).rate_hz


def _present(provider: _T | None) -> _T:
    """A dialogue agent never runs without recognizer and synthesizer: the daemon sees to it."""
    assert provider is not None
    return provider
