"""What Telnyx asks and tells of a TeXML call, as records.

Only what identifies the call must be there; the rest is read as far as it can be. All values come
as text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from voiced.errors import RemoteProtocolError
from voiced.telnyx.events.legs import Quality, read_quality
from voiced.telnyx.events.readers import finite
from voiced.telnyx.ids import CallControlId, CallLegId, CallSessionId, StreamId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.telnyx.texml.form import Form

_CALL_SID = re.compile("[!-~]{1,255}")
"""Longer than any of Telnyx's; it comes from whoever can send a GET, and is kept for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TexmlRequest:
    """What every request carries; `call_control_id` is TeXML's `CallSid`."""

    call_control_id: CallControlId
    account_sid: str
    connection_id: str
    from_: str = field(repr=False)
    to: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionFetch(TexmlRequest):
    """Telnyx asks what to do with a call; `calling_party_type` is `pstn` or `sip`."""

    caller_id: str = field(repr=False)
    calling_party_type: str
    from_sip_uri: str = field(repr=False)
    to_sip_uri: str = field(repr=False)
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatusChanged(TexmlRequest):
    """How the call stands.

    `status` is `initiated`, `ringing`, `in-progress`, `completed`, `busy`, `no-answer`, `canceled`
    or `failed`; the hangup's words are there from `completed` on. `answered_by` is `human`,
    `machine`, `fax`, `unknown` or "" (synchronous detection only).
    """

    status: str
    sequence_number: int | None
    occurred_at: datetime | None
    call_leg_id: CallLegId
    call_session_id: CallSessionId
    codec: str
    duration_s: float | None
    hangup_cause: str
    hangup_source: str
    inbound: Quality | None
    outbound: Quality | None
    answered_by: str
    error_code: str
    error_message: str = field(repr=False)

    @property
    def dedup_key(self) -> tuple[CallControlId, int] | None:
        """The same for the same callback, delivered again; None where it has no number."""
        if self.sequence_number is None:
            return None
        return self.call_control_id, self.sequence_number


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChanged(TexmlRequest):
    """How the media stream stands: `stream-started`, `-stopped`, `-failed` or `-error`."""

    event: str
    stream_id: StreamId
    name: str
    error: str
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingChanged(TexmlRequest):
    """How a recording stands: `in-progress`, `completed` or `absent`."""

    recording_id: str
    status: str
    url: str = field(repr=False)
    duration_s: float | None
    channels: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredBy(TexmlRequest):
    """Who has answered, told by itself (asynchronous detection): `human`, `machine` ..."""

    answered_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownCallback(TexmlRequest):
    """A callback that we do not act on."""

    form: Mapping[str, str] = field(repr=False)


TexmlCallback: TypeAlias = (
    CallStatusChanged | StreamChanged | RecordingChanged | AnsweredBy | UnknownCallback
)


def parse_fetch(form: Form) -> InstructionFetch:
    """Read the request for a document; raises RemoteProtocolError when it names no call."""
    return InstructionFetch(
        **_common(form),
        caller_id=form.get("CallerId", ""),
        calling_party_type=form.get("CallingPartyType", ""),
        from_sip_uri=form.get("FromSipUri", ""),
        to_sip_uri=form.get("ToSipUri", ""),
        status=form.get("CallStatus", ""),
    )


def parse_callback(form: Form) -> TexmlCallback:
    """Read a callback of any kind; raises RemoteProtocolError when it names no call."""
    common = _common(form)
    if "StreamEvent" in form:
        return StreamChanged(
            **common,
            event=form["StreamEvent"].lower(),
            stream_id=StreamId(form.get("StreamSid", "")),
            name=form.get("StreamName", ""),
            error=form.get("StreamError", ""),
            occurred_at=_time(form.get("Timestamp", "")),
        )
    if "RecordingStatus" in form:
        return RecordingChanged(
            **common,
            recording_id=form.get("RecordingSid", ""),
            status=form["RecordingStatus"].lower(),
            url=form.get("RecordingUrl", ""),
            duration_s=finite(form.get("RecordingDuration")),
            channels=form.get("RecordingChannels", ""),
            source=form.get("RecordingSource", ""),
        )
    if "CallStatus" in form:
        return _call_status(form, common)
    if "AnsweredBy" in form:
        return AnsweredBy(**common, answered_by=form["AnsweredBy"].lower())
    return UnknownCallback(**common, form=form)


def _call_status(form: Form, common: dict[str, Any]) -> CallStatusChanged:
    quality = _json(form.get("CallQualityStats", ""))
    return CallStatusChanged(
        **common,
        status=form["CallStatus"].lower(),
        sequence_number=_count(form.get("SequenceNumber", "")),
        occurred_at=_time(form.get("OccurredAt", "")) or _time(form.get("Timestamp", "")),
        call_leg_id=CallLegId(form.get("CallLegId", "")),
        call_session_id=CallSessionId(form.get("CallSessionId", "")),
        codec=form.get("Codec", ""),
        duration_s=finite(form.get("CallDuration")),
        hangup_cause=form.get("HangupCause", ""),
        hangup_source=form.get("HangupSource", ""),
        inbound=read_quality(quality, "inbound"),
        outbound=read_quality(quality, "outbound"),
        answered_by=form.get("AnsweredBy", "").lower(),
        error_code=form.get("ErrorCode", ""),
        error_message=form.get("ErrorMessage", ""),
    )


def _common(form: Form) -> dict[str, Any]:
    call_sid = form.get("CallSid", "")
    if not _CALL_SID.fullmatch(call_sid):
        reason = "is no id" if call_sid else "is missing"
        raise RemoteProtocolError(f"texml: CallSid {reason}")
    return {
        "call_control_id": CallControlId(call_sid),
        "account_sid": form.get("AccountSid", ""),
        "connection_id": form.get("ConnectionId", ""),
        "from_": form.get("From", ""),
        "to": form.get("To", ""),
    }


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _time(text: str) -> datetime | None:
    """Read ISO 8601, or the form of mail headers, which TeXML's model uses."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            time = read(text)
        except (ValueError, OverflowError):  # a time zone of any length passes for one
            continue
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return None


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
