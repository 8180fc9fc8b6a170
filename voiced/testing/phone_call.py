"""One call on Telnyx's side, from the ring to the last webhook.

`PhoneCall.run` is the whole life: it rings the daemon, carries out what the daemon commands, moves
the caller's audio on an absolute 20 ms schedule from the answer on, and ends with a `CallReport`.

 REST app ──command──► judge ──orders──► carry out ──► answer, stream, speak, hang up
 caller ◄──20 ms── leg clock ──20 ms──► Stream (media socket)      events ──► Deliveries (webhooks)

`_end` is the only way to end the leg, and the first cause wins.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from voiced.audio.frame import PTIME_S, Pcm
from voiced.journal import CallAnswered, CallEnded, CallRinging
from voiced.testing.commands import Refused
from voiced.testing.deliveries import Deliveries
from voiced.testing.faults import RestTroubles
from voiced.testing.legs import Accepted, Hangup, Leg, Verdict
from voiced.testing.line import SILENCE, LineNotes, LineSpeech, background_noise, mix
from voiced.testing.media import StreamParties
from voiced.testing.report import CallReport, CommandSeen, EndedBy, Ledger
from voiced.testing.stream import Stream, StreamEnd, StreamRequest, read_request
from voiced.testing.webhooks import derived_id, iso_time

if TYPE_CHECKING:
    from voiced.journal import JournalEvent, Observer
    from voiced.testing.caller import Caller
    from voiced.testing.deliveries import DeliverySettings
    from voiced.testing.faults import Faults

Speaker: TypeAlias = Callable[[str], Awaitable[Pcm]]
"""Text to 8 kHz audio, for the `speak` command."""

_HUNG_UP = Hangup(cause="normal_clearing", source="callee")
_REJECTED = Hangup(cause="call_rejected", source="callee", sip_cause="603")
_BUSY = Hangup(cause="user_busy", source="callee", sip_cause="486")
_CALLER_HUNG_UP = Hangup(cause="normal_clearing", source="caller")
_CALLER_GAVE_UP = Hangup(cause="originator_cancel", source="caller", sip_cause="487")
_TIME_LIMIT = Hangup(cause="time_limit", source="unknown")

# Refusals that the best daemon meets too: it raced with the caller.
_RACES = ("90018", "90034")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How long Telnyx takes, in seconds.

    The defaults are odd numbers so that nothing of the daemon's falls on the very instant of one
    of our 20 ms steps: on a virtual clock the order within one instant is arbitrary.

    Attributes:
        reply_s: from a command's arrival to its HTTP answer.
        effect_s: from a command's arrival to its effect.
        webhook_s: from an event to the delivery of its webhook.
        connect_s: from the start of a stream to the dialling of the media socket.
    """

    reply_s: float = 0.011
    effect_s: float = 0.023
    webhook_s: float = 0.017
    connect_s: float = 0.031


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRules:
    """The bounds and the line of one call.

    Attributes:
        codec: the call's own, PCMU or PCMA.
        ring_s: an unanswered call rings so long before the caller gives up.
        limit_s: no call lasts longer, ringing included; reaching it is a violation.
        zombie_after_s: a leg that is up without stream, speech or command for so long was left
            behind: it is ended and reported.
        background_dbfs: level of the noise on the caller's line; None for none.
    """

    codec: Literal["PCMU", "PCMA"] = "PCMU"
    ring_s: float = 30.0
    limit_s: float = 300.0
    zombie_after_s: float = 15.0
    background_dbfs: float | None = -65.0


DEFAULT_RULES = CallRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallServices:
    """What all calls of an account share."""

    deliveries: DeliverySettings
    speaker: Speaker
    observer: Observer
    latencies: Latencies


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """The names of a call and its parties."""

    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    user_id: str
    from_: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    due: float
    action: str
    body: Mapping[str, Any]


class PhoneCall:
    """One incoming call. `judge` is for the REST app, `run` for whoever rings."""

    def __init__(
        self,
        *,
        parties: Parties,
        caller: Caller,
        services: CallServices,
        rules: CallRules,
        faults: Faults,
    ) -> None:
        self.leg = Leg(call_control_id=parties.call_control_id)
        self.troubles = RestTroubles(faults)
        self.ledger = Ledger(rang_at=trio.current_time())
        self._parties = parties
        self._caller = caller
        self._services = services
        self._rules = rules
        self._faults = faults
        self._network = services.deliveries.network
        self._deliveries = Deliveries(
            services.deliveries, call_id=parties.call_control_id, faults=faults, ledger=self.ledger
        )
        self._orders_in, self._orders = trio.open_memory_channel[_Order](math.inf)
        self._requests_in, self._requests = trio.open_memory_channel[StreamRequest](math.inf)
        self._texts_in, self._texts = trio.open_memory_channel[str](math.inf)
        self._answered = trio.Event()
        self._scope = trio.CancelScope()
        self._stream: Stream | None = None
        self._n_streams = 0
        self._speech = LineSpeech()
        self._cared_at = self.ledger.rang_at
        self._noise = background_noise(rules.background_dbfs)
        self._watch = LineNotes(self._note)

    # -- commands ------------------------------------------------------------------------------

    def judge(self, action: str, body: Mapping[str, Any]) -> Verdict:
        """Judge a command of the daemon; an accepted one takes effect a moment later."""
        now = trio.current_time()
        verdict = self.leg.command(action, body, now)
        self._cared_at = now
        if verdict == Accepted():
            due = now + self._services.latencies.effect_s
            self._orders_in.send_nowait(_Order(due=due, action=action, body=body))
        elif isinstance(verdict, Refused) and verdict.code not in _RACES:
            self.ledger.violation(f"{action}: {verdict.code} {verdict.detail}")
        return verdict

    def seen(
        self,
        action: str,
        body: Mapping[str, Any],
        status: int | None,
        *,
        verdict: Verdict | None = None,
    ) -> None:
        """Note a request with the HTTP status that it was answered with (None: not answered)."""
        self.ledger.commands.append(
            CommandSeen(
                at_s=self.ledger.seconds(trio.current_time()),
                action=action,
                body=dict(body),
                status=status,
                code=verdict.code if isinstance(verdict, Refused) else "",
                repeated=isinstance(verdict, Accepted) and verdict.repeated,
            )
        )

    # -- life ----------------------------------------------------------------------------------

    async def run(self) -> CallReport:
        """Ring the daemon and run the call until its last webhook has been delivered."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._deliveries.run)
            async with trio.open_nursery() as media:
                media.start_soon(self._run_streams)
                media.start_soon(self._run_speeches)
                await self._run_leg()
            self._deliveries.close()
        hangup = self.leg.hangup or Hangup(cause="unspecified", source="unknown")
        return self.ledger.report(
            call_control_id=self._parties.call_control_id,
            from_=self._parties.from_,
            to=self._parties.to,
            hangup=hangup,
            caller_utterances=tuple(self._caller.utterances),
        )

    def status(self) -> dict[str, Any]:
        """Return what `GET /calls/{call_control_id}` tells."""
        told: dict[str, Any] = {
            "record_type": "call",
            "call_control_id": self._parties.call_control_id,
            "call_leg_id": self._parties.call_leg_id,
            "call_session_id": self._parties.call_session_id,
            "is_alive": self.leg.is_up,
        }
        if self.leg.client_state is not None:
            told["client_state"] = self.leg.client_state
        return told

    async def _run_leg(self) -> None:
        """Live from `call.initiated` to `call.hangup`."""
        now = trio.current_time()
        self._note(CallRinging(caller=self._parties.from_, called=self._parties.to, at=now))
        self._event("call.initiated", **self._initiated())
        self._scope.deadline = now + self._rules.limit_s
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run_clock)
                nursery.start_soon(self._run_patience)
                async for order in self._orders:
                    await trio.sleep_until(order.due)
                    self._carry_out(order)
        if self.leg.is_up:
            self.ledger.violation(f"the call was still up after {self._rules.limit_s:g} s")
            self._end(_TIME_LIMIT, "emulator")

    def _carry_out(self, order: _Order) -> None:
        match order.action:
            case "answer":
                self._answer(order.body)
            case "reject":
                self._end(_BUSY if order.body["cause"] == "USER_BUSY" else _REJECTED, "agent")
            case "hangup":
                self._end(_HUNG_UP if self._answered.is_set() else _REJECTED, "agent")
            case "streaming_start":
                self._request_stream(order.body)
            case "streaming_stop" if self._stream is not None:
                self._stream.stop()
            case "speak":
                self._texts_in.send_nowait(order.body["payload"])
            case _:
                pass  # client_state_update has had its effect; streaming_stop came too late

    def _answer(self, body: Mapping[str, Any]) -> None:
        with_stream = bool(body.get("stream_url"))
        self.leg.answered(streaming=with_stream)
        now = trio.current_time()
        self.ledger.answered_at = self._cared_at = now
        self._answered.set()
        self._note(CallAnswered(at=now))
        start_time = iso_time(self._services.deliveries.wall())
        self._event("call.answered", **self._people(), state="answered", start_time=start_time)
        if with_stream:
            self._request_stream(body)

    def _end(self, hangup: Hangup, ended_by: EndedBy) -> None:
        """End the leg; the first cause wins."""
        if not self.leg.end(hangup):
            return
        now = trio.current_time()
        self.ledger.ended_at = now
        self.ledger.ended_by = ended_by
        self.ledger.notes.extend(self._caller.notes)
        if self._stream is not None:
            self._stream.stop()
            self._streaming_stopped(self._stream)
        if self._speech.is_playing:
            self._event("call.speak.ended", status="call_hangup")
        self._speech.stop()
        self._event(
            "call.hangup",
            **self._people(),
            state="hangup",
            hangup_cause=hangup.cause,
            hangup_source=hangup.source,
            sip_hangup_cause=hangup.sip_cause,
            call_quality_stats=None,
        )
        self._note(CallEnded(reason=hangup.cause, evidence=f"{ended_by} hung up", at=now))
        for channel in (self._orders_in, self._requests_in, self._texts_in):
            channel.close()
        self._scope.cancel()

    async def _run_patience(self) -> None:
        """The caller's decisions that have nothing to do with what is said."""
        gives_up_s = self._faults.gives_up_s
        ring_s = self._rules.ring_s if gives_up_s is None else gives_up_s
        with trio.move_on_after(ring_s):
            await self._answered.wait()
        if not self._answered.is_set():
            self._end(_CALLER_GAVE_UP, "caller")
        elif self._faults.hangs_up_s is not None:
            await trio.sleep(self._faults.hangs_up_s)
            self._end(_CALLER_HUNG_UP, "caller")

    # -- audio ---------------------------------------------------------------------------------

    async def _run_clock(self) -> None:
        """Move 20 ms both ways at a time, on an absolute schedule from the answer on."""
        await self._answered.wait()
        started_at = trio.current_time()
        n = 0
        while self.leg.is_up:
            due = started_at + n * PTIME_S
            await trio.sleep_until(due)
            late_s = trio.current_time() - due
            self.ledger.worst_lateness_s = max(self.ledger.worst_lateness_s, late_s)
            self._step(n)
            n += 1

    def _step(self, n: int) -> None:
        now = trio.current_time()
        # The caller answers to what was heard up to now; both tracks get the same 20 ms.
        heard_before = self._watch.last_heard
        spoken = self._caller.step(heard_before)
        if spoken.hangs_up:
            self._end(_CALLER_HUNG_UP, "caller")
            return
        voice = mix(spoken.pcm, self._noise[n % len(self._noise)])
        heard = self._stream.tick(voice, now) if self._stream is not None else SILENCE
        heard = mix(heard, self._speech.next_frame())
        self.ledger.frame(heard=heard, spoken=voice)
        self._watch.heard(heard, self._caller, now)
        if spoken.digit:
            self._press(spoken.digit)
        if self._is_abandoned(now):
            self._give_up_zombie()

    def _press(self, digit: str) -> None:
        occurred_at = iso_time(self._services.deliveries.wall())
        if self._stream is not None:
            self._stream.press(digit, occurred_at)
        self._event("call.dtmf.received", **self._people(), digit=digit)

    def _is_abandoned(self, now: float) -> bool:
        if self._stream is not None or self._speech.is_playing:
            self._cared_at = now
        return now - self._cared_at > self._rules.zombie_after_s

    def _give_up_zombie(self) -> None:
        self.ledger.zombie = True
        self.ledger.violation(
            f"zombie leg: up and billed for {self._rules.zombie_after_s:g} s without a stream, "
            "a speech or a command; closing the media socket does not hang up"
        )
        self._end(_TIME_LIMIT, "emulator")

    # -- streams and speeches ------------------------------------------------------------------

    def _request_stream(self, body: Mapping[str, Any]) -> None:
        request = read_request(body, leg_codec=self._rules.codec, forced=self._faults.inbound_codec)
        self._requests_in.send_nowait(request)

    async def _run_streams(self) -> None:
        """Carry one media stream after the other."""
        async for request in self._requests:
            await trio.sleep(self._services.latencies.connect_s)
            if self.leg.is_up:
                await self._run_stream(request)

    async def _run_stream(self, request: StreamRequest) -> None:
        self._n_streams += 1
        stream_id = derived_id("stream", self._parties.call_control_id, self._n_streams)
        stream = Stream(
            request,
            self._stream_parties(request, stream_id),
            faults=self._faults,
            drops_s=self._faults.socket_drops_s if self._n_streams == 1 else None,
            ledger=self.ledger,
            on_start=lambda: self._event("streaming.started", stream_url=request.url),
            on_end=self._stream_ended,
        )
        self._stream = stream
        await stream.run(self._network)

    def _stream_ended(self, stream: Stream, end: StreamEnd) -> None:
        self._stream = None
        self.leg.stream_ended()
        if not self.leg.is_up:
            return
        if end is not StreamEnd.FAILED:
            self._streaming_stopped(stream)
            return
        self._event(
            "streaming.failed",
            failure_reason="connection_failed",
            stream_id=stream.stream_id,
            stream_type="websocket",
            stream_params={"stream_url": stream.request.url, "track": stream.request.track},
        )

    def _streaming_stopped(self, stream: Stream) -> None:
        if stream.has_started:
            self._event("streaming.stopped", stream_url=stream.request.url)

    async def _run_speeches(self) -> None:
        """Speak one text after the other to the caller, as the `speak` command asks."""
        async for text in self._texts:
            pcm = await self._services.speaker(text)
            if not self.leg.is_up:
                return
            if not pcm.size:
                continue
            self.ledger.spoken_texts.append((trio.current_time(), text))
            self._event("call.speak.started")
            played = self._speech.play(pcm)
            await played.wait()  # the clock of the leg plays it; `_end` stops it
            if self.leg.is_up:
                self._event("call.speak.ended", status="completed")

    # -- words ---------------------------------------------------------------------------------

    def _event(self, event_type: str, **payload: Any) -> None:
        common: dict[str, Any] = {
            "call_control_id": self._parties.call_control_id,
            "call_leg_id": self._parties.call_leg_id,
            "call_session_id": self._parties.call_session_id,
            "connection_id": self._parties.connection_id,
        }
        if self.leg.client_state is not None:
            common["client_state"] = self.leg.client_state
        self._deliveries.send(event_type, common | payload)

    def _people(self) -> dict[str, Any]:
        return {"from": self._parties.from_, "to": self._parties.to}

    def _initiated(self) -> dict[str, Any]:
        return {
            **self._people(),
            "direction": "incoming",
            "state": "parked",
            "start_time": iso_time(self._services.deliveries.wall()),
            "connection_codecs": "PCMU,PCMA",
            "offered_codecs": self._rules.codec,
            "tags": [],
        }

    def _stream_parties(self, request: StreamRequest, stream_id: str) -> StreamParties:
        return StreamParties(
            stream_id=stream_id,
            user_id=self._parties.user_id,
            call_control_id=self._parties.call_control_id,
            call_session_id=self._parties.call_session_id,
            from_=self._parties.from_,
            to=self._parties.to,
            client_state=self.leg.client_state,
            custom_parameters=request.custom_parameters,
        )

    def _note(self, event: JournalEvent) -> None:
        self._services.observer.note(self._parties.call_control_id, event)
