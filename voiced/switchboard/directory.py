"""Which call an id, a token or an event belongs to.

A call has many names: our own reference from the start, the leg's `call_control_id` once Telnyx has
given one, the token of its media socket, and the legs that it is being transferred to.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from voiced.telnyx.client_state import parse_client_state
from voiced.telnyx.events import CallHangup

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from voiced.call.call import Call
    from voiced.leg.leg import LegState
    from voiced.telnyx.events import WebhookEvent

REMEMBERED = 10_000
"""Ended calls whose late webhooks are recognized, so that none of them rings a second time."""


class Directory:
    """The live calls by all their names, and the names of those that have ended."""

    def __init__(self) -> None:
        self._by_ref: dict[str, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._by_token: dict[str, Call] = {}
        self._by_target: dict[str, Call] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """How many calls there are, those included that are being refused."""
        return len(self._by_ref)

    def __iter__(self) -> Iterator[Call]:
        """Yield the live calls, the oldest first."""
        return iter(self._by_ref.values())

    @property
    def n_admitted(self) -> int:
        """How many calls there are, but for those that are being refused."""
        return len(self._by_token)

    def count(self, states: Container[LegState]) -> int:
        """Return how many of the admitted calls have their leg in one of these states."""
        return sum(call.leg.state in states for call in self._by_token.values())

    def items(self) -> list[tuple[str, Call]]:
        """Return the live calls with our references, the oldest first."""
        return list(self._by_ref.items())

    def add(self, call: Call, *, is_admitted: bool) -> None:
        """Take a new call in; one that is refused gets no media socket."""
        self._by_ref[call.keys.ref] = call
        if is_admitted:
            self._by_token[call.keys.token] = call
        if call.id:
            self.identified(call)

    def identified(self, call: Call) -> None:
        """Take note of the id of a call's leg."""
        self._by_id[call.id] = call

    def remove(self, call: Call) -> None:
        """Forget a call that is over, but for the fact that there was one."""
        del self._by_ref[call.keys.ref]
        self._by_token.pop(call.keys.token, None)
        for target in [leg for leg, owner in self._by_target.items() if owner is call]:
            del self._by_target[target]
        if call.id:
            self._by_id.pop(call.id, None)
            self._ended[call.id] = None
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def has_ended(self, leg_id: str) -> bool:
        """Return whether there was a call of this `call_control_id`."""
        return leg_id in self._ended

    def find(self, name: str) -> Call | None:
        """Return a live call by its `call_control_id`, or by our reference."""
        return self._by_id.get(name) or self._by_ref.get(name)

    def of_leg(self, leg_id: str) -> Call | None:
        """Return the call whose own leg has this `call_control_id`."""
        return self._by_id.get(leg_id)

    def of_token(self, token: str) -> Call | None:
        """Return the call whose media socket has this token."""
        return self._by_token.get(token)

    def of_dialled(self, event: WebhookEvent) -> Call | None:
        """Return the call that dialled the event's leg as its own, by our state in it."""
        state = parse_client_state(event.client_state)
        return self._by_ref.get(state[1]) if state and state[0] == "dialled" else None

    def of_target(self, event: WebhookEvent) -> Call | None:
        """Return the call that is being transferred to the event's leg; later events find it, too.

        They may lack the state that the first one has; some lack it from the first.
        """
        state = parse_client_state(event.client_state)
        leg_id = event.call_control_id
        if state:
            call = self._by_ref.get(state[1])
        else:
            call = self._by_target.get(leg_id) or self._in_session_of(event)
        if call is not None:
            self._by_target[leg_id] = call
            if isinstance(event, CallHangup):
                del self._by_target[leg_id]
        return call

    def knows(self, event: WebhookEvent) -> bool:
        """Return whether an event is of a leg of a call of ours, live or ended."""
        leg_id = event.call_control_id
        if leg_id in self._by_id or leg_id in self._ended or leg_id in self._by_target:
            return True
        state = parse_client_state(event.client_state)
        return state[1] in self._by_ref if state else self._in_session_of(event) is not None

    def _in_session_of(self, event: WebhookEvent) -> Call | None:
        """Return the call that is being transferred and has the session of the event."""
        for call in self:
            session_id = call.record.document().get("call_session_id")
            if session_id and session_id == event.call_session_id and call.leg.is_being_transferred:
                return call
        return None
