"""What Telnyx tells a TeXML application, as form fields: pure.

`CallSid` is the call control id, and the account is the user. Every value is text.

Source: developers.telnyx.com, "TeXML callbacks" (call status, stream) and "Instruction fetching".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from voiced.testing.legs import Hangup
    from voiced.testing.rules import Parties

Form: TypeAlias = dict[str, str]
CallStatus: TypeAlias = Literal[
    "initiated",
    "ringing",
    "in-progress",
    "completed",
    "busy",
    "no-answer",
    "canceled",
    "failed",
]
StreamEvent: TypeAlias = Literal["stream-started", "stream-stopped", "stream-failed"]

_UNANSWERED: dict[str, CallStatus] = {
    "user_busy": "busy",
    "no_answer": "no-answer",
    "timeout": "no-answer",
    "originator_cancel": "canceled",
}


def instruction_fetch(parties: Parties) -> Form:
    """Return what goes with the fetch of the first document."""
    return {
        **_call(parties),
        "CallerId": parties.from_,
        "CallingPartyType": "pstn",
        "From": parties.from_,
        "FromSipUri": f"{parties.from_}@192.0.2.10",
        "To": parties.to,
        "ToSipUri": f"{parties.to}@sip.telnyx.com",
        "ConnectionId": parties.connection_id,
        "CallStatus": "ringing",
    }


def call_progress(
    parties: Parties, status: CallStatus, *, number: int, initiated_at: str, now: str
) -> Form:
    """Return the status callback with the sequence number `number`; times in ISO 8601."""
    return {
        **_call(parties),
        "CallbackSource": "call-progress-events",
        "ConnectionId": parties.connection_id,
        "From": parties.from_,
        "To": parties.to,
        "CallInitiatedAt": initiated_at,
        "Timestamp": now,
        "CallStatus": status,
        "SequenceNumber": str(number),
    }


def answered_part(codec: str) -> Form:
    """Return what "in-progress" tells besides."""
    return {"Codec": codec, "SamplingRate": "8000"}


def ended_part(
    parties: Parties, hangup: Hangup, *, answered_at: str, now: str, duration_s: float
) -> Form:
    """Return what the last status tells besides; `answered_at` is "" when nobody answered."""
    answered = {"AnsweredTime": answered_at} if answered_at else {}
    return answered | {
        "CallControlId": parties.call_control_id,
        "CallLegId": parties.call_leg_id,
        "CallSessionId": parties.call_session_id,
        "CallDuration": str(round(duration_s)),
        "EndTime": now,
        "HangupCause": hangup.cause,
        "HangupSource": hangup.source,
    }


def final_status(hangup: Hangup, *, answered: bool) -> CallStatus:
    """Return the status that a call ends with."""
    return "completed" if answered else _UNANSWERED.get(hangup.cause, "failed")


def stream_event(
    parties: Parties, event: StreamEvent, *, stream_id: str, name: str, now: str, error: str = ""
) -> Form:
    """Return the callback of a `Stream`; `error` says why one failed."""
    form = {
        **_call(parties),
        "StreamEvent": event,
        "StreamSid": stream_id,
        "StreamName": name,
        "Timestamp": now,
    }
    return form | ({"StreamError": error} if error else {})


def _call(parties: Parties) -> Form:
    return {
        "AccountSid": parties.user_id,
        "CallSid": parties.call_control_id,
        "CallSidLegacy": parties.call_control_id,
    }
