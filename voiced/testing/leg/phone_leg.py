"""One leg on Telnyx's side, from the ring to the last webhook.

`PhoneLeg.run` is the whole life: it rings, carries out what the daemon commands, moves the party's
audio on an absolute 20 ms schedule from the answer on, and ends with a `CallReport`. How the leg
came to be (somebody rings; the daemon dialled; a transfer) is its `Origin`.

 REST app ──command──► judge ──orders──► carry out ──► answer, stream, speak, hang up
 party ◄──20 ms── leg clock ──20 ms──► Stream (media socket)      events ──► webhooks

`end` is the only way to end a leg, and the first cause wins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import trio

from voiced.audio.frame import PTIME_S
from voiced.record.journal import CallAnswered, CallEnded, CallRinging
from voiced.testing.announcer import Announcer
from voiced.testing.commands import Refused
from voiced.testing.faults import RestTroubles
from voiced.testing.leg.audio import LegAudio
from voiced.testing.leg.commands import carry_out, object_to
from voiced.testing.leg.context import CallServices, EventSink, LegContext, LegFacts
from voiced.testing.leg.gather import LegGather
from voiced.testing.leg.links import Links
from voiced.testing.leg.recorder import LegRecorder
from voiced.testing.leg.streams import LegStreams
from voiced.testing.leg_ledger import Ledger
from voiced.testing.legs import Accepted, Direction, Hangup, Leg, Verdict
from voiced.testing.report import CallReport, CommandSeen, EndedBy, KeySeen
from voiced.testing.timers import Timers
from voiced.testing.webhooks import iso_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.testing.caller import Caller
    from voiced.testing.faults import Faults
    from voiced.testing.rules import CallRules, Parties

_TIME_LIMIT = Hangup(cause="time_limit", source="unknown")
_UNKNOWN = Hangup(cause="unspecified", source="unknown")

STATUS_KEPT_S = 600.0
"""How long Telnyx tells how an ended call was."""

# Refusals that the best daemon meets too: it raced with the party.
_RACES = ("90018", "90034")


class Origin(Protocol):
    """How a leg came to be, and who is at its other end."""

    @property
    def direction(self) -> Direction:
        """Return who called whom."""
        ...

    @property
    def party(self) -> Caller:
        """Return who speaks and listens once the leg is up."""
        ...

    def events(self, facts: LegFacts) -> EventSink:
        """Return where the events of the leg go."""
        ...

    @property
    def parks(self) -> bool:
        """Tell whether the leg stays up when the one that it is bridged with ends."""
        ...

    def initiated(self, context: LegContext) -> dict[str, Any]:
        """Return what `call.initiated` tells beyond the names."""
        ...

    def ended(self, leg: PhoneLeg) -> None:
        """Take the end of the leg."""
        ...

    async def ring(self, leg: PhoneLeg) -> None:
        """Do what the party does before, and beside, talking: answer, refuse, give up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    due: float
    action: str
    body: Mapping[str, Any]


class PhoneLeg:
    """One leg. `judge` is for the REST app, `run` for whoever lets it ring.

    Args:
        parties: its names.
        origin: how it came to be.
        services: what all calls share.
        rules: its bounds and its line.
        faults: what shall go wrong.
    """

    def __init__(
        self,
        *,
        parties: Parties,
        origin: Origin,
        services: CallServices,
        rules: CallRules,
        faults: Faults,
    ) -> None:
        self.troubles = RestTroubles(faults)
        self.answered = trio.Event()
        self.ledger: Ledger = Ledger(rang_at=trio.current_time())
        self.state: Leg = Leg(call_control_id=parties.call_control_id, direction=origin.direction)
        services = _with_clock_of(faults, services, self.ledger.rang_at)
        facts = LegFacts(
            parties=parties, services=services, rules=rules, faults=faults, ledger=self.ledger
        )
        self.context = LegContext(
            parties=parties,
            state=self.state,
            services=services,
            rules=rules,
            faults=faults,
            ledger=self.ledger,
            events=origin.events(facts),
        )
        self.announcer: Announcer = Announcer()
        self.overlay: Announcer = Announcer()
        self.streams: LegStreams = LegStreams(self.context, self.answered)
        self.recorder: LegRecorder = LegRecorder(self.context)
        self.audio: LegAudio = LegAudio(
            self.context,
            origin.party,
            streams=self.streams,
            announcers=(self.announcer, self.overlay),
            recorder=self.recorder,
        )
        self.gather: LegGather = LegGather(self.context, self.announcer)
        self.links: Links = Links(self, parks=origin.parks)
        self.timers: Timers = Timers()
        self._origin = origin
        self._orders_in, self._orders = trio.open_memory_channel[_Order](math.inf)
        self._scope = trio.CancelScope()
        self._cared_at = self.ledger.rang_at

    # -- commands ------------------------------------------------------------------------------

    def judge(self, action: str, body: Mapping[str, Any]) -> Verdict:
        """Judge a command of the daemon; an accepted one takes effect a moment later."""
        now = trio.current_time()
        verdict = self.state.command(action, body, now, objection=partial(object_to, self))
        self._cared_at = now
        if verdict == Accepted():
            due = now + self.context.services.latencies.effect_s
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
        repeated: bool = False,
    ) -> None:
        """Note a request with the HTTP status that it was answered with (None: not answered)."""
        self.ledger.commands.append(
            CommandSeen(
                at_s=self.ledger.seconds(trio.current_time()),
                action=action,
                body=dict(body),
                status=status,
                code=verdict.code if isinstance(verdict, Refused) else "",
                repeated=repeated or (isinstance(verdict, Accepted) and verdict.repeated),
            )
        )

    @property
    def is_forgotten(self) -> bool:
        """Tell whether the leg ended so long ago that nobody can ask any more how it was."""
        ended_at = self.ledger.ended_at
        return ended_at is not None and trio.current_time() - ended_at > STATUS_KEPT_S

    def status(self) -> dict[str, Any]:
        """Return what `GET /calls/{call_control_id}` tells."""
        parties = self.context.parties
        told: dict[str, Any] = {
            "record_type": "call",
            "call_control_id": parties.call_control_id,
            "call_leg_id": parties.call_leg_id,
            "call_session_id": parties.call_session_id,
            "is_alive": self.state.is_up,
        }
        if self.state.client_state is not None:
            told["client_state"] = self.state.client_state
        return told | self._times()

    def _times(self) -> dict[str, Any]:
        """Return when the leg was answered and ended, as far as that has come."""
        now, wall, ledger = (
            trio.current_time(),
            self.context.services.deliveries.wall(),
            self.ledger,
        )
        if ledger.answered_at is None:
            return {}
        over_at = now if ledger.ended_at is None else ledger.ended_at
        times: dict[str, Any] = {
            "start_time": iso_time(wall - (now - ledger.answered_at)),
            "call_duration": int(over_at - ledger.answered_at),
        }
        if ledger.ended_at is not None:
            times["end_time"] = iso_time(wall - (now - ledger.ended_at))
        return times

    # -- life ----------------------------------------------------------------------------------

    async def run(self) -> CallReport:
        """Ring, and run the leg until its last webhook has been delivered."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.context.events.run)
            async with trio.open_nursery() as media:
                media.start_soon(self.streams.run)
                media.start_soon(self.announcer.run)
                media.start_soon(self.overlay.run)
                media.start_soon(self.recorder.run)
                await self._live()
            self.context.events.close()
        return self.ledger.report(
            parties=self.context.parties,
            direction=self.state.direction,
            hangup=self.state.hangup or _UNKNOWN,
            caller_utterances=tuple(self.audio.party.utterances),
        )

    def pick_up(self) -> None:
        """Note that the leg is answered; nothing happens if it has ended."""
        if not self.state.is_up:
            return
        self.state.answered(streaming=self.streams.is_wanted)
        now = trio.current_time()
        self.ledger.answered_at = self._cared_at = now
        self.answered.set()
        self.context.note(CallAnswered(at=now))
        self.context.tell_people(
            "call.answered", state="answered", start_time=self.context.wall_time()
        )

    def end(self, hangup: Hangup, ended_by: EndedBy) -> None:
        """End the leg; the first cause wins."""
        if not self.state.end(hangup):
            return
        now = trio.current_time()
        self.ledger.ended_at = now
        self.ledger.ended_by = ended_by
        self.ledger.notes.extend(self.audio.party.notes)
        self.streams.close()
        self.gather.stop("call_hangup")
        self.announcer.close()
        self.overlay.close()
        self.context.tell_people(
            "call.hangup",
            state="hangup",
            hangup_cause=hangup.cause,
            hangup_source=hangup.source,
            sip_hangup_cause=hangup.sip_cause,
            call_quality_stats=None,
        )
        self.context.note(CallEnded(reason=hangup.cause, evidence=f"{ended_by} hung up", at=now))
        self.recorder.close()
        self.links.ended()
        self._origin.ended(self)
        self._orders_in.close()
        self._scope.cancel()

    def party_hangs_up(self) -> None:
        """End the leg as its party does."""
        if self.state.direction == "incoming":
            self.end(Hangup(cause="normal_clearing", source="caller"), "caller")
        else:
            self.end(Hangup(cause="normal_clearing", source="callee"), "callee")

    async def _live(self) -> None:
        """Live from `call.initiated` to `call.hangup`."""
        now = trio.current_time()
        parties = self.context.parties
        self.context.note(CallRinging(caller=parties.from_, called=parties.to, at=now))
        self.context.tell_people("call.initiated", **self._origin.initiated(self.context))
        limit_s = self.context.rules.limit_s
        self._scope.deadline = now + limit_s
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run_clock)
                nursery.start_soon(self._origin.ring, self)
                async for order in self._orders:
                    await trio.sleep_until(order.due)
                    carry_out(self, order.action, order.body)
        if self.state.is_up:
            self.ledger.violation(f"the call was still up after {limit_s:g} s")
            self.end(_TIME_LIMIT, "emulator")

    # -- audio ---------------------------------------------------------------------------------

    async def _run_clock(self) -> None:
        """Move 20 ms both ways at a time, on an absolute schedule from the answer on."""
        await self.answered.wait()
        started_at = trio.current_time()
        n = 0
        while self.state.is_up:
            due = started_at + n * PTIME_S
            await trio.sleep_until(due)
            late_s = trio.current_time() - due
            self.ledger.worst_lateness_s = max(self.ledger.worst_lateness_s, late_s)
            self._step(n)
            n += 1

    def _step(self, n: int) -> None:
        now = trio.current_time()
        spoken = self.audio.step(n, now)
        if spoken.hangs_up:
            self.party_hangs_up()
            return
        if spoken.digit:
            self._press(spoken.digit)
        self.timers.run_due(now)
        self.gather.poll(now)
        if self._is_abandoned(now):
            self._give_up_zombie()

    def _press(self, digit: str) -> None:
        at_s = self.ledger.seconds(trio.current_time())
        self.ledger.keys_pressed.append(KeySeen(at_s=at_s, digit=digit))
        now, wall = trio.current_time(), self.context.wall_time()
        late_s = self.context.faults.socket_keys_late_s
        self.timers.at(now + late_s, partial(self.streams.press, digit, wall))
        self.context.tell_people("call.dtmf.received", digit=digit)
        self.gather.press(digit)
        self.links.pass_key(digit)

    def _is_abandoned(self, now: float) -> bool:
        plays = self.announcer.is_playing or self.streams.current is not None
        if plays or self.links.is_cared_for:
            self._cared_at = now
        return now - self._cared_at > self.context.rules.zombie_after_s

    def _give_up_zombie(self) -> None:
        self.ledger.zombie = True
        self.ledger.violation(
            f"zombie leg: up and billed for {self.context.rules.zombie_after_s:g} s without a "
            "stream, a speech or a command; closing the media socket does not hang up"
        )
        self.end(_TIME_LIMIT, "emulator")


def _with_clock_of(faults: Faults, services: CallServices, rang_at: float) -> CallServices:
    """Return `services` with a wall clock that jumps as the fault plan says."""
    if not faults.clock_jumps:
        return services
    deliveries = services.deliveries

    def wall() -> float:
        return deliveries.wall() + faults.clock_offset(trio.current_time() - rang_at)

    return replace(services, deliveries=replace(deliveries, wall=wall))
