"""TeXML's requests as the events of Call Control, so that one call logic serves both."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, assert_never

from voiced.telnyx.events import (
    CallAnswered,
    CallHangup,
    CallInitiated,
    PremiumDetectionEnded,
    RecordingSaved,
    StreamingFailed,
    StreamingStarted,
    StreamingStopped,
)
from voiced.telnyx.ids import CallLegId, CallSessionId, WebhookId
from voiced.telnyx.texml.callbacks import (
    AnsweredBy,
    CallStatusChanged,
    InstructionFetch,
    RecordingChanged,
    StreamChanged,
    TexmlCallback,
    TexmlRequest,
    UnknownCallback,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from voiced.telnyx.events import WebhookEvent

_CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "completed": "normal_clearing",
        "busy": "user_busy",
        "no-answer": "no_answer",
        "canceled": "originator_cancel",
        "failed": "unspecified",
    }
)
"""What the last status means where it names no cause."""

_RESULTS: Mapping[str, str] = MappingProxyType(
    {"human": "human", "machine": "machine", "fax": "fax_detected"}
)
"""Who has answered, in the words of premium detection; `unknown` is `not_sure`."""


def as_initiated(fetch: InstructionFetch, now: datetime) -> CallInitiated:
    """Return the incoming call that a fetch announces; a fetch that comes twice has one id."""
    return CallInitiated(
        **_delivery(fetch, "fetch"),
        occurred_at=now,
        direction="incoming",
        from_=fetch.from_,
        to=fetch.to,
        caller_id_name="",
        state=fetch.status,
        start_time=None,
        tags=(),
        custom_headers=(),
        sip_headers=(),
        offered_codecs="",
        shaken_stir_attestation="",
        shaken_stir_validated=None,
        call_screening_result="",
    )


def as_event(callback: TexmlCallback, now: datetime) -> WebhookEvent | None:
    """Return the event that a callback amounts to, None for those that change nothing.

    Args:
        callback: of the call; delivered again it gives the same `webhook_id`.
        now: when it came, for callbacks that do not say.
    """
    match callback:
        case CallStatusChanged():
            return _status(callback, now)
        case StreamChanged():
            return _stream(callback, now)
        case RecordingChanged(status="completed"):
            return RecordingSaved(
                **_delivery(callback, f"recording {callback.recording_id}"),
                occurred_at=now,
                recording_id=callback.recording_id,
                channels="dual" if callback.channels == "2" else "single",
                urls={_form_of(callback.url): callback.url} if callback.url else {},
                started_at=None,
                ended_at=None,
            )
        case AnsweredBy():
            return PremiumDetectionEnded(
                **_delivery(callback, f"answered by {callback.answered_by}"),
                occurred_at=now,
                result=_RESULTS.get(callback.answered_by, "not_sure"),
            )
        case RecordingChanged() | UnknownCallback():
            return None
        case _:
            assert_never(callback)


def _status(callback: CallStatusChanged, now: datetime) -> WebhookEvent | None:
    number = callback.sequence_number
    told = callback.status if number is None else f"status {number}"
    common = {
        **_delivery(callback, told),
        "call_leg_id": callback.call_leg_id,
        "call_session_id": callback.call_session_id,
        "occurred_at": callback.occurred_at or now,
    }
    if callback.status == "in-progress":
        return CallAnswered(
            **common,
            from_=callback.from_,
            to=callback.to,
            start_time=None,
            custom_headers=(),
            sip_headers=(),
        )
    if callback.status in _CAUSES:
        return CallHangup(
            **common,
            cause=callback.hangup_cause or _CAUSES[callback.status],
            source=callback.hangup_source or "unknown",
            sip_cause="unspecified",
            start_time=None,
            inbound=callback.inbound,
            outbound=callback.outbound,
        )
    return None


def _stream(callback: StreamChanged, now: datetime) -> WebhookEvent | None:
    common: dict[str, Any] = {
        **_delivery(callback, f"{callback.event} {callback.stream_id}"),
        "occurred_at": callback.occurred_at or now,
    }
    match callback.event:
        case "stream-started":
            return StreamingStarted(**common, stream_url="")
        case "stream-stopped":
            return StreamingStopped(**common, stream_url="")
        case "stream-failed" | "stream-error":
            return StreamingFailed(
                **common,
                reason=callback.error or "unknown",
                stream_id=callback.stream_id,
                stream_type="websocket",
            )
        case _:
            return None


def _form_of(url: str) -> str:
    return "wav" if url.partition("?")[0].lower().endswith(".wav") else "mp3"


def _delivery(request: TexmlRequest, told: str) -> dict[str, Any]:
    return {
        "webhook_id": WebhookId(f"texml {request.call_control_id} {told}"),
        "attempt": 1,
        "call_control_id": request.call_control_id,
        "call_leg_id": CallLegId(""),
        "call_session_id": CallSessionId(""),
        "connection_id": request.connection_id,
        "client_state": None,
    }
