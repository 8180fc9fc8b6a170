"""The live calls: joins webhook and media socket of a leg, admits, refuses, dials, drains.

The nursery of live calls is the daemon's; it is kept here for as long as the switchboard lives,
the one nursery in the program that outlives the function that starts tasks in it.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import trio

from voiced.agent.base import CallInfo
from voiced.call.answering import Answering
from voiced.call.call import Call
from voiced.call.dialing import Dialing, DialOrder
from voiced.call.keys import CallKeys
from voiced.call.texml_opening import TexmlOpening, refusal_document, stream_document
from voiced.errors import CannotDial
from voiced.leg.leg import EndReason, Leg
from voiced.log import get_logger
from voiced.loop.overload import LagGuard, Load, RateLimit
from voiced.record.record import RecordBuilder
from voiced.switchboard.admission import Refuse, admit
from voiced.telnyx.client_state import parse_client_state
from voiced.telnyx.events import CallHangup, CallInitiated, RecordingError, RecordingSaved
from voiced.telnyx.texml import render_hangup, render_reject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from voiced.call.keys import Via
    from voiced.config import Config, StaffConfig
    from voiced.ledger import Settler
    from voiced.ledger.legs import Direction
    from voiced.leg.leg import LegState
    from voiced.services.generation import Generation
    from voiced.services.services import Staff
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.machine import DetectionMode

log = get_logger(__name__)

REMEMBERED = 10_000
"""Ended calls whose late webhooks are recognized, so that none of them rings a second time."""

MOURNING = 200
"""Refusals under way at most; beyond them Telnyx's own ring timeout ends a call."""

DOUBTFUL = 8
"""TeXML calls that may wait for their media at a time if nobody has signed their fetch."""


class Switchboard:
    """All calls of the daemon."""

    def __init__(
        self,
        generation: Generation,
        live_calls: trio.Nursery,
        wall_clock: Callable[[], float],
        settler: Settler,
        make_ref: Callable[[], str],
    ) -> None:
        """Start calls in `live_calls`; `wall_clock` gives unix seconds for records.

        Calls begin under `generation`, until `renew` gives another one.
        Webhooks of legs that an earlier daemon has left go to `settler`. `make_ref` gives each call
        a reference of its own (`CallKeys`).
        """
        self._make_ref = make_ref
        self._settler = settler
        self._generation = generation
        self._live_calls = live_calls
        self._wall_clock = wall_clock
        self._by_id: dict[str, Call] = {}
        self._by_ref: dict[str, Call] = {}
        self._by_token: dict[str, Call] = {}
        self._by_target: dict[str, Call] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._generations: dict[Call, Generation] = {}
        self._arrivals = RateLimit()
        self._lag_guard = LagGuard()
        self._refusals = 0
        self._draining = False
        self._empty = trio.Event()
        self._empty.set()

    # -- from outside ----------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """Under which new calls begin."""
        return self._generation.services.config

    @property
    def generation(self) -> Generation:
        """Which new calls join."""
        return self._generation

    def renew(self, generation: Generation) -> None:
        """Let new calls begin under another configuration; the live ones keep theirs."""
        former, self._generation = self._generation, generation
        former.retire()

    def webhook(self, event: WebhookEvent) -> Call | None:
        """Take a verified, first-time webhook to its call and return that. Never waits."""
        if isinstance(event, RecordingSaved | RecordingError):
            self._generation.services.fetcher.take(event)  # it may come long after its call
            return None
        call = self._by_id.get(event.call_control_id)
        if call is not None:
            call.webhook(event)
            return call
        if self._settler.take(event):  # before it could ring a second time
            return None
        if isinstance(event, CallInitiated) and event.direction == "incoming":
            return self._ring(event)
        return self._webhook_of_other_leg(event)

    def knows(self, event: WebhookEvent) -> bool:
        """Return whether an event is for a call of ours, live, ended or left behind."""
        if isinstance(event, RecordingSaved | RecordingError):
            return self._generation.services.fetcher.knows(event)
        leg = event.call_control_id
        if leg in self._by_id or leg in self._ended or leg in self._by_target:
            return True
        state = parse_client_state(event.client_state)
        is_ours = state[1] in self._by_ref if state else self._transferring(event) is not None
        return is_ours or self._settler.knows(event)

    def fetch(self, event: CallInitiated, *, is_signed: bool) -> tuple[Call, TexmlOpening] | str:
        """Return the call whose TeXML document is fetched, the same one each time. Never waits.

        Args:
            event: the incoming call that the fetch announces.
            is_signed: the fetch is Telnyx's beyond doubt.

        Returns:
            The call and its opening, which has the document; or a document that turns it away.
        """
        call = self._by_id.get(event.call_control_id)
        if call is not None:
            opening = call.opening
            return (call, opening) if isinstance(opening, TexmlOpening) else render_hangup()
        if event.call_control_id in self._ended or self._settler.take(event):
            return render_hangup()
        return self._ring_texml(event, is_signed=is_signed) or render_reject("busy")

    def claim(self, token: str) -> Call | None:
        """Return the call whose media socket `token` authorises, if it wants one now."""
        call = self._by_token.get(token)
        return call if call is not None and call.wants_media else None

    def find(self, call_id: str) -> Call | None:
        """Return a live call by its call_control_id, or by the reference of its record."""
        return self._by_id.get(call_id) or self._by_ref.get(call_id)

    def snapshot(self) -> list[dict[str, Any]]:
        """Return all live calls as the admin API shows them."""
        return [call.snapshot() for call in self._by_ref.values()]

    @property
    def n_calls(self) -> int:
        """How many calls there are, those included that are being refused."""
        return len(self._by_ref)

    def leg_states(self) -> Iterator[LegState]:
        """Yield the state of each live call's leg."""
        return (call.leg.state for call in self._by_ref.values())

    def media_counters(self) -> Iterator[dict[str, Any]]:
        """Yield the media counters of each live call, as far as its record does not have them."""
        return (call.media_counters() for call in self._by_ref.values())

    def live(self) -> list[tuple[str, Call]]:
        """Return all live calls with what we call them, the oldest first."""
        return list(self._by_ref.items())

    def dial(self, order: DialOrder) -> Call:
        """Place a call; what becomes of it is told by the call and its record.

        Raises:
            CannotDial: the daemon drains, or as many calls are up as may be.
        """
        limit = self.config.call.max_concurrent
        if self._draining:
            raise CannotDial("the daemon is draining")
        if len(self._by_token) >= limit:
            raise CannotDial(f"{limit} calls are up ([call] max_concurrent)", status=429)
        staff = self._generation.services.staff.get(order.line)
        if staff is None:
            raise CannotDial("line: it was taken out of the configuration", status=422)
        return self._place(order, staff, self._generation)

    def consult(self, call: Call, to: str, staff: Staff) -> Call:
        """Place a call on behalf of a live one; that is no new caller, so no limit counts it.

        Raises:
            CannotDial: there is no number to call from.
        """
        generation = self._generations[call]
        caller_id = generation.services.config.transfer.caller_id or call.own_number
        if not caller_id:
            raise CannotDial("there is no number of ours to call from ([transfer] caller_id)")
        key = f"consult {call.keys.ref} {self._make_ref()}"
        order = DialOrder(to=to, caller_id=caller_id, key=key, detection="disabled")
        return self._place(order, staff, generation)

    def identified(self, call: Call) -> None:
        """Take note of the id of a leg that we dialled."""
        self._by_id[call.id] = call

    def _place(self, order: DialOrder, staff: Staff, generation: Generation) -> Call:
        config = generation.services.config
        keys = self._make_keys("outgoing", ref=order.ref)
        call = self._make_call(
            Leg(),
            keys,
            line=order.line,
            info=CallInfo(
                call_id=keys.ref,
                caller=order.caller_id,
                called=order.to,
                variables=dict(order.variables),
            ),
            ids={"connection_id": config.telnyx.connection_id},
            staff=staff,
            generation=generation,
            detection=order.detection or config.outbound.answering_machine_detection,
        )
        call.opening = Dialing(
            order,
            call.leg,
            config.media_url(keys.token),
            keys.dialled_state,
            call.services,
            call,
            call.telnyx_recording,
        )
        self._admit(call, None)
        return call

    @property
    def free_places(self) -> int:
        """How many more calls may be up."""
        return max(0, self.config.call.max_concurrent - len(self._by_token))

    @property
    def is_lagging(self) -> bool:
        """Whether the event loop is so late that one more call would harm the live ones."""
        limit_s = self.config.inbound.max_lag_ms / 1000
        return self._lag_guard.judge(self._generation.services.lag, limit_s)

    @property
    def is_draining(self) -> bool:
        """Whether new calls are refused."""
        return self._draining

    def refuse_new_calls(self) -> None:
        """Begin to drain."""
        self._draining = True

    async def drain(self) -> None:
        """Refuse new calls and wait until the live ones have ended."""
        self.refuse_new_calls()
        await self.all_ended()

    async def all_ended(self) -> None:
        """Wait until there is no call."""
        await self._empty.wait()

    def end_all(self, reason: EndReason, evidence: str) -> None:
        """Begin to drain, and end all live calls; each still has its goodbye."""
        self._draining = True
        for call in self._by_ref.values():
            call.end(reason, evidence)

    async def close(self) -> None:
        """End all live calls, without last words, and wait until all are over."""
        self.end_all(EndReason.SHUTDOWN, "the daemon stopped")
        for call in self._by_ref.values():
            call.hush()
        await self._empty.wait()

    # -- legs ------------------------------------------------------------------------------------

    def _ring(self, event: CallInitiated) -> Call | None:
        if event.call_control_id in self._ended:
            log.debug("late call.initiated of an ended call")
            return None
        taken = self._take_in(event, "call_control")
        if taken is None:
            return None
        call, refusal = taken
        media_url = self.config.media_url(call.keys.token)
        call.opening = Answering(call.leg, media_url, call.services, call, call.telnyx_recording)
        self._admit(call, refusal)
        return call

    def _ring_texml(
        self, event: CallInitiated, *, is_signed: bool
    ) -> tuple[Call, TexmlOpening] | None:
        """Take a call for which a document is fetched; None if there is no room for it."""
        if not is_signed and self._n_doubtful() >= DOUBTFUL:
            log.warning("unsigned TeXML call rejected: others wait for their media", calls=DOUBTFUL)
            return None
        taken = self._take_in(event, "texml")
        if taken is None:
            return None
        call, refusal = taken
        config, keys = self.config, call.keys
        if refusal:
            document = refusal_document(refusal, config.call)
        else:
            document = stream_document(config, token=keys.token, ref=keys.ref)
        call.opening = opening = TexmlOpening(
            document,
            call.leg,
            call.services,
            call,
            call.telnyx_recording,
            is_confirmed=is_signed,
        )
        if refusal:
            opening.hand_out()
        self._admit(call, refusal)
        return call, opening

    def _n_doubtful(self) -> int:
        openings = (call.opening for call in self._by_ref.values())
        return sum(isinstance(o, TexmlOpening) and o.is_doubtful for o in openings)

    def _take_in(self, event: CallInitiated, via: Via) -> tuple[Call, Refuse | None] | None:
        """Judge an incoming call and make it; None when too many are being refused already."""
        config, now = self.config, trio.current_time()
        per_s = config.inbound.calls_per_second
        load = Load(
            live_calls=len(self._by_token),
            draining=self._draining,
            too_fast=not self._arrivals.has_room(now, per_s),
            lagging=self.is_lagging,
        )
        admission = admit(config, caller=event.from_, called=event.to, load=load)
        refusal = admission if isinstance(admission, Refuse) else None
        if refusal and self._refusals >= MOURNING:
            log.warning("call neither answered nor refused", reason=refusal.evidence)
            return None
        if refusal is None:
            self._arrivals.take(now, per_s)
        line = "" if isinstance(admission, Refuse) else admission.line
        keys = self._make_keys("incoming", via)
        call = self._make_call(
            Leg(event.call_control_id),
            keys,
            line=line,
            staff=self._generation.services.staff[line],
            generation=self._generation,
            info=CallInfo(call_id=event.call_control_id, caller=event.from_, called=event.to),
            ids={
                "call_leg_id": event.call_leg_id,
                "call_session_id": event.call_session_id,
                "connection_id": event.connection_id,
            },
        )
        self._by_id[call.id] = call
        return call, refusal

    def _webhook_of_other_leg(self, event: WebhookEvent) -> Call | None:
        """Take an event of a leg that we dialled, or that a caller is being transferred to."""
        state = parse_client_state(event.client_state)
        if state:
            call = self._by_ref.get(state[1])
        else:
            call = self._by_target.get(event.call_control_id) or self._transferring(event)
        if call is None:
            log.debug("webhook for no live call", type=type(event).__name__)
        elif state and state[0] == "dialled":
            call.identify(
                {
                    "call_control_id": event.call_control_id,
                    "call_leg_id": event.call_leg_id,
                    "call_session_id": event.call_session_id,
                }
            )
            call.webhook(event)
        else:
            self._by_target[event.call_control_id] = call  # later events may lack the state
            if isinstance(event, CallHangup):
                del self._by_target[event.call_control_id]
            call.webhook_of_target(event)
        return call

    def _transferring(self, event: WebhookEvent) -> Call | None:
        """Return the call to whose target an event without our state belongs, by its session."""
        for call in self._by_ref.values():
            session_id = call.record.document().get("call_session_id")
            if session_id and session_id == event.call_session_id and call.leg.is_being_transferred:
                return call
        return None

    def _make_call(
        self,
        leg: Leg,
        keys: CallKeys,
        *,
        line: str,
        info: CallInfo,
        ids: dict[str, str],
        staff: Staff,
        generation: Generation,
        detection: DetectionMode | Literal["disabled"] = "disabled",
    ) -> Call:
        record = RecordBuilder(
            call_id=leg.id or "",
            ref=keys.ref,
            direction=keys.direction,
            ids=ids,
            line=line,
            via=keys.via,
            started=datetime.fromtimestamp(self._wall_clock(), UTC),
            providers=_names_of(staff, generation.services.config.staff(line)),
        )
        call = Call(
            leg,
            info,
            keys=keys,
            services=generation.services,
            staff=staff,
            detection=detection,
            record=record,
            office=self,
        )
        generation.join()
        self._generations[call] = generation
        return call

    def _make_keys(
        self, direction: Direction, via: Via = "call_control", *, ref: str = ""
    ) -> CallKeys:
        ref, token = ref or self._make_ref(), secrets.token_urlsafe(24)
        return CallKeys(direction=direction, via=via, ref=ref, token=token)

    # -- lives -----------------------------------------------------------------------------------

    def _admit(self, call: Call, refusal: Refuse | None) -> None:
        self._by_ref[call.keys.ref] = call
        if refusal:
            self._refusals += 1
        else:
            self._by_token[call.keys.token] = call
        if self._empty.is_set():  # not otherwise: a drain may be waiting on it
            self._empty = trio.Event()
        self._live_calls.start_soon(
            self._live, call, refusal, name=f"call {call.id or call.keys.ref}"
        )

    async def _live(self, call: Call, refusal: Refuse | None) -> None:
        try:
            if refusal:
                await call.refuse(refusal)
            else:
                await call.run()
        except Exception:  # the last net: no call's fault may reach another
            log.exception("call broke outside its own supervisor", call=call.id)
        finally:
            if refusal:
                self._refusals -= 1
            self._by_token.pop(call.keys.token, None)
            self._forget(call)

    def _forget(self, call: Call) -> None:
        call.milestones.reach("ended")
        self._generations.pop(call).leave()
        del self._by_ref[call.keys.ref]
        for target in [leg for leg, owner in self._by_target.items() if owner is call]:
            del self._by_target[target]
        if call.id:
            self._by_id.pop(call.id, None)
            self._ended[call.id] = None
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        if not self._by_ref:
            self._empty.set()


def _names_of(staff: Staff, chosen: StaffConfig) -> dict[str, str]:
    """Return the names of the providers that serve a call, by role."""
    return {
        "recognizer": chosen.recognizer.provider if staff.recognizer else "",
        "agent": chosen.agent.provider,
        "synthesizer": chosen.synthesizer.provider if staff.synthesizer else "",
    }
