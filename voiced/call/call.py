"""One call's life: read this first.

`Call.run` is the whole life of a call: come to its media stream (`voiced.call.opening`: answer,
dial, or a TeXML document), hold the conversation (`voiced.call.session`, where the drawing of the
tasks is), say goodbye (`voiced.leg.goodbye`).

`Call.end` is the only way to end it: the first cause wins, is kept as an `Ending`, and cancels the
call's scope, and with it every task, socket, timer and file of the call. What remains is one
shielded goodbye with a deadline: the apology if the caller is owed one, the hangup at Telnyx, the
record.

Webhooks are facts, not tasks: `Call.webhook` applies them at once and never waits.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import structlog
import trio

from voiced.audio.codec import audio_rate_hz
from voiced.call.answerer import Answerer
from voiced.call.endings import (
    ending_of,
    meaning_of_hangup,
    outcome_of,
    reason_of_far_end,
    untold_failures,
)
from voiced.call.milestones import Milestones
from voiced.call.recording_control import RecordingControl
from voiced.call.session import Session
from voiced.ledger import CLOSE_LIMIT_S, LegBooks
from voiced.leg.goodbye import Goodbye, speaking_limit_s
from voiced.leg.leg import Ending, EndReason, LegEvent
from voiced.log import get_logger
from voiced.media.place import MediaPlace
from voiced.record.journal import (
    CallAnswered,
    CallEnded,
    CallRinging,
    CallTornDown,
    ProviderFailed,
)
from voiced.telnyx import events
from voiced.telnyx.outcome import Outcome
from voiced.telnyx_recording import LegRecording

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from voiced.agent.base import CallInfo, DialogueAgent
    from voiced.call.keys import CallKeys
    from voiced.call.opening import Opening
    from voiced.leg.leg import Leg
    from voiced.record.journal import JournalEvent
    from voiced.record.record import RecordBuilder
    from voiced.recording.recording import Recording
    from voiced.services.services import Media, Services, Staff
    from voiced.switchboard.admission import Refuse
    from voiced.telnyx.ids import CallControlId
    from voiced.telnyx.machine import DetectionMode

log = get_logger(__name__)


AUDIO_TIMEOUT_S = 2.0
"""For the last seconds of the recording: a slow disk must leave time for the record."""


class Office(Protocol):
    """Who makes calls and knows them all."""

    def identified(self, call: Call) -> None:
        """The id of a leg that we dialled has become known."""
        ...

    def consult(self, call: Call, to: str, staff: Staff) -> Call:
        """Place a call on behalf of `call`, which has its own agent; raises CannotDial."""
        ...


class Call:
    """One call leg, from its first webhook or its order to its record."""

    def __init__(
        self,
        leg: Leg,
        info: CallInfo,
        *,
        keys: CallKeys,
        services: Services,
        staff: Staff,
        detection: DetectionMode | Literal["disabled"],
        record: RecordBuilder,
        office: Office,
    ) -> None:
        """Make a call that `run` will live, once it has its `opening`.

        `staff` serves it, `detection` is how Telnyx looks for an answering machine, `office` is who
        has made it.
        """
        self.leg = leg
        self.keys = keys
        self.ending: Ending | None = None
        self.record = record
        self.opening: Opening
        self._info = info
        self.flight = services.flights.begin(record.document(), keys.token)
        self.services, self._staff = self.flight.tap(services, staff.for_call(self.note))
        self._config = services.config
        self._office = office
        self.over = trio.Event()
        """Set when the call's end is decided."""
        self.milestones = Milestones()
        """How far it has come; the switchboard adds the end."""
        if leg.id is not None:
            self.milestones.reach("placed")
        self._goodbye = Goodbye(leg, self.services.telnyx, self._config.call_webhook_url)
        self.books = LegBooks(
            services.ledger,
            services.records,
            key=keys.ref,
            direction=keys.direction,
            call_control_id=leg.id,
            client_state=keys.dialled_state if leg.id is None else None,
            outbox=services.outbox,
        )
        document = record.document()
        self.telnyx_recording = LegRecording(
            self._config.recording,
            self.services.telnyx,
            services.fetcher,
            directory=services.records.name(document),
            at=datetime.fromisoformat(document["started_at"]).timestamp(),
            begins_by_command=keys.via == "texml",
        )
        self._answerer = (
            None
            if detection == "disabled"
            else Answerer(detection, self._config.outbound, self.note)
        )
        self._session: Session | None = None
        self._recording: Recording | None = None
        self._scope = trio.CancelScope()
        self.media = MediaPlace(self.flight.carry, self.end_from_outside)
        self._document_is_over = False
        self._may_be_up = leg.id is not None
        self._is_counted = False

    @property
    def id(self) -> str:
        """The leg's call_control_id; "" as long as Telnyx has not told that of an outgoing one."""
        return self.leg.id or ""

    # -- from outside: webhooks, the media endpoint, the admin API --------------------------------

    def identify(self, ids: Mapping[str, Any]) -> None:
        """Learn the ids of a leg that we dialled; the first source counts."""
        call_control_id = ids.get("call_control_id")
        if self.leg.id is None and isinstance(call_control_id, str) and call_control_id:
            self.leg.id = cast("CallControlId", call_control_id)
            self.record.identify(ids)
            self.milestones.reach("placed")
            self._office.identified(self)

    def came_to(self, outcome: Outcome) -> None:
        """Learn what has become of a call that we placed; the first to know is believed."""
        self.record.outcome(outcome)

    def webhook(self, event: events.WebhookEvent) -> None:
        """Apply a fact that Telnyx tells of this leg. Never waits, never raises."""
        match event:
            case events.CallAnswered():
                self.milestones.reach("answered")
                self.leg.apply(LegEvent.ANSWERED)
                self._goodbye.answered.set()
                if self._answerer is not None:
                    self._answerer.answered()
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
                pass
        self.telnyx_recording.webhook(event)
        self.opening.webhook(event)
        if self._answerer is not None:
            self._answerer.webhook(event)
        if self._session is not None:
            self._session.webhook(event)

    def webhook_of_target(self, event: events.WebhookEvent) -> None:
        """Apply a fact about a leg that this call is being transferred to."""
        if self._session is not None:
            self._session.webhook_of_target(event)

    def consult(self, to: str, agent: DialogueAgent) -> Call:
        """Place a call to somebody whom our caller shall talk with; raises CannotDial."""
        staff = replace(self._staff, agent=agent)
        return self._office.consult(self, to, staff)

    @property
    def own_number(self) -> str:
        """The number of ours that the call is on."""
        return self._info.called if self.keys.direction == "incoming" else self._info.caller

    def become_target(self) -> bool:
        """Fall silent: this leg is about to be bridged with a caller's. False if it has ended."""
        if self.ending is not None or self._session is None:
            return False
        self._session.become_target()
        return True

    @property
    def outcome(self) -> Outcome | None:
        """What came of a call that we placed, once that is known."""
        told = self.record.document()["outcome"]
        return None if told is None else Outcome(told)

    def transfer(self, to: str) -> bool:
        """Transfer the caller now, for the operator; False while there is nobody to transfer."""
        self.flight.ordered("transfer", to=to)
        return self._session is not None and self.ending is None and self._session.transfer(to)

    @property
    def wants_media(self) -> bool:
        """Whether a media socket may be lent now: one live connection, while the call lives."""
        return self.media.is_free and self.ending is None

    def end(self, reason: EndReason, evidence: str) -> None:
        """End the call. The first cause wins; later ones change nothing."""
        if self.ending is None:
            self.ending = Ending(reason=reason, evidence=evidence, at=trio.current_time())
            self.over.set()
            self._scope.cancel()

    def end_from_outside(self, reason: EndReason, evidence: str) -> None:
        """End the call for a cause that nothing else in its flight recording tells of."""
        if self.ending is None:
            self.flight.ordered("end", reason=reason.value, evidence=evidence)
        self.end(reason, evidence)

    def hush(self) -> None:
        """Cut an apology short: there is no time for it."""
        self._goodbye.hush()

    def hung_up(self, evidence: str) -> None:
        """End the call: whoever talked with us has hung up."""
        self.end(self._far_end_hung_up, evidence)

    def _end_by_hangup(self, event: events.CallHangup, *, was_bridged: bool) -> None:
        answered = self.milestones.has("answered")
        meaning = meaning_of_hangup(event, self.keys, answered=answered, was_bridged=was_bridged)
        self._document_is_over = meaning.by_document
        if meaning.outcome is not None and self.ending is None:
            self.came_to(meaning.outcome)
        self.end(meaning.reason, meaning.evidence)
        if meaning.reason is self._far_end_hung_up:
            self._reconsider(meaning.evidence)

    def _reconsider(self, evidence: str) -> None:
        """If the socket died because the far end had gone, that is the reason."""
        if self.ending is None or not self.leg.is_gone or self._document_is_over:
            return
        if self.ending.reason is EndReason.MEDIA_LOST:
            both = f"{self.ending.evidence}; {evidence}"
            self.ending = replace(self.ending, reason=self._far_end_hung_up, evidence=both)

    @property
    def _far_end_hung_up(self) -> EndReason:
        return reason_of_far_end(self.keys, answered=self.milestones.has("answered"))

    @property
    def _is_outgoing(self) -> bool:
        return self.keys.direction == "outgoing"

    # -- the life of the call --------------------------------------------------------------------

    async def run(self) -> None:
        """Live the call. Raises nothing but Cancelled: an error is this call's own ending."""
        self._begin()
        self._staff.anticipate()
        self._scope.deadline = trio.current_time() + self._config.call.max_duration_s
        try:
            with self._scope:
                await self.supervise(self._open_and_converse)
            self.end(EndReason.MAX_DURATION, f"{self._config.call.max_duration_s:g} s are over")
        finally:
            self.end_from_outside(EndReason.SHUTDOWN, "the daemon stopped")
            now = trio.current_time()
            self.note(CallTornDown(after_s=now - self._settled_ending().at, at=now))
            limit_s = self._goodbye_limit_s(self._config.call.apology)
            with trio.move_on_after(limit_s, shield=True):
                await self._say_goodbye()

    async def refuse(self, refusal: Refuse) -> None:
        """Live a call that is not to be taken: turn it away, keep its record."""
        self._begin()
        self.media.close()
        self.flight.ordered("refuse", reason=refusal.reason.value, message=refusal.message)
        self.end(refusal.reason, refusal.evidence)
        limit_s = self._goodbye_limit_s(refusal.message, self._config.call.answer_timeout_s)
        with trio.move_on_after(limit_s, shield=True):
            if refusal.message:  # it is answered, to be told so
                await self.books.open(self.record.document())
            if self.keys.via == "texml":
                confirmed = await self._goodbye.see_off(refusal, self._config.call)
            else:
                confirmed = await self._goodbye.turn_away(refusal, self._config.call)
            await self._close_record(confirmed=confirmed)

    def _begin(self) -> None:
        structlog.contextvars.bind_contextvars(call=self.id or self.keys.ref)
        ringing = CallRinging(
            caller=self._info.caller, called=self._info.called, at=trio.current_time()
        )
        self.note(ringing)

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
            else:
                self._tell_failures(group)
            self.end(reason, evidence)

    def _tell_failures(self, group: BaseExceptionGroup[Exception]) -> None:
        """Tell of providers that have no fallback: a list tells of its members itself."""
        for role, error in untold_failures(group):
            name = self.record.providers.get(role, error.provider)
            now = trio.current_time()
            self.note(ProviderFailed(role=role, provider=name, kind=error.kind, at=now))

    async def _open_and_converse(self) -> None:
        await self.books.open(self.record.document())  # what is answered or dialled costs money
        media = await self._open()
        if media is None:
            return
        self.milestones.reach("answered")
        self.note(CallAnswered(at=trio.current_time()))
        self.record.session(media.started.call_session_id)
        if self._answerer is not None:
            self._answerer.answered()  # `call.answered` may be late
        structlog.contextvars.bind_contextvars(call=self.id)
        if self._config.recording.audio:
            self._recording = self._open_recording(media)
        self._session = session = self._make_session(media)
        try:
            await session.run()
        finally:
            self.record.count(session.counters())
        await trio.sleep_forever()  # transferred: the leg goes on without us

    async def _open(self) -> Media | None:
        if self.leg.id is not None:
            await self._expect_recording()
            return await self.opening.run(self.media.sockets)
        self._may_be_up = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._book_id, name="book id")
            media = await self.opening.run(self.media.sockets)
            nursery.cancel_scope.cancel()
        return media

    async def _book_id(self) -> None:
        """Write down how Telnyx calls the leg that we have dialled, as soon as it is known."""
        await self.milestones.wait("placed")
        assert self.leg.id is not None
        await self._expect_recording()
        await self.books.identified(self.leg.id, self.record.document()["call_leg_id"])

    async def _expect_recording(self) -> None:
        assert self.leg.id is not None
        call_leg_id = self.record.document().get("call_leg_id") or self.leg.id
        await self.telnyx_recording.identified(self.leg.id, call_leg_id)

    def _make_session(self, media: Media) -> Session:
        return Session(
            media,
            self._info,
            self.leg,
            opening=self.opening,
            sockets=self.media.sockets,
            services=self.services,
            staff=self._staff,
            call=self,
            recording=self._recording,
            recordings=RecordingControl(
                self.telnyx_recording, self._recording, self.flight, self.note
            ),
            target_state=self.keys.target_state,
            answerer=self._answerer,
        )

    def _open_recording(self, media: Media) -> Recording:
        given, sent = media.started.media_format, media.stream.outbound
        return self.services.records.recording(
            self.record.document(),
            trio.current_time(),
            caller_hz=audio_rate_hz(given.encoding, given.sample_rate, given.channels),
            agent_hz=audio_rate_hz(sent.encoding, sent.sample_rate),
        )

    # -- after the nursery -----------------------------------------------------------------------

    def _goodbye_limit_s(self, text: str, answer_s: float = 0.0) -> float:
        hangup_s = self._config.call.goodbye_timeout_s
        return answer_s + speaking_limit_s(text) + hangup_s + AUDIO_TIMEOUT_S + CLOSE_LIMIT_S

    async def _say_goodbye(self) -> None:
        self.media.close()
        ending = self._settled_ending()
        if self.leg.id is None and not await self._learn_id(ending):
            never_up = not self._may_be_up or ending.reason is EndReason.DIAL_FAILED
            await self._close_record(confirmed=never_up)
            return
        limit_s = self._config.call.goodbye_timeout_s
        if self.leg.is_bridged and ending.reason in (EndReason.SHUTDOWN, EndReason.DRAIN_LIMIT):
            confirmed = True  # the caller talks to someone else: not ours to hang up
        else:
            if ending.reason.is_failure:
                await self._goodbye.apologize(self._config.call)
                if self.keys.via != "texml":  # its document hangs up as well
                    self._reconsider("the leg had already ended")
            confirmed = await self._goodbye.hang_up(limit_s)
        await self._close_record(confirmed=confirmed)

    async def _learn_id(self, ending: Ending) -> bool:
        """Wait for the id of a leg whose dial was cut off: it must be hung up."""
        if self._may_be_up and ending.reason is not EndReason.DIAL_FAILED:
            with trio.move_on_after(self._config.call.goodbye_timeout_s):
                await self.milestones.wait("placed")
                return True
            log.error("dialled leg without an id: it may ring until its time limit")
        return False

    async def _close_record(self, *, confirmed: bool) -> None:
        ending = self._settled_ending()
        self.note(CallEnded(reason=ending.reason.value, evidence=ending.evidence, at=ending.at))
        self.record.hangup_confirmed(confirmed=confirmed)
        if self._is_outgoing:
            self.came_to(outcome_of(ending.reason, answered=self.milestones.has("answered")))
        log.info("call ended", reason=ending.reason.value, evidence=ending.evidence)
        self.record.wire(self.flight.close(self.record.document()))
        await self._close_recording()
        self.services.metrics.ended(self.record.document())
        self._is_counted = True
        await self.books.close(self.record.document(), is_over=confirmed)
        self.telnyx_recording.ended(was_answered=self.milestones.has("answered"))

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
        self.services.observer.note(self.id, event)

    def media_counters(self) -> dict[str, Any]:
        """Return the media counters so far; {} once they have been counted with the record."""
        if self._is_counted:
            return {}
        counters: dict[str, Any] = self.record.document()["counters"]
        return counters if counters or self._session is None else self._session.counters()

    def snapshot(self) -> dict[str, Any]:
        """Return the call as the admin API shows it."""
        return {**self.record.document(), "leg": self.leg.state.value}
