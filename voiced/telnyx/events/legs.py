"""The life of a leg: rings, answered, joined, held, queued, referred, ended, paid for."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from voiced.errors import RemoteProtocolError
from voiced.telnyx import _fields
from voiced.telnyx.events import readers
from voiced.telnyx.events.base import CallEvent
from voiced.telnyx.events.readers import PAYLOAD, loose_text, loose_time, number, optional

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from voiced.telnyx.events.readers import Pairs, Payload, Read, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInitiated(CallEvent):
    """A leg rings: a caller's (`incoming`), or one that we dialled or transferred to.

    `state` is `parked` or `bridging`. `shaken_stir_attestation` is A, B, C or "": how far the
    caller's carrier vouches for the number. Headers are pairs of name and value, in order.
    """

    direction: Literal["incoming", "outgoing"]
    from_: str = field(repr=False)
    to: str = field(repr=False)
    caller_id_name: str = field(repr=False)
    state: str
    start_time: datetime | None
    tags: tuple[str, ...]
    custom_headers: Pairs = field(repr=False)
    sip_headers: Pairs = field(repr=False)
    offered_codecs: str
    shaken_stir_attestation: str
    shaken_stir_validated: bool | None
    call_screening_result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(CallEvent):
    """The leg is up. Telnyx does not repeat the direction here, and often leaves out the rest."""

    from_: str = field(repr=False)
    to: str = field(repr=False)
    start_time: datetime | None
    custom_headers: Pairs = field(repr=False)
    sip_headers: Pairs = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBridged(CallEvent):
    """The leg is joined to another; both legs tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHeld(CallEvent):
    """The leg was put on hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUnheld(CallEvent):
    """The leg was taken off hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnqueued(CallEvent):
    """The leg waits in a queue; `average_wait_s` is 0 where it is untold."""

    queue: str
    position: int
    average_wait_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDequeued(CallEvent):
    """The leg left a queue: `bridged`, `bridging-in-process`, `hangup`, `leave`, `timeout` ..."""

    queue: str
    position: int
    wait_s: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferStarted(CallEvent):
    """Our REFER is on its way; `sip_notify_response` is 100, 0 if untold."""

    sip_notify_response: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferCompleted(CallEvent):
    """The other end has taken our REFER; `sip_notify_response` is its SIP status, 0 if untold."""

    sip_notify_response: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferFailed(CallEvent):
    """The other end has refused our REFER, with that SIP status."""

    sip_notify_response: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One direction of a call as Telnyx measured it, None where it did not say.

    `mos` is 1 (bad) to 4.5 (as good as a telephone gets), the variance of jitter is in
    milliseconds, packets are of 20 ms as a rule; those skipped came too late to be heard.
    """

    mos: float | None
    jitter_max_variance: float | None
    packet_count: float | None
    skip_packet_count: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHangup(CallEvent):
    """The leg has ended: no command reaches it any more.

    `cause` is `normal_clearing`, `user_busy`, `timeout` ... (new ones may come), `source` caller,
    callee or unknown, `sip_cause` a SIP status as text or "unspecified"; `voiced.telnyx.outcome`
    says what they mean for a call that we placed. `inbound` is what Telnyx received from the leg.
    """

    cause: str
    source: str
    sip_cause: str
    start_time: datetime | None
    inbound: Quality | None
    outbound: Quality | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPart:
    """One product that a leg has used; None where Telnyx did not say."""

    product: str
    cost: Decimal | None
    rate: Decimal | None
    currency: str
    billed_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCost(CallEvent):
    """What the leg has cost, some time after its end; `status` is `success` or `error`.

    Comes only where the application has `call_cost_in_webhooks`.
    """

    status: str
    total: Decimal | None
    billed_s: float | None
    parts: tuple[CostPart, ...]


def _direction(payload: Payload) -> str:
    direction = _fields.text_in(payload, "direction", PAYLOAD)
    if direction not in ("incoming", "outgoing"):
        raise RemoteProtocolError(f"{PAYLOAD}.direction: must be incoming or outgoing")
    return direction


def read_quality(both: object, direction: str) -> Quality | None:
    """Read one direction of `call_quality_stats`, None where there is nothing to read."""
    stats = both.get(direction) if isinstance(both, dict) else None
    if not isinstance(stats, dict):
        return None
    return Quality(
        mos=readers.finite(stats.get("mos")),
        jitter_max_variance=readers.finite(stats.get("jitter_max_variance")),
        packet_count=readers.finite(stats.get("packet_count")),
        skip_packet_count=readers.finite(stats.get("skip_packet_count")),
    )


def _quality(direction: str) -> Read:
    return lambda payload: read_quality(payload.get("call_quality_stats"), direction)


def _cost_parts(payload: Payload) -> tuple[CostPart, ...]:
    return tuple(
        CostPart(
            product=loose_text("call_part")(part),
            cost=readers.decimal(part.get("cost")),
            rate=readers.decimal(part.get("rate")),
            currency=loose_text("currency")(part),
            billed_s=readers.finite(part.get("billed_duration_secs")),
        )
        for part in readers.objects("cost_parts", payload)
    )


_PARTIES = {"from_": optional("from"), "to": optional("to")}
_HEADERS = {
    "custom_headers": readers.pairs("custom_headers"),
    "sip_headers": readers.pairs("sip_headers"),
}
_REFER = {"sip_notify_response": number("sip_notify_response", 999)}

EVENTS: Table = MappingProxyType(
    {
        "call.initiated": (
            CallInitiated,
            {
                "direction": _direction,
                **_PARTIES,
                "caller_id_name": optional("caller_id_name"),
                "state": loose_text("state"),
                "start_time": loose_time("start_time"),
                "tags": readers.texts("tags"),
                **_HEADERS,
                "offered_codecs": loose_text("offered_codecs"),
                "shaken_stir_attestation": loose_text("shaken_stir_attestation"),
                "shaken_stir_validated": readers.loose_flag("shaken_stir_validated"),
                "call_screening_result": loose_text("call_screening_result"),
            },
        ),
        "call.answered": (
            CallAnswered,
            {**_PARTIES, "start_time": loose_time("start_time"), **_HEADERS},
        ),
        "call.bridged": (CallBridged, {}),
        "call.hold": (CallHeld, {}),
        "call.unhold": (CallUnheld, {}),
        "call.enqueued": (
            CallEnqueued,
            {
                "queue": loose_text("queue"),
                "position": number("current_position", 1_000_000),
                "average_wait_s": number("queue_avg_wait_time_secs", 1_000_000),
            },
        ),
        "call.dequeued": (
            CallDequeued,
            {
                "queue": loose_text("queue"),
                "position": number("queue_position", 1_000_000),
                "wait_s": number("wait_time_secs", 1_000_000),
                "reason": optional("reason", "unknown"),
            },
        ),
        "call.refer.started": (ReferStarted, _REFER),
        "call.refer.completed": (ReferCompleted, _REFER),
        "call.refer.failed": (ReferFailed, _REFER),
        "call.hangup": (
            CallHangup,
            {
                "cause": optional("hangup_cause", "unspecified"),
                "source": optional("hangup_source", "unknown"),
                "sip_cause": optional("sip_hangup_cause", "unspecified"),
                "start_time": loose_time("start_time"),
                "inbound": _quality("inbound"),
                "outbound": _quality("outbound"),
            },
        ),
        "call.cost": (
            CallCost,
            {
                "status": optional("status", "unknown"),
                "total": lambda payload: readers.decimal(payload.get("total_cost")),
                "billed_s": readers.loose_number("billed_duration_secs"),
                "parts": _cost_parts,
            },
        ),
    }
)
