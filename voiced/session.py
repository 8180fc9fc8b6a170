"""The tasks on a call's media stream, in one nursery.

    Telnyx media ──text──► inbound ──frames──► recognizer ──speech events──► conversation
                              │ marks come back: what was heard                   │ turns
                              ▼                                                   ▼
    Telnyx media ◄──text── outbound ◄────────── pcm ── synthesizer ◄─sentences── reply

An audio agent takes the place of recognizer, conversation and synthesizer. Each task is supervised:
its error ends the call, and is noted before another task sees its effect (a closed channel).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import trio

from voiced.agent.base import AudioAgent
from voiced.audio.codec import open_decoder, open_encoder
from voiced.audio.l16 import ByteOrder
from voiced.conversation import Conversation
from voiced.errors import CommandFailed, MediaStreamClosed
from voiced.inbound import FRAMES_AHEAD, Inbound
from voiced.leg import EndReason, LegEvent
from voiced.outbound import Outbound
from voiced.pacing import Pacer
from voiced.reply import Transfer, Voice
from voiced.telnyx import commands
from voiced.turns.budgets import Spending

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.agent.base import CallInfo, DialogueAgent
    from voiced.audio.frame import Frame
    from voiced.leg import Leg
    from voiced.recognizer.base import SpeechEvent
    from voiced.record import RecordBuilder
    from voiced.recording import Recording
    from voiced.services import CallFace, Media, Services, Staff
    from voiced.stereo_timeline import StereoTimeline

_T = TypeVar("_T")


class Session:
    """One call's media stream, from `start` to `stop`."""

    def __init__(
        self,
        media: Media,
        info: CallInfo,
        leg: Leg,
        services: Services,
        staff: Staff,
        call: CallFace,
        recording: Recording | None,
    ) -> None:
        """Make what the tasks share.

        Raises:
            UnsupportedCodec: Telnyx sends an encoding that we cannot read.
            CodecNotInstalled: we could, with its library.
        """
        self._staff = staff
        self._media = media
        self._info = info
        self._leg = leg
        self._services = services
        self._config = services.config
        self._call = call
        self._recording = recording
        self._sending = trio.CancelScope()
        byte_order = ByteOrder(self._config.media.l16_byte_order)
        self._outbound = self._make_outbound(byte_order)
        self._inbound = self._make_inbound(byte_order)

    async def run(self) -> None:
        """Run until the call ends; returns only when the caller was transferred."""
        agent = self._staff.agent
        frames_in, frames = trio.open_memory_channel["Frame"](FRAMES_AHEAD)
        try:
            async with trio.open_nursery() as nursery:
                start: Callable[..., None] = nursery.start_soon
                start = partial(start, self._call.supervise)
                start(self._run_inbound, frames_in, name="inbound")
                start(self._run_outbound, name="outbound")
                start(self._watch_stall, name="stall watch")
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

    def count(self, record: RecordBuilder) -> None:
        """Write the media counters into `record`."""
        record.count(self._inbound.statistics(), self._outbound.statistics())

    def _make_outbound(self, byte_order: ByteOrder) -> Outbound:
        media = self._config.media
        encoder = open_encoder(media.bidirectional_codec, media.sample_rate, byte_order=byte_order)
        message_frames = min(media.message_ms // 20, encoder.max_frames)
        pacer = Pacer(lead_s=media.lead_ms / 1000, message_frames=message_frames)
        return Outbound(encoder, pacer, self._timeline)

    def _make_inbound(self, byte_order: ByteOrder) -> Inbound:
        given = self._media.started.media_format
        agent, recognizer = self._staff.agent, self._staff.recognizer
        rate_hz = agent.rate_hz if isinstance(agent, AudioAgent) else _present(recognizer).rate_hz
        decoder = open_decoder(
            given.encoding, given.sample_rate, channels=given.channels, byte_order=byte_order
        )
        return Inbound(decoder, rate_hz, self._timeline)

    @property
    def _timeline(self) -> StereoTimeline | None:
        return self._recording.timeline if self._recording is not None else None

    def _end_recording(self) -> None:
        if self._recording is not None:
            self._recording.end(trio.current_time())

    # -- the tasks -------------------------------------------------------------------------------

    async def _run_inbound(self, frames: trio.MemorySendChannel[Frame]) -> None:
        try:
            await self._inbound.run(self._media.socket, self._media.stream, frames, self._outbound)
        except MediaStreamClosed:
            if not self._leg.is_bridged:
                raise
        if self._leg.is_bridged:
            self._end_recording()
            self._sending.cancel()  # Telnyx has stopped the stream of a bridged leg
        else:
            self._call.end(EndReason.CALLER_HUNG_UP, "stop on the media socket")

    async def _run_outbound(self) -> None:
        with self._sending:
            await self._outbound.run(self._media.socket, self._media.stream)

    async def _watch_stall(self) -> None:
        limit_s = self._config.media.stall_timeout_s
        # Wakes once per limit, not once per frame: the frame path only notes the time.
        while (until := self._inbound.last_at + limit_s) > trio.current_time():  # noqa: ASYNC110
            await trio.sleep_until(until)
        if not self._leg.is_bridged:
            self._call.end(EndReason.MEDIA_STALLED, f"no media for {limit_s:g} s on an open socket")

    async def _run_audio_agent(
        self, agent: AudioAgent, frames: trio.MemoryReceiveChannel[Frame]
    ) -> None:
        with frames:
            await agent.converse(self._info, frames, self._outbound)
        self._call.end(EndReason.AGENT_HUNG_UP, "the agent ended the conversation")

    async def _run_dialogue_agent(
        self, agent: DialogueAgent, speech: trio.MemoryReceiveChannel[SpeechEvent]
    ) -> None:
        budgets = self._config.budgets.budgets()
        voice = Voice(
            synthesizer=_present(self._staff.synthesizer),
            outbound=self._outbound,
            note=self._call.note,
            budgets=budgets,
            spending=Spending(budgets),
        )
        rules = self._config.turns.rules(
            silence_timeout_s=self._config.call.silence_timeout_s,
            barge_in=self._config.call.barge_in,
        )
        conversation = Conversation(agent.begin(self._info), voice, rules)
        with speech:
            decision = await conversation.run(speech)
            if isinstance(decision, Transfer):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_let_pass, speech)
                    await self._transfer(decision.to)
                return
        if decision is None:
            self._call.end(EndReason.RECOGNIZER_FAILED, "the recognizer ended before the call")
        elif decision.nobody_spoke:
            self._call.end(EndReason.SILENCE, "nobody spoke, and the goodbye was heard")
        else:
            self._call.end(EndReason.AGENT_HUNG_UP, "the agent's goodbye was heard")

    async def _transfer(self, to: str) -> None:
        """Bridge the caller to `to`; our part is then to watch until the leg ends."""
        self._leg.apply(LegEvent.BRIDGED)  # Telnyx may stop the stream before it has answered us
        command = commands.Transfer(call_control_id=self._media.started.call_control_id, to=to)
        try:
            await self._services.telnyx.send(command)
        except CommandFailed as failed:
            self._call.end(EndReason.TRANSFER_FAILED, str(failed))


async def _let_pass(speech: trio.MemoryReceiveChannel[SpeechEvent]) -> None:
    """Take what nobody wants to know any more, so that the recognizer can go on to its end."""
    async for _ in speech:
        pass


def _present(provider: _T | None) -> _T:
    """A dialogue agent never runs without recognizer and synthesizer: the daemon sees to it."""
    assert provider is not None
    return provider
