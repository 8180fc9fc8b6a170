"""The live calls: joins webhook and media socket of a leg, admits, refuses, dials, drains.

The nursery of live calls is the daemon's; it is kept here for as long as the switchboard lives,
the one nursery in the program that outlives the function that starts tasks in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from voiced.call.answering import Answering
from voiced.call.dialing import DialOrder
from voiced.call.texml_opening import TexmlOpening, refusal_document, stream_document
from voiced.errors import CannotDial
from voiced.leg.leg import EndReason, LegState
from voiced.log import get_logger
from voiced.resilience.circuits import circuits_of
from voiced.switchboard.admission import Refuse
from voiced.switchboard.call_maker import CallMaker
from voiced.switchboard.directory import Directory
from voiced.switchboard.gate import Gate
from voiced.telnyx.events import CallInitiated, RecordingError, RecordingSaved
from voiced.telnyx.texml import render_hangup, render_reject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voiced.call.call import Call
    from voiced.call.keys import Via
    from voiced.config import Config
    from voiced.ledger import Settler
    from voiced.resilience.circuits import Circuit
    from voiced.services.generation import Generation
    from voiced.services.services import Staff
    from voiced.telnyx.events import WebhookEvent

log = get_logger(__name__)

MOURNING = 200
"""Refusals under way at most; beyond them Telnyx's own ring timeout ends a call."""

DOUBTFUL = 8
"""TeXML calls that may wait for their media at a time if nobody has signed their fetch."""

_STREAMING = frozenset({LegState.STREAMING})
_TAKES_TIME = _STREAMING | {LegState.RINGING, LegState.ANSWERING, LegState.ANSWERED}
"""Of the loop, now or soon: a caller who is with somebody else takes none."""


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
        self._maker = CallMaker(self, wall_clock, make_ref)
        self._settler = settler
        self._generation = generation
        self._live_calls = live_calls
        self._calls = Directory()
        self._generations: dict[Call, Generation] = {}
        self._gate = Gate()
        self._refusals = 0
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
        call = self._calls.of_leg(event.call_control_id)
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
        return self._calls.knows(event) or self._settler.knows(event)

    def fetch(self, event: CallInitiated, *, is_signed: bool) -> tuple[Call, TexmlOpening] | str:
        """Return the call whose TeXML document is fetched, the same one each time. Never waits.

        Args:
            event: the incoming call that the fetch announces.
            is_signed: the fetch is Telnyx's beyond doubt.

        Returns:
            The call and its opening, which has the document; or a document that turns it away.
        """
        call = self._calls.of_leg(event.call_control_id)
        if call is not None:
            opening = call.opening
            return (call, opening) if isinstance(opening, TexmlOpening) else render_hangup()
        if self._calls.has_ended(event.call_control_id) or self._settler.take(event):
            return render_hangup()
        return self._ring_texml(event, is_signed=is_signed) or render_reject("busy")

    def claim(self, token: str) -> Call | None:
        """Return the call whose media socket `token` authorises, if it wants one now."""
        call = self._calls.of_token(token)
        return call if call is not None and call.wants_media else None

    def find(self, call_id: str) -> Call | None:
        """Return a live call by its call_control_id, or by the reference of its record."""
        return self._calls.find(call_id)

    def snapshot(self) -> list[dict[str, Any]]:
        """Return all live calls as the admin API shows them."""
        return [call.snapshot() for call in self._calls]

    @property
    def n_calls(self) -> int:
        """How many calls there are, those included that are being refused."""
        return len(self._calls)

    def leg_states(self) -> Iterator[LegState]:
        """Yield the state of each live call's leg."""
        return (call.leg.state for call in self._calls)

    def circuits(self) -> Iterator[Circuit]:
        """Yield the circuits of the fallback lists that calls begin with now."""
        return circuits_of(self._generation.services.staff.values(), trio.current_time())

    def media_counters(self) -> Iterator[dict[str, Any]]:
        """Yield the media counters of each live call, as far as its record does not have them."""
        return (call.media_counters() for call in self._calls)

    def live(self) -> list[tuple[str, Call]]:
        """Return all live calls with what we call them, the oldest first."""
        return self._calls.items()

    def dial(self, order: DialOrder) -> Call:
        """Place a call; what becomes of it is told by the call and its record.

        Raises:
            CannotDial: the daemon drains, or as many calls are up as may be.
        """
        limit = self.config.call.max_concurrent
        if self._gate.is_draining:
            raise CannotDial("the daemon is draining")
        if not self.free_places:
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
        self._calls.identified(call)

    def _place(self, order: DialOrder, staff: Staff, generation: Generation) -> Call:
        call = self._maker.outgoing(order, staff, generation)
        self._admit(call, generation, None)
        return call

    @property
    def free_places(self) -> int:
        """How many more calls may be up."""
        return max(0, self.config.call.max_concurrent - self._calls.n_admitted)

    @property
    def is_lagging(self) -> bool:
        """Whether one more call would harm the live ones: the event loop is late, or would be."""
        lag = self._generation.services.lag
        return self._gate.is_lagging(self.config, lag, self._calls.count(_TAKES_TIME))

    def count_streaming(self) -> int:
        """Return of how many calls audio flows."""
        return self._calls.count(_STREAMING)

    @property
    def is_draining(self) -> bool:
        """Whether new calls are refused."""
        return self._gate.is_draining

    def refuse_new_calls(self) -> None:
        """Begin to drain."""
        self._gate.is_draining = True

    async def drain(self) -> None:
        """Refuse new calls and wait until the live ones have ended."""
        self.refuse_new_calls()
        await self.all_ended()

    async def all_ended(self) -> None:
        """Wait until there is no call."""
        await self._empty.wait()

    def end_all(self, reason: EndReason, evidence: str) -> None:
        """Begin to drain, and end all live calls; each still has its goodbye."""
        self._gate.is_draining = True
        for call in self._calls:
            call.end_from_outside(reason, evidence)

    async def close(self) -> None:
        """End all live calls, without last words, and wait until all are over."""
        self.end_all(EndReason.SHUTDOWN, "the daemon stopped")
        for call in self._calls:
            call.hush()
        await self._empty.wait()

    # -- legs ------------------------------------------------------------------------------------

    def _ring(self, event: CallInitiated) -> Call | None:
        if self._calls.has_ended(event.call_control_id):
            log.debug("late call.initiated of an ended call")
            return None
        taken = self._take_in(event, "call_control")
        if taken is None:
            return None
        call, refusal = taken
        media_url = self.config.media_url(call.keys.token)
        call.opening = Answering(call.leg, media_url, call.services, call, call.telnyx_recording)
        self._admit(call, self._generation, refusal)
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
        self._admit(call, self._generation, refusal)
        return call, opening

    def _n_doubtful(self) -> int:
        openings = (call.opening for call in self._calls)
        return sum(isinstance(o, TexmlOpening) and o.is_doubtful for o in openings)

    def _take_in(self, event: CallInitiated, via: Via) -> tuple[Call, Refuse | None] | None:
        """Judge an incoming call and make it; None when too many are being refused already."""
        admission = self._gate.judge(
            event,
            self.config,
            self._generation.services.lag,
            live_calls=self._calls.n_admitted,
            taking_time=self._calls.count(_TAKES_TIME),
            now=trio.current_time(),
        )
        refusal = admission if isinstance(admission, Refuse) else None
        if refusal and self._refusals >= MOURNING:
            log.warning("call neither answered nor refused", reason=refusal.evidence)
            return None
        line = "" if isinstance(admission, Refuse) else admission.line
        call = self._maker.incoming(event, line, via, self._generation)
        return call, refusal

    def _webhook_of_other_leg(self, event: WebhookEvent) -> Call | None:
        """Take an event of a leg that we dialled, or that a caller is being transferred to."""
        call = self._calls.of_dialled(event)
        if call is not None:
            call.identify(
                {
                    "call_control_id": event.call_control_id,
                    "call_leg_id": event.call_leg_id,
                    "call_session_id": event.call_session_id,
                }
            )
            call.webhook(event)
            return call
        call = self._calls.of_target(event)
        if call is not None:
            call.webhook_of_target(event)
        else:
            log.debug("webhook for no live call", type=type(event).__name__)
        return call

    # -- lives -----------------------------------------------------------------------------------

    def _admit(self, call: Call, generation: Generation, refusal: Refuse | None) -> None:
        generation.join()
        self._generations[call] = generation
        self._calls.add(call, is_admitted=refusal is None)
        if refusal:
            self._refusals += 1
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
            self._forget(call)

    def _forget(self, call: Call) -> None:
        call.milestones.reach("ended")
        self._generations.pop(call).leave()
        self._calls.remove(call)
        if not self._calls:
            self._empty.set()
