"""The messages of the media socket: records, and how the JSON of each kind is read.

The readers take one JSON object of their kind and raise RemoteProtocolError, which names the field
that is not as it should be. `media` is read by `MediaStream` itself: it comes fifty times a second.

Source: developers.telnyx.com, "Media streaming over WebSockets".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from voiced.errors import RemoteProtocolError
from voiced.telnyx import _fields
from voiced.telnyx.ids import CallControlId, CallSessionId, StreamId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Track: TypeAlias = Literal["inbound", "outbound"]
"""`inbound` is the caller, `outbound` our own audio as Telnyx played it."""

MAX_MESSAGE_S = 30
"""Longest audio in one message, either way."""

_TOKEN_KEY = "x-telnyx-streaming-auth-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFormat:
    """How audio is encoded: `PCMU`, `PCMA`, `G722`, `OPUS`, `AMR-WB` or `L16`, in upper case.

    `sample_rate` is in Hz. G.722 says 8000 (its RTP clock) although it carries 16 kHz.
    """

    encoding: str = "PCMU"
    sample_rate: int = 8000
    channels: int = 1

    @property
    def block_bytes(self) -> int:
        """Bytes of the smallest piece that may stand alone: one sample, for PCM."""
        return 2 * self.channels if self.encoding == "L16" else 1

    @property
    def max_payload_bytes(self) -> int:
        """Bytes of MAX_MESSAGE_S of audio; for Opus and AMR-WB the most that they can have."""
        match self.encoding:
            case "PCMU" | "PCMA" | "G722":
                per_second = 8000 * self.channels
            case "L16":
                per_second = 2 * self.sample_rate * self.channels
            case _:
                per_second = 64_000  # Opus ends at 510 kbit/s
        return MAX_MESSAGE_S * per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The socket is Telnyx's; says nothing of the call yet, which may still be ringing."""

    version: str
    auth_token: str = field(repr=False)
    """The `stream_auth_token` of our command, "" without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Audio begins: which call this is, and how its audio is encoded."""

    stream_id: StreamId
    call_control_id: CallControlId
    call_session_id: CallSessionId
    from_: str = field(repr=False)
    to: str = field(repr=False)
    client_state: str | None = field(repr=False)
    custom_parameters: Mapping[str, str] = field(repr=False)
    media_format: MediaFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A piece of audio, normally 20 ms; `payload` is encoded as `Started.media_format` says.

    `chunk` orders the pieces of one track.
    """

    track: Track
    chunk: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtmf:
    """The caller pressed a key, one of `0-9A-D*#`; may come late and out of order."""

    digit: str = field(repr=False)
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Our mark comes back: all audio before it was played, or cleared, or there was none."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """Telnyx could not use a message of ours. Not fatal: 100003 malformed, 100004 not base64 ..."""

    code: int
    title: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The stream is over; Telnyx closes the socket next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownMessage:
    """A kind of message that we do not know: ignore it."""

    event: str


MediaMessage: TypeAlias = (
    Connected | Started | Media | Dtmf | Mark | StreamError | Stopped | UnknownMessage
)


def read_stream_id(message: Mapping[str, Any]) -> str:
    """Return the stream's id, "" without one; Twilio's two names for it pass as well."""
    for key in ("stream_id", "stream_sid", "streamSid"):
        if key in message:
            return _fields.optional_text_in(message, key, "media message")
    return ""


def read_connected(message: Mapping[str, Any]) -> Connected:
    """Read the greeting."""
    extra = message.get("connected") or {}
    if not isinstance(extra, dict):
        raise _fields.wrong("connected: connected", "an object", extra)
    return Connected(
        version=_fields.optional_text_in(message, "version", "connected"),
        auth_token=_fields.optional_text_in(extra, _TOKEN_KEY, "connected: connected"),
    )


def read_started(message: Mapping[str, Any]) -> Started:
    """Read what the stream is and whose; the format is the telephone's own if none is told."""
    stream_id = read_stream_id(message)
    if not stream_id:
        raise RemoteProtocolError("start: stream_id: is missing")
    start = _fields.object_in(message, "start", "start")
    path = "start: start"
    return Started(
        stream_id=StreamId(stream_id),
        call_control_id=CallControlId(_fields.text_in(start, "call_control_id", path)),
        call_session_id=CallSessionId(_fields.optional_text_in(start, "call_session_id", path)),
        from_=_fields.optional_text_in(start, "from", path),
        to=_fields.optional_text_in(start, "to", path),
        client_state=_fields.optional_text_in(start, "client_state", path) or None,
        custom_parameters=_custom_parameters(start.get("custom_parameters")),
        media_format=_media_format(start),
    )


def _custom_parameters(value: object) -> Mapping[str, str]:
    """Return name to value, from the socket's form or from the form that requests have."""
    path = "start: start.custom_parameters"
    if value is None:
        return {}
    if isinstance(value, list):
        pairs = [item if isinstance(item, dict) else {} for item in value]
        return {
            _fields.text_in(pair, "name", path): _fields.optional_text_in(pair, "value", path)
            for pair in pairs
        }
    if not isinstance(value, dict):
        raise _fields.wrong(path, "an object", value)
    return {name: _fields.optional_text_in(value, name, path) for name in value}


def _media_format(start: Mapping[str, Any]) -> MediaFormat:
    """Return the format; without one, the telephone's own."""
    if start.get("media_format") is None:
        return MediaFormat()
    fields = _fields.object_in(start, "media_format", "start: start")
    path = "start: start.media_format"
    found = MediaFormat(
        encoding=_fields.optional_text_in(fields, "encoding", path, "PCMU").upper(),
        sample_rate=_fields.integer_in(fields, "sample_rate", path, default=8000, top=192_000),
        channels=_fields.integer_in(fields, "channels", path, default=1, top=2),
    )
    if not (found.sample_rate and found.channels):
        raise RemoteProtocolError(f"{path}: sample_rate and channels must not be 0")
    return found


def read_dtmf(message: Mapping[str, Any]) -> Dtmf:
    """Read a key that the caller has pressed."""
    dtmf = _fields.object_in(message, "dtmf", "dtmf")
    digit = dtmf.get("digit")
    if isinstance(digit, int) and not isinstance(digit, bool):
        digit = str(digit)
    if not isinstance(digit, str) or len(digit) != 1 or digit.upper() not in "0123456789ABCD*#":
        raise RemoteProtocolError("dtmf: dtmf.digit must be one of 0-9A-D*#")
    occurred_at = _fields.optional_time_in(message, "occurred_at", "dtmf")
    return Dtmf(digit=digit.upper(), occurred_at=occurred_at)


def read_error(message: Mapping[str, Any]) -> StreamError:
    """Read what Telnyx complains about."""
    payload = _fields.object_in(message, "payload", "error")
    path = "error: payload"
    return StreamError(
        code=_fields.integer_in(payload, "code", path, default=0, top=10**9),
        title=_fields.optional_text_in(payload, "title", path),
        detail=_fields.optional_text_in(payload, "detail", path),
    )
