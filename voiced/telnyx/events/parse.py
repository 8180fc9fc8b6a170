"""From the raw body of a webhook to its record."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from voiced.errors import RemoteProtocolError
from voiced.telnyx import _fields
from voiced.telnyx.events import legs, machine, recording, sound, streaming
from voiced.telnyx.events.base import UnknownEvent
from voiced.telnyx.events.readers import PAYLOAD, loose_text, loose_time
from voiced.telnyx.ids import WebhookId

if TYPE_CHECKING:
    from datetime import datetime

    from voiced.telnyx.events.readers import Payload, Table

WebhookEvent: TypeAlias = (
    legs.CallInitiated
    | legs.CallAnswered
    | legs.CallBridged
    | legs.CallHeld
    | legs.CallUnheld
    | legs.CallEnqueued
    | legs.CallDequeued
    | legs.ReferStarted
    | legs.ReferCompleted
    | legs.ReferFailed
    | legs.CallHangup
    | legs.CallCost
    | machine.MachineDetectionEnded
    | machine.MachineGreetingEnded
    | machine.PremiumDetectionStarted
    | machine.PremiumScreeningDetected
    | machine.PremiumDetectionEnded
    | machine.PremiumGreetingEnded
    | sound.SpeakStarted
    | sound.SpeakEnded
    | sound.PlaybackStarted
    | sound.PlaybackEnded
    | sound.DtmfReceived
    | sound.GatherEnded
    | sound.TranscriptionReceived
    | streaming.StreamingStarted
    | streaming.StreamingStopped
    | streaming.StreamingFailed
    | recording.RecordingSaved
    | recording.RecordingError
    | recording.RecordingTranscribed
    | UnknownEvent
)

EVENTS: Table = MappingProxyType(
    {**legs.EVENTS, **machine.EVENTS, **sound.EVENTS, **streaming.EVENTS, **recording.EVENTS}
)
"""Every event that has a record."""

_MAY_LACK_CALL_CONTROL_ID = ("call.machine.", "call.recording.")
"""Telnyx's own examples of these come without it."""


def parse_event(body: bytes) -> WebhookEvent:
    """Read one webhook.

    Args:
        body: the raw body, verified and of bounded size; UTF-8 JSON. Besides the v2 shape (`data`)
            two others are read, which Telnyx's portal and older exports show: the event under
            `metadata.event`, and flat with dotted names.

    Raises:
        RemoteProtocolError: not such a document; the text names the field. A v1 webhook is refused
            too, since those are not signed with the key that we know.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise RemoteProtocolError("webhook: not UTF-8") from None
    document = _fields.parse_object(text, "webhook")
    _fields.check_printable(document, text, "webhook")
    _fields.check_depth(document, text, "webhook")
    event, attempt = _unwrap(document)
    event_type = _fields.text_in(event, "event_type", "webhook: data").lower()
    if event is document and "." not in event_type:
        raise RemoteProtocolError(
            "webhook: has the v1 format; set webhook_api_version of the Telnyx application to 2"
        )
    webhook_id = WebhookId(_fields.text_in(event, "id", "webhook: data"))
    if event_type in EVENTS:
        return _known_event(event_type, event, webhook_id, attempt)
    return _unknown_event(event_type, event, webhook_id, attempt)


_IDS = ("call_control_id", "call_leg_id", "call_session_id", "connection_id")


def _unwrap(document: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the event's own object and the number of the delivery."""
    if "data" in document:
        meta = document.get("meta") or {}
        event = _fields.object_in(document, "data", "webhook")
    else:
        meta = document.get("metadata") or {}
        event = document
    if not isinstance(meta, dict):
        raise _fields.wrong("webhook: meta", "an object", meta)
    if event is document and "event" in meta:
        event = _fields.object_in(meta, "event", "webhook: metadata")
    return event, _fields.integer_in(meta, "attempt", "webhook: meta", default=1, top=10_000)


def _known_event(
    event_type: str, event: Payload, webhook_id: WebhookId, attempt: int
) -> WebhookEvent:
    payload = _fields.object_in(event, "payload", "webhook: data")
    ids: dict[str, Any] = {key: _fields.optional_text_in(payload, key, PAYLOAD) for key in _IDS}
    occurred_at = _occurred_at(event, payload)
    if occurred_at is None:
        raise RemoteProtocolError("webhook: data.occurred_at: is missing")
    if not ids["call_control_id"] and not event_type.startswith(_MAY_LACK_CALL_CONTROL_ID):
        raise RemoteProtocolError(f"{PAYLOAD}.call_control_id: is missing")
    kind, readers = EVENTS[event_type]
    fields: dict[str, Any] = {name: read(payload) for name, read in readers.items()}
    state = _fields.optional_text_in(payload, "client_state", PAYLOAD) or None
    record = kind(
        webhook_id=webhook_id,
        attempt=attempt,
        occurred_at=occurred_at,
        client_state=state,
        **ids,
        **fields,
    )
    return cast("WebhookEvent", record)


def _occurred_at(event: Payload, payload: Payload) -> datetime | None:
    return (
        _fields.optional_time_in(event, "occurred_at", "webhook: data")
        or _fields.optional_time_in(event, "created_at", "webhook: data")
        or _fields.optional_time_in(payload, "occurred_at", PAYLOAD)
    )


def _unknown_event(
    event_type: str, event: Payload, webhook_id: WebhookId, attempt: int
) -> UnknownEvent:
    """Keep an event of which nothing is known, so that nothing in it can be wrong."""
    found = event.get("payload")
    payload: Payload = found if isinstance(found, dict) else {}
    ids: dict[str, Any] = {key: loose_text(key)(payload) for key in _IDS}
    return UnknownEvent(
        webhook_id=webhook_id,
        attempt=attempt,
        event_type=event_type,
        occurred_at=loose_time("occurred_at")(event),
        client_state=loose_text("client_state")(payload) or None,
        raw=event,
        **ids,
    )
