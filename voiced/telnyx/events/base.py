"""What all webhooks share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from voiced.telnyx.ids import CallControlId, CallLegId, CallSessionId, WebhookId


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What every webhook carries.

    The ids are "" where Telnyx leaves them out: the events of answering machine detection and of
    recordings may come without `call_control_id` (find the call by `call_leg_id`), conference
    events without any. `attempt` counts deliveries from 1. `client_state` is what our last command
    attached, still base64.
    """

    webhook_id: WebhookId
    attempt: int
    call_control_id: CallControlId
    call_leg_id: CallLegId
    call_session_id: CallSessionId
    connection_id: str
    client_state: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(Delivery):
    """What every event that we act on carries; `occurred_at` is aware."""

    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(Delivery):
    """An event that we do not act on; `raw` is the event's object (`data`), not deeply nested."""

    event_type: str
    occurred_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False)
