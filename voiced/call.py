"""One call's life: read this first.

`Call.run` is the whole life of a call: answer (`voiced.answering`), hold the conversation on the
media stream (`voiced.session`, where the drawing of the four tasks is), say goodbye
(`voiced.goodbye`).

`Call.end` is the only way to end it: the first cause wins, is kept as an `Ending`, and cancels the
call's scope, and with it every task, socket, timer and file of the call. What remains is one
shielded goodbye with a deadline: the apology if the caller is owed one, the hangup at Telnyx, the
record.

Webhooks are facts, not tasks: `Call.webhook` applies them at once and never waits.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
import trio

from voiced.agent.base import CallInfo
from voiced.answering import Answering
from voiced.audio.codec import audio_rate_hz
from voiced.endings import ending_of
from voiced.goodbye import Goodbye, speaking_limit_s
from voiced.journal import CallEnded, CallRinging
from voiced.ledger import CLOSE_LIMIT_S, LegBooks
from voiced.leg import Ending, EndReason, Leg, LegEvent
from voiced.log import get_logger
from voiced.session import Session
from voiced.telnyx import events

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from voiced.admission import Refuse
    from voiced.journal import JournalEvent
    from voiced.record import RecordBuilder
    from voiced.recording import Recording
    from voiced.services import Media, MediaSocket, Services, Staff

log = get_logger(__name__)

AUDIO_TIMEOUT_S = 2.0
"""For the last seconds of the recording: a slow disk must leave time for the record."""


class Call:
    """One call leg, from its first webhook to its record."""

    def __init__(
        self,
        initiated: events.CallInitiated,
        *,
        token: str,
        services: Services,
        staff: Staff,
        record: RecordBuilder,
    ) -> None:
        """Make a call that `run` will live; `token` authorises its media socket."""
        self.id = initiated.call_control_id
        self.token = token
        self.leg = Leg()
        self.ending: Ending | None = None
        self.record = record
        self._info = CallInfo(call_id=self.id, caller=initiated.from_, called=initiated.to)
        self._flight = services.flights.begin(record.document(), token)
        services, self._staff = self._flight.tap(services, staff)
        self._services = services
        self._config = services.config
        media_url = services.config.media_url(token)
        self._answering = Answering(self.id, self.leg, media_url, services, self)
        self._goodbye = Goodbye(self.id, self.leg, services.telnyx)
        self._books = LegBooks(
            services.ledger,
            services.records,
            key=self.id,
            direction="incoming",
            call_control_id=self.id,
        )
        self._recording: Recording | None = None
        self._scope = trio.CancelScope()
        self._sockets_in, self._sockets = trio.open_memory_channel["MediaSocket"](1)
        self._media_over = trio.Event()
        self._carried = False

    # -- from outside: webhooks, the media endpoint, the admin API --------------------------------

    def webhook(self, event: events.WebhookEvent) -> None:
        """Apply a fact that Telnyx tells of this leg. Never waits, never raises."""
        match event:
            case events.CallAnswered():
                self.leg.apply(LegEvent.ANSWERED)
                self._answering.confirmed.set()
                self._goodbye.answered.set()
            case events.CallHangup():
                was_bridged = self.leg.is_bridged
                self.leg.apply(LegEvent.GONE)
                self._goodbye.leg_has_gone()
                self._end_by_hangup(event, was_bridged=was_bridged)
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
            self._sockets_in.send_nowait(self._flight.carry(socket))
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

    def _end_by_hangup(self, event: events.CallHangup, *, was_bridged: bool) -> None:
        evidence = f"call.hangup {event.webhook_id}: {event.cause}, {event.source}"
        if was_bridged:
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
        self.note(
            CallRinging(caller=self._info.caller, called=self._info.called, at=trio.current_time())
        )
        self._scope.deadline = trio.current_time() + self._config.call.max_duration_s
        try:
            with self._scope:
                await self.supervise(self._answer_and_converse)
            self.end(EndReason.MAX_DURATION, f"{self._config.call.max_duration_s:g} s are over")
        finally:
            self.end(EndReason.SHUTDOWN, "the daemon stopped")
            self._media_over.set()
            limit_s = self._goodbye_limit_s(self._config.call.apology)
            with trio.move_on_after(limit_s, shield=True):
                await self._say_goodbye()

    async def refuse(self, refusal: Refuse) -> None:
        """Live a call that is not to be taken: turn it away, keep its record."""
        structlog.contextvars.bind_contextvars(call=self.id)
        now = trio.current_time()
        self.note(CallRinging(caller=self._info.caller, called=self._info.called, at=now))
        self.end(refusal.reason, refusal.evidence)
        limit_s = self._goodbye_limit_s(refusal.message, self._config.call.answer_timeout_s)
        with trio.move_on_after(limit_s, shield=True):
            if refusal.message:  # it is answered, to be told so
                await self._books.open(self.record.document())
            confirmed = await self._goodbye.turn_away(refusal, self._config.call)
            await self._close_record(confirmed=confirmed)

    async def supervise(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
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
        await self._books.open(self.record.document())  # an answered leg costs money
        media = await self._answering.run(self._sockets)
        if media is None:
            return
        if self._config.recording.audio:
            self._recording = self._open_recording(media)
        session = Session(
            media, self._info, self.leg, self._services, self._staff, self, self._recording
        )
        try:
            await session.run()
        finally:
            session.count(self.record)
        self._media_over.set()
        await trio.sleep_forever()  # transferred: the leg goes on without us

    def _open_recording(self, media: Media) -> Recording:
        given, sent = media.started.media_format, self._config.media
        return self._services.records.recording(
            self.record.document(),
            trio.current_time(),
            caller_hz=audio_rate_hz(given.encoding, given.sample_rate, given.channels),
            agent_hz=audio_rate_hz(sent.bidirectional_codec, sent.sample_rate),
        )

    # -- after the nursery -----------------------------------------------------------------------

    def _goodbye_limit_s(self, text: str, answer_s: float = 0.0) -> float:
        hangup_s = self._config.call.goodbye_timeout_s
        return answer_s + speaking_limit_s(text) + hangup_s + AUDIO_TIMEOUT_S + CLOSE_LIMIT_S

    async def _say_goodbye(self) -> None:
        ending = self._settled_ending()
        limit_s = self._config.call.goodbye_timeout_s
        if self.leg.is_bridged and ending.reason is EndReason.SHUTDOWN:
            confirmed = True  # the caller talks to someone else: not ours to hang up
        else:
            if ending.reason.is_failure:
                await self._goodbye.apologize(self._config.call)
                self._reconsider("the leg had already ended")
            confirmed = await self._goodbye.hang_up(limit_s)
        await self._close_record(confirmed=confirmed)

    async def _close_record(self, *, confirmed: bool) -> None:
        ending = self._settled_ending()
        self.note(CallEnded(reason=ending.reason.value, evidence=ending.evidence, at=ending.at))
        self.record.hangup_confirmed(confirmed=confirmed)
        log.info("call ended", reason=ending.reason.value, evidence=ending.evidence)
        self.record.wire(self._flight.close(self.record.document()))
        await self._close_recording()
        await self._books.close(self.record.document(), is_over=confirmed)

    async def _close_recording(self) -> None:
        if self._recording is None:
            return
        with trio.move_on_after(AUDIO_TIMEOUT_S):
            await self._recording.close()
        self.record.audio(self._recording.document())

    def _settled_ending(self) -> Ending:
        assert self.ending is not None
        return self.ending

    def note(self, event: JournalEvent) -> None:
        """Tell record and observer."""
        self.record.note(event)
        self._services.observer.note(self.id, event)

    def snapshot(self) -> dict[str, Any]:
        """Return the call as the admin API shows it."""
        return {**self.record.document(), "leg": self.leg.state.value}
