"""Webhooks as records: what Telnyx tells us of a call, one frozen class for each event.

The input is the raw body of a webhook that `voiced.telnyx.webhook` has verified. Events and keys
that we do not know pass; what we use must be well-formed. Telnyx promises neither order nor single
delivery: deduplicate on `webhook_id`, order by `occurred_at`.

Source: developers.telnyx.com, "Voice API webhooks" and "Webhook fundamentals"; field names are
Telnyx's, but for `from`, which Python has taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from voiced.errors import RemoteProtocolError
from voiced.telnyx import _fields

if TYPE_CHECKING:
    from datetime import datetime

    from voiced.telnyx.ids import CallControlId, CallLegId, CallSessionId, StreamId, WebhookId


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
class CallInitiated(CallEvent):
    """A leg rings: a caller's (`incoming`), or one that we dialled or transferred to."""

    direction: Literal["incoming", "outgoing"]
    from_: str = field(repr=False)
    to: str = field(repr=False)
    caller_id_name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(CallEvent):
    """The leg is up. Telnyx does not repeat the direction here."""

    from_: str = field(repr=False)
    to: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBridged(CallEvent):
    """The leg is joined to another; both legs tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHangup(CallEvent):
    """The leg has ended: no command reaches it any more.

    `cause` is `normal_clearing`, `user_busy`, `timeout` ... (new ones may come), `source` caller,
    callee or unknown, `sip_cause` a SIP status as text or "unspecified".
    """

    cause: str
    source: str
    sip_cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakStarted(CallEvent):
    """Telnyx begins to speak what `speak` asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakEnded(CallEvent):
    """Telnyx has stopped speaking: `completed`, `call_hangup`, `cancelled_amd` ..."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackEnded(CallEvent):
    """A played file has ended: `completed`, `file_not_found`, `failed` ..."""

    status: str
    status_detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfReceived(CallEvent):
    """The caller pressed a key; the media socket tells the same once more."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStarted(CallEvent):
    """Telnyx has connected to our media socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStopped(CallEvent):
    """The media stream has ended; the call may go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingFailed(CallEvent):
    """Telnyx could not stream (`connection_failed` ...); the call stays up, silent and billed."""

    reason: str
    stream_id: StreamId


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineDetectionEnded(CallEvent):
    """Who has answered: `human`, `machine` or `not_sure`."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineGreetingEnded(CallEvent):
    """The machine's greeting is over: `beep_detected`, `ended` or `not_sure`."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumDetectionEnded(CallEvent):
    """`human_residence`, `human_business`, `machine`, `silence`, `fax_detected` or `not_sure`."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumGreetingEnded(CallEvent):
    """`beep_detected` (may come before the detection, or instead of it) or `no_beep_detected`."""

    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherEnded(CallEvent):
    """Keys that the caller was asked for; `status` is `valid`, `invalid`, `timeout` ..."""

    digits: str = field(repr=False)
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSaved(CallEvent):
    """A recording is ready, often long after the hangup.

    `urls` maps `mp3` or `wav` to a presigned address that dies after 10 minutes.
    """

    recording_id: str
    channels: str
    urls: Mapping[str, str] = field(repr=False)
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingError(CallEvent):
    """A recording could not be stored."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferCompleted(CallEvent):
    """The other end has taken our REFER; `sip_notify_response` is its SIP status, 0 if untold."""

    sip_notify_response: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferFailed(CallEvent):
    """The other end has refused our REFER, with that SIP status."""

    sip_notify_response: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(Delivery):
    """An event that we do not act on; `raw` is the event's object (`data`), not deeply nested."""

    event_type: str
    occurred_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False)


WebhookEvent: TypeAlias = (
    CallInitiated
    | CallAnswered
    | CallBridged
    | CallHangup
    | SpeakStarted
    | SpeakEnded
    | PlaybackEnded
    | DtmfReceived
    | StreamingStarted
    | StreamingStopped
    | StreamingFailed
    | MachineDetectionEnded
    | MachineGreetingEnded
    | PremiumDetectionEnded
    | PremiumGreetingEnded
    | GatherEnded
    | RecordingSaved
    | RecordingError
    | ReferCompleted
    | ReferFailed
    | UnknownEvent
)

_PAYLOAD = "webhook: data.payload"
_Payload: TypeAlias = Mapping[str, Any]
_Read: TypeAlias = Callable[[_Payload], Any]


def _text(key: str) -> _Read:
    return lambda payload: _fields.text_in(payload, key, _PAYLOAD)


def _optional(key: str, default: str = "") -> _Read:
    return lambda payload: _fields.optional_text_in(payload, key, _PAYLOAD, default)


def _time(key: str) -> _Read:
    return lambda payload: _fields.optional_time_in(payload, key, _PAYLOAD)


def _sip_status(payload: _Payload) -> int:
    return _fields.integer_in(payload, "sip_notify_response", _PAYLOAD, default=0, top=999)


def _direction(payload: _Payload) -> str:
    direction = _fields.text_in(payload, "direction", _PAYLOAD)
    if direction not in ("incoming", "outgoing"):
        raise RemoteProtocolError(f"{_PAYLOAD}.direction: must be incoming or outgoing")
    return direction


def _urls(payload: _Payload) -> Mapping[str, str]:
    urls = _fields.object_in(payload, "recording_urls", _PAYLOAD)
    path = f"{_PAYLOAD}.recording_urls"
    return {
        form: _fields.text_in(urls, form, path) for form, url in urls.items() if url is not None
    }


_PARTIES: Mapping[str, _Read] = {"from_": _optional("from"), "to": _optional("to")}
_RESULT: Mapping[str, _Read] = {"result": _text("result")}
_STATUS: Mapping[str, _Read] = {"status": _optional("status", "unknown")}

_EVENTS: Mapping[str, tuple[type[CallEvent], Mapping[str, _Read]]] = {
    "call.initiated": (
        CallInitiated,
        {"direction": _direction, **_PARTIES, "caller_id_name": _optional("caller_id_name")},
    ),
    "call.answered": (CallAnswered, _PARTIES),
    "call.bridged": (CallBridged, {}),
    "call.hangup": (
        CallHangup,
        {
            "cause": _optional("hangup_cause", "unspecified"),
            "source": _optional("hangup_source", "unknown"),
            "sip_cause": _optional("sip_hangup_cause", "unspecified"),
        },
    ),
    "call.speak.started": (SpeakStarted, {}),
    "call.speak.ended": (SpeakEnded, _STATUS),
    "call.playback.ended": (
        PlaybackEnded,
        {**_STATUS, "status_detail": _optional("status_detail")},
    ),
    "call.dtmf.received": (DtmfReceived, {"digit": _text("digit")}),
    "streaming.started": (StreamingStarted, {}),
    "streaming.stopped": (StreamingStopped, {}),
    "streaming.failed": (
        StreamingFailed,
        {"reason": _optional("failure_reason", "unknown"), "stream_id": _optional("stream_id")},
    ),
    "call.machine.detection.ended": (MachineDetectionEnded, _RESULT),
    "call.machine.greeting.ended": (MachineGreetingEnded, _RESULT),
    "call.machine.premium.detection.ended": (PremiumDetectionEnded, _RESULT),
    "call.machine.premium.greeting.ended": (PremiumGreetingEnded, _RESULT),
    "call.gather.ended": (GatherEnded, {"digits": _optional("digits"), **_STATUS}),
    "call.recording.saved": (
        RecordingSaved,
        {
            "recording_id": _optional("recording_id"),
            "channels": _optional("channels"),
            "urls": _urls,
            "started_at": _time("recording_started_at"),
            "ended_at": _time("recording_ended_at"),
        },
    ),
    "call.recording.error": (RecordingError, {"reason": _optional("reason", "unknown")}),
    "call.refer.completed": (ReferCompleted, {"sip_notify_response": _sip_status}),
    "call.refer.failed": (ReferFailed, {"sip_notify_response": _sip_status}),
}

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
    payload = _fields.object_in(event, "payload", "webhook: data")
    delivery: dict[str, Any] = {
        "webhook_id": _fields.text_in(event, "id", "webhook: data"),
        "attempt": attempt,
        **{key: _fields.optional_text_in(payload, key, _PAYLOAD) for key in _IDS},
        "client_state": _fields.optional_text_in(payload, "client_state", _PAYLOAD) or None,
        "occurred_at": _occurred_at(event, payload),
    }
    if event_type not in _EVENTS:
        return UnknownEvent(event_type=event_type, raw=event, **delivery)
    return _known_event(event_type, payload, delivery)


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


def _occurred_at(event: _Payload, payload: _Payload) -> datetime | None:
    return (
        _fields.optional_time_in(event, "occurred_at", "webhook: data")
        or _fields.optional_time_in(event, "created_at", "webhook: data")
        or _fields.optional_time_in(payload, "occurred_at", _PAYLOAD)
    )


def _known_event(event_type: str, payload: _Payload, delivery: dict[str, Any]) -> WebhookEvent:
    if delivery["occurred_at"] is None:
        raise RemoteProtocolError("webhook: data.occurred_at: is missing")
    if not delivery["call_control_id"] and not event_type.startswith(_MAY_LACK_CALL_CONTROL_ID):
        raise RemoteProtocolError(f"{_PAYLOAD}.call_control_id: is missing")
    record, readers = _EVENTS[event_type]
    extra = {name: read(payload) for name, read in readers.items()}
    return cast("WebhookEvent", record(**delivery, **extra))
