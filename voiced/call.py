"""One call is one nursery: read this first.

    Telnyx media ──text──► inbound ──frames──► recognizer ──speech events──► conversation
                              │ marks come back: what was heard                   │ turns
                              ▼                                                   ▼
    Telnyx media ◄──text── outbound ◄────────── pcm ── synthesizer ◄─sentences── reply

`Call.run` is the whole life of a call: answer, wait for the media socket, converse, say goodbye.
`Call.end` is the only way to end it: the first cause wins, is kept as an `Ending`, and cancels the
call's scope, and with it every task, socket, timer and file of the call. What remains is one
shielded goodbye with a deadline (`voiced.goodbye`): the apology if the caller is owed one, the
hangup at Telnyx, the record.

Webhooks are facts, not tasks: `Call.webhook` applies them at once and never waits.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog
import trio

from voiced.agent.base import AudioAgent, CallInfo
from voiced.audio.codec import open_decoder, open_encoder
from voiced.conversation import Conversation, TurnRules
from voiced.endings import ending_of
from voiced.errors import CallGone, CommandFailed, MediaStreamClosed, RemoteProtocolError
from voiced.goodbye import Goodbye, apology_limit_s
from voiced.inbound import FRAMES_AHEAD, Inbound
from voiced.journal import CallAnswered, CallEnded, CallRinging
from voiced.leg import Ending, EndReason, Leg, LegEvent
from voiced.log import get_logger
from voiced.outbound import Outbound
from voiced.pacing import Pacer
from voiced.reply import Transfer, Voice
from voiced.telnyx import commands, events
from voiced.telnyx.media import MediaFormat, MediaStream, Started, Stopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from voiced.agent.base import DialogueAgent
    from voiced.audio.frame import Frame
    from voiced.config import Config
    from voiced.journal import JournalEvent, Observer
    from voiced.recognizer.base import Recognizer, SpeechEvent
    from voiced.record import RecordBuilder
    from voiced.record_store import RecordStore
    from voiced.recording import Recording
    from voiced.stereo_timeline import StereoTimeline
    from voiced.synthesizer.base import Synthesizer
    from voiced.telnyx.rest import TelnyxClient

log = get_logger(__name__)

_T = TypeVar("_T")

RECORD_TIMEOUT_S = 5.0

AUDIO_TIMEOUT_S = 2.0
"""Of those, for the last seconds of the recording: a slow disk must leave time for the record."""


class MediaSocket(Protocol):
    """The media WebSocket of one call, whatever engine carries it."""

    async def receive_text(self) -> str:
        """Return the next message; raises MediaStreamClosed, RemoteProtocolError (not text)."""
        ...

    async def send_text(self, text: str) -> None:
        """Send one message, perhaps without a checkpoint; raises MediaStreamClosed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all calls of a daemon share."""

    config: Config
    telnyx: TelnyxClient
    agent: DialogueAgent | AudioAgent
    recognizer: Recognizer | None
    synthesizer: Synthesizer | None
    records: RecordStore
    observer: Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Media:
    """The media stream of a call, once it has started."""

    socket: MediaSocket
    stream: MediaStream
    started: Started


class Call:
    """One call leg, from its first webhook to its record."""

    def __init__(
        self,
        initiated: events.CallInitiated,
        *,
        token: str,
        services: Services,
        record: RecordBuilder,
    ) -> None:
        """Make a call that `run` will live; `token` authorises its media socket."""
        self.id = initiated.call_control_id
        self.token = token
        self.leg = Leg()
        self.ending: Ending | None = None
        self.record = record
        self._info = CallInfo(call_id=self.id, caller=initiated.from_, called=initiated.to)
        self._services = services
        self._config = services.config
        self._goodbye = Goodbye(self.id, self.leg, services.telnyx)
        self._recording: Recording | None = None
        self._answered = trio.Event()
        self._scope = trio.CancelScope()
        self._sockets_in, self._sockets = trio.open_memory_channel[MediaSocket](1)
        self._media_over = trio.Event()
        self._carried = False
        self._accepted = False
        self._transferred = False

    # -- from outside: webhooks, the media endpoint, the admin API --------------------------------

    def webhook(self, event: events.WebhookEvent) -> None:
        """Apply a fact that Telnyx tells of this leg. Never waits, never raises."""
        match event:
            case events.CallAnswered():
                self.leg.apply(LegEvent.ANSWERED)
                self._answered.set()
            case events.CallHangup():
                self.leg.apply(LegEvent.GONE)
                self._goodbye.leg_has_gone()
                self._end_by_hangup(event)
            case events.SpeakEnded():
                self._goodbye.spoken.set()
            case events.StreamingFailed():
                self.end(EndReason.STREAMING_FAILED, f"streaming.failed: {event.reason}")
            case _:
                log.debug("webhook not acted on", type=type(event).__name__)

    @contextmanager
    def reserve_media(self) -> Iterator[None]:
        """Hold the call's one place for a live media connection."""
        self._carried = True
        try:
            yield
        finally:
            self._carried = False

    async def carry(self, socket: MediaSocket) -> None:
        """Lend the call its media socket; returns once the call has let go of it.

        Run by the media endpoint, in its own task. If that task is cancelled, the socket is lost.
        """
        try:
            self._sockets_in.send_nowait(socket)
            await self._media_over.wait()
        finally:
            if not self._media_over.is_set():
                self.end(EndReason.MEDIA_LOST, "the web server closed the media socket")

    @property
    def wants_media(self) -> bool:
        """Whether a media socket may be carried now: one live connection, while the call lives."""
        return not self._carried and self.ending is None

    def end(self, reason: EndReason, evidence: str) -> None:
        """End the call. The first cause wins; later ones change nothing."""
        if self.ending is None:
            self.ending = Ending(reason=reason, evidence=evidence, at=trio.current_time())
            self._scope.cancel()

    def _end_by_hangup(self, event: events.CallHangup) -> None:
        evidence = f"call.hangup {event.webhook_id}: {event.cause}, {event.source}"
        if self._transferred:
            self.end(EndReason.TRANSFERRED, evidence)
        elif event.cause == "time_limit":
            self.end(EndReason.MAX_DURATION, evidence)
        else:
            self.end(EndReason.CALLER_HUNG_UP, evidence)
            self._reconsider(evidence)

    def _reconsider(self, evidence: str) -> None:
        """If the socket died because the caller had gone, that is the reason."""
        if self.ending is None or not self.leg.is_gone:
            return
        if self.ending.reason is EndReason.MEDIA_LOST:
            both = f"{self.ending.evidence}; {evidence}"
            self.ending = replace(self.ending, reason=EndReason.CALLER_HUNG_UP, evidence=both)

    # -- the life of the call --------------------------------------------------------------------

    async def run(self) -> None:
        """Live the call. Raises nothing but Cancelled: an error is this call's own ending."""
        structlog.contextvars.bind_contextvars(call=self.id)
        self._note(
            CallRinging(caller=self._info.caller, called=self._info.called, at=trio.current_time())
        )
        self._scope.deadline = trio.current_time() + self._config.call.max_duration_s
        try:
            with self._scope:
                await self._supervise(self._answer_and_converse)
            self.end(EndReason.MAX_DURATION, f"{self._config.call.max_duration_s:g} s are over")
        finally:
            self.end(EndReason.SHUTDOWN, "the daemon stopped")
            self._media_over.set()
            with trio.move_on_after(self._goodbye_limit_s(), shield=True):
                await self._say_goodbye()

    async def refuse(self, evidence: str) -> None:
        """Live a call that is not to be answered: reject it as busy, keep its record."""
        structlog.contextvars.bind_contextvars(call=self.id)
        now = trio.current_time()
        self._note(CallRinging(caller=self._info.caller, called=self._info.called, at=now))
        self.end(EndReason.REFUSED_BUSY, evidence)
        with trio.move_on_after(self._goodbye_limit_s(), shield=True):
            confirmed = await self._goodbye.reject(self._config.call.goodbye_timeout_s)
            await self._close_record(confirmed=confirmed)

    async def _supervise(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run a task of the call: its error ends this call, with a reason, and goes no further.

        Each task has its own, so that the cause is noted before another task sees its effect (a
        closed channel).
        """
        try:
            await task(*args)
        except* Exception as group:
            reason, evidence, fault = ending_of(group)
            if self.ending is not None:
                log.debug("error after the end", error=evidence)
            elif fault is not None:
                log.error("call failed by a fault of ours", exc_info=fault)
            self.end(reason, evidence)

    async def _answer_and_converse(self) -> None:
        media = await self._answer()
        if media is not None:
            await self._converse(media)
            self._media_over.set()
            await trio.sleep_forever()  # transferred: the leg goes on without us

    # -- ringing to streaming --------------------------------------------------------------------

    async def _answer(self) -> _Media | None:
        limit_s = self._config.call.answer_timeout_s
        with trio.move_on_after(limit_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_answer, name="answer")
                socket = await self._sockets.receive()
                nursery.cancel_scope.cancel()  # it proves that the answer was taken
            return await self._start_media(socket)
        if self._accepted:
            self.end(EndReason.NO_MEDIA, f"no media stream within {limit_s:g} s of the answer")
        else:
            self.end(EndReason.NOT_ANSWERED, f"answer: not confirmed within {limit_s:g} s")
        return None

    async def _send_answer(self) -> None:
        try:
            await self._send_answer_commands()
        except CallGone as gone:
            self.leg.apply(LegEvent.GONE)
            self.end(EndReason.CALLER_HUNG_UP, f"before the answer: {gone}")
        except CommandFailed as failed:
            self.end(EndReason.NOT_ANSWERED, str(failed))

    async def _send_answer_commands(self) -> None:
        media = self._config.media
        stream = commands.StreamOptions(
            url=self._config.media_url(self.token),
            codec=media.codec,
            bidirectional_codec=media.bidirectional_codec,
            bidirectional_sampling_rate=media.sample_rate,
            target_legs=media.target_legs,
        )
        with_answer = media.start == "answer"
        self.leg.apply(LegEvent.ANSWER_SENT)
        await self._services.telnyx.send(
            commands.Answer(
                call_control_id=self.id,
                stream=stream if with_answer else None,
                send_silence_when_idle=True,
            )
        )
        self._accepted = True
        if not with_answer:
            await self._answered.wait()
            await self._services.telnyx.send(
                commands.StreamingStart(call_control_id=self.id, stream=stream)
            )

    async def _start_media(self, socket: MediaSocket) -> _Media:
        media = self._config.media
        outbound = MediaFormat(encoding=media.bidirectional_codec, sample_rate=media.sample_rate)
        stream = MediaStream(outbound=outbound)
        while True:
            message = stream.receive(await socket.receive_text())
            if isinstance(message, Started):
                break
            if isinstance(message, Stopped):
                raise MediaStreamClosed(1000, "stop before start")
        if message.call_control_id != self.id:
            raise RemoteProtocolError("media socket: start.call_control_id is another call's")
        self.leg.apply(LegEvent.MEDIA_STARTED)
        self._note(CallAnswered(at=trio.current_time()))
        log.info("media started", **_format_of(message))
        return _Media(socket=socket, stream=stream, started=message)

    # -- the four tasks --------------------------------------------------------------------------

    async def _converse(self, media: _Media) -> None:
        config = self._config.media
        encoder = open_encoder(config.bidirectional_codec, config.sample_rate)
        pacer = Pacer(lead_s=config.lead_ms / 1000, message_frames=config.message_ms // 20)
        timeline = self._begin_recording()
        outbound = Outbound(encoder, pacer, timeline)
        given = media.started.media_format
        agent = self._services.agent
        recognizer = self._services.recognizer
        rate_hz = agent.rate_hz if isinstance(agent, AudioAgent) else _present(recognizer).rate_hz
        inbound = Inbound(open_decoder(given.encoding, given.sample_rate), rate_hz, timeline)
        frames_in, frames = trio.open_memory_channel["Frame"](FRAMES_AHEAD)
        try:
            async with trio.open_nursery() as nursery:
                start: Callable[..., None] = nursery.start_soon
                start = partial(start, self._supervise)
                sending = trio.CancelScope()
                start(
                    self._run_inbound, inbound, media, frames_in, outbound, sending, name="inbound"
                )
                start(self._run_outbound, outbound, media, sending, name="outbound")
                start(self._watch_stall, inbound, name="stall watch")
                if self._recording is not None:
                    start(self._recording.run, name="recording")
                if isinstance(agent, AudioAgent):
                    start(self._run_audio_agent, agent, frames, outbound, name="agent")
                else:
                    speech_in, speech = trio.open_memory_channel["SpeechEvent"](8)
                    vocabulary = agent.vocabulary
                    recognize = _present(recognizer).recognize
                    start(recognize, frames, speech_in, vocabulary, name="recognizer")
                    start(self._run_dialogue_agent, agent, speech, outbound, name="agent")
        finally:
            self.record.count(inbound.statistics(), outbound.statistics())
            self._end_recording()

    def _begin_recording(self) -> StereoTimeline | None:
        """Return what takes the call's audio, if it is to be recorded."""
        if not self._config.recording.audio:
            return None
        records = self._services.records
        self._recording = records.recording(self.record.document(), trio.current_time())
        return self._recording.timeline

    def _end_recording(self) -> None:
        if self._recording is not None:
            self._recording.end(trio.current_time())

    async def _run_inbound(
        self,
        inbound: Inbound,
        media: _Media,
        frames: trio.MemorySendChannel[Frame],
        outbound: Outbound,
        sending: trio.CancelScope,
    ) -> None:
        try:
            await inbound.run(media.socket, media.stream, frames, outbound)
        except MediaStreamClosed:
            if not self._transferred:
                raise
        if self._transferred:
            self._end_recording()
            sending.cancel()  # Telnyx has stopped the stream of a bridged leg
        else:
            self.end(EndReason.CALLER_HUNG_UP, "stop on the media socket")

    async def _run_outbound(
        self, outbound: Outbound, media: _Media, sending: trio.CancelScope
    ) -> None:
        with sending:
            await outbound.run(media.socket, media.stream)

    async def _watch_stall(self, inbound: Inbound) -> None:
        limit_s = self._config.media.stall_timeout_s
        # Wakes once per limit, not once per frame: the frame path only notes the time.
        while (quiet_until := inbound.last_at + limit_s) > trio.current_time():  # noqa: ASYNC110
            await trio.sleep_until(quiet_until)
        if not self._transferred:
            self.end(EndReason.MEDIA_STALLED, f"no media for {limit_s:g} s on an open socket")

    async def _run_audio_agent(
        self, agent: AudioAgent, frames: trio.MemoryReceiveChannel[Frame], outbound: Outbound
    ) -> None:
        with frames:
            await agent.converse(self._info, frames, outbound)
        self.end(EndReason.AGENT_HUNG_UP, "the agent ended the conversation")

    async def _run_dialogue_agent(
        self,
        agent: DialogueAgent,
        speech: trio.MemoryReceiveChannel[SpeechEvent],
        outbound: Outbound,
    ) -> None:
        rules = TurnRules(
            silence_timeout_s=self._config.call.silence_timeout_s,
            barge_in=self._config.call.barge_in,
        )
        voice = Voice(
            synthesizer=_present(self._services.synthesizer), outbound=outbound, note=self._note
        )
        conversation = Conversation(agent.begin(self._info), voice, rules)
        with speech:
            decision = await conversation.run(speech)
            if isinstance(decision, Transfer):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_let_pass, speech)
                    await self._transfer(decision.to)
                return
        if decision is not None and decision.nobody_spoke:
            self.end(EndReason.SILENCE, "nobody spoke, and the goodbye was heard")
        elif decision is not None:
            self.end(EndReason.AGENT_HUNG_UP, "the agent's goodbye was heard")
        else:
            self.end(EndReason.RECOGNIZER_FAILED, "the recognizer ended before the call")

    async def _transfer(self, to: str) -> None:
        """Bridge the caller to `to`; our part is then to watch until the leg ends."""
        self._transferred = True  # Telnyx may stop the stream before it has answered us
        try:
            await self._services.telnyx.send(commands.Transfer(call_control_id=self.id, to=to))
        except CommandFailed as failed:
            self._transferred = False
            self.end(EndReason.TRANSFER_FAILED, str(failed))

    # -- after the nursery -----------------------------------------------------------------------

    def _goodbye_limit_s(self) -> float:
        call = self._config.call
        return apology_limit_s(call.apology) + call.goodbye_timeout_s + RECORD_TIMEOUT_S

    async def _say_goodbye(self) -> None:
        ending = self._settled_ending()
        limit_s = self._config.call.goodbye_timeout_s
        if self._transferred and ending.reason is EndReason.SHUTDOWN:
            confirmed = True  # the caller talks to someone else: not ours to hang up
        else:
            if ending.reason.is_failure:
                await self._apologize()
            confirmed = await self._goodbye.hang_up(limit_s)
        await self._close_record(confirmed=confirmed)

    async def _apologize(self) -> None:
        try:
            await self._goodbye.apologize(self._config.call)
        except Exception:
            log.exception("apology failed by a fault of ours")  # the hangup must still be tried
        self._reconsider("the leg had already ended")

    async def _close_record(self, *, confirmed: bool) -> None:
        ending = self._settled_ending()
        self._note(CallEnded(reason=ending.reason.value, evidence=ending.evidence, at=ending.at))
        self.record.hangup_confirmed(confirmed=confirmed)
        log.info("call ended", reason=ending.reason.value, evidence=ending.evidence)
        with trio.move_on_after(RECORD_TIMEOUT_S):
            await self._close_recording()
            await self._services.records.save(self.record.document())

    async def _close_recording(self) -> None:
        if self._recording is None:
            return
        with trio.move_on_after(AUDIO_TIMEOUT_S):
            await self._recording.close()
        self.record.audio(self._recording.document())

    def _settled_ending(self) -> Ending:
        assert self.ending is not None
        return self.ending

    def _note(self, event: JournalEvent) -> None:
        self.record.note(event)
        self._services.observer.note(self.id, event)

    def snapshot(self) -> dict[str, Any]:
        """Return the call as the admin API shows it."""
        return {**self.record.document(), "leg": self.leg.state.value}


async def _let_pass(speech: trio.MemoryReceiveChannel[SpeechEvent]) -> None:
    """Take what nobody wants to know any more, so that the recognizer can go on to its end."""
    async for _ in speech:
        pass


def _format_of(started: Started) -> dict[str, Any]:
    given = started.media_format
    return {"encoding": given.encoding, "sample_rate": given.sample_rate}


def _present(provider: _T | None) -> _T:
    """A dialogue agent never runs without recognizer and synthesizer: the daemon sees to it."""
    assert provider is not None
    return provider
