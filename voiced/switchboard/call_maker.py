"""Makes calls: their keys, their record, and what they come to their media by."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from voiced.agent.base import CallInfo
from voiced.call.call import Call
from voiced.call.dialing import Dialing
from voiced.call.keys import CallKeys
from voiced.leg.leg import Leg
from voiced.record.record import RecordBuilder

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from voiced.call.call import Office
    from voiced.call.dialing import DialOrder
    from voiced.call.keys import Via
    from voiced.config import StaffConfig
    from voiced.services.generation import Generation
    from voiced.services.services import Staff
    from voiced.telnyx.events import CallInitiated
    from voiced.telnyx.machine import DetectionMode


class CallMaker:
    """Makes the calls of one daemon.

    Args:
        office: of all of them.
        wall_clock: unix seconds, for records.
        make_ref: gives each call a reference of its own (`CallKeys`).
    """

    def __init__(
        self, office: Office, wall_clock: Callable[[], float], make_ref: Callable[[], str]
    ) -> None:
        self._office = office
        self._wall_clock = wall_clock
        self._make_ref = make_ref

    def incoming(self, event: CallInitiated, line: str, via: Via, generation: Generation) -> Call:
        """Return the call that somebody makes to a line of ours; its opening is still to come."""
        return self._make(
            Leg(event.call_control_id),
            CallKeys(direction="incoming", via=via, ref=self._make_ref(), token=_new_token()),
            line=line,
            info=CallInfo(call_id=event.call_control_id, caller=event.from_, called=event.to),
            ids={
                "call_leg_id": event.call_leg_id,
                "call_session_id": event.call_session_id,
                "connection_id": event.connection_id,
            },
            staff=generation.services.staff[line],
            generation=generation,
            detection="disabled",
        )

    def outgoing(self, order: DialOrder, staff: Staff, generation: Generation) -> Call:
        """Return a call that we place, ready to dial."""
        config = generation.services.config
        ref = order.ref or self._make_ref()
        keys = CallKeys(direction="outgoing", via="call_control", ref=ref, token=_new_token())
        call = self._make(
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
        return call

    def _make(
        self,
        leg: Leg,
        keys: CallKeys,
        *,
        line: str,
        info: CallInfo,
        ids: dict[str, str],
        staff: Staff,
        generation: Generation,
        detection: DetectionMode | Literal["disabled"],
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
        return Call(
            leg,
            info,
            keys=keys,
            services=generation.services,
            staff=staff,
            detection=detection,
            record=record,
            office=self._office,
        )


def _new_token() -> str:
    return secrets.token_urlsafe(24)


def _names_of(staff: Staff, chosen: StaffConfig) -> dict[str, str]:
    """Return the names of the providers that serve a call, by role."""
    return {
        "recognizer": chosen.recognizer.provider if staff.recognizer else "",
        "agent": chosen.agent.provider,
        "synthesizer": chosen.synthesizer.provider if staff.synthesizer else "",
    }
