"""The language of the media socket, without the socket: text in, records out, and back.

Telnyx connects to us and sends one JSON object in each text message:

    CONNECTING ──connected──► CONNECTED ──start──► STARTED ──stop──► STOPPED
                                                   │  ▲ media, dtmf, mark
                                                   └──┘

`MediaStream` holds where one socket stands in that; TRANSITIONS is the whole of it, and a pair that
is not in there is an error of the sender. Nobody promises that `media` comes in order: its record
carries `chunk`, and `voiced.audio` reorders. The samples stay encoded: what they are is said by
`Started.media_format`, never by what we asked for.

Source: developers.telnyx.com, "Media streaming over WebSockets".
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from voiced.errors import LocalProtocolError, RemoteProtocolError
from voiced.telnyx import _fields
from voiced.telnyx.ids import CallControlId, CallSessionId, StreamId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Track: TypeAlias = Literal["inbound", "outbound"]
"""`inbound` is the caller, `outbound` our own audio as Telnyx played it."""

MAX_MESSAGE_S = 30
"""Longest audio in one message, either way."""

_MAX_CHUNK = 2**63 - 1
_TOKEN_KEY = "x-telnyx-streaming-auth-token"
_TRACKS: Mapping[object, Track] = {
    "inbound": "inbound",
    "inbound_track": "inbound",
    "outbound": "outbound",
    "outbound_track": "outbound",
}


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


class StreamState(Enum):
    """Where a media socket stands."""

    CONNECTING = "connecting"
    """Nothing has come yet."""
    CONNECTED = "connected"
    """`connected` has come; the call may not be answered yet."""
    STARTED = "started"
    """Audio may flow, both ways."""
    STOPPED = "stopped"
    """`stop` has come; nothing may follow."""


_S = StreamState
_STARTED = StreamState.STARTED
TRANSITIONS: Mapping[StreamState, Mapping[str, StreamState]] = {
    _S.CONNECTING: {
        "connected": _S.CONNECTED,
        "start": _S.STARTED,  # a proxy or a recording may lack the greeting
        "error": _S.CONNECTING,
        "stop": _S.STOPPED,
    },
    _S.CONNECTED: {
        "start": _S.STARTED,
        "dtmf": _S.CONNECTED,  # asynchronous to everything else
        "error": _S.CONNECTED,
        "stop": _S.STOPPED,
    },
    _S.STARTED: {
        "start": _S.STARTED,  # the same again; another stream or format is an error
        "media": _S.STARTED,
        "dtmf": _S.STARTED,
        "mark": _S.STARTED,
        "error": _S.STARTED,
        "stop": _S.STOPPED,
    },
    _S.STOPPED: {},
}
"""State to kind of message to next state. Unknown kinds change nothing, but for after `stop`."""

_KINDS = frozenset(kind for moves in TRANSITIONS.values() for kind in moves)


class MediaStream:
    """One media socket's protocol: where it stands, what may come, what may be sent.

    Args:
        outbound: how our own audio is encoded, as the command declared it
            (`stream_bidirectional_codec`); Telnyx may send another encoding than it takes.
    """

    def __init__(self, *, outbound: MediaFormat | None = None) -> None:
        self.outbound = outbound or MediaFormat()
        """How our own audio is encoded."""
        self._max_payload = self.outbound.max_payload_bytes
        self._block_bytes = self.outbound.block_bytes
        self._state = StreamState.CONNECTING
        self._moves = TRANSITIONS[self._state]
        self._started: Started | None = None
        self._stream_id: str | None = None
        self._max_base64 = 0

    @property
    def state(self) -> StreamState:
        """Where the stream stands."""
        return self._state

    @property
    def takes_audio(self) -> bool:
        """Whether media, marks and `clear` may be sent: from `start` to `stop`."""
        return self._state is _STARTED

    @property
    def started(self) -> Started | None:
        """What `start` said, once it has come."""
        return self._started

    def receive(self, text: str) -> MediaMessage:
        """Read one text message of Telnyx.

        Raises:
            RemoteProtocolError: malformed, or not allowed now. The stream's state is as before;
                whether to go on is the caller's decision.
        """
        message = _fields.parse_object(text, "media message")
        event = message.get("event")
        # The frame path, 50 times a second for each call, is short by intent.
        if event == "media" and event in self._moves:
            return self._media(message)
        if not isinstance(event, str) or not event:
            raise _fields.wrong("media message: event", "a non-empty string", event)
        _fields.check_printable(message, text, "media message")
        if self._state is StreamState.STOPPED:
            raise RemoteProtocolError(f"media socket: {event[:40]!r} after stop")
        if event not in _KINDS:
            return UnknownMessage(event=event)
        if event not in self._moves:
            raise RemoteProtocolError(f"media socket: {event!r} while {self._state.value}")
        record = self._parse(event, message)
        self._state = self._moves[event]
        self._moves = TRANSITIONS[self._state]
        return record

    def media_message(self, payload: bytes) -> str:
        """Return the message that plays `payload`, encoded as `outbound` says.

        Telnyx takes 20 ms to 30 s in one message, raw code words without an RTP header.

        Raises:
            LocalProtocolError: empty, over 30 s, half a sample, or the stream is not started.
        """
        self._check_sending("media")
        if not payload or len(payload) > self._max_payload:
            raise LocalProtocolError(
                f"media payload has {len(payload)} bytes, allowed are"
                f" 1..{self._max_payload} ({MAX_MESSAGE_S} s)"
            )
        if len(payload) % self._block_bytes:
            raise LocalProtocolError(
                f"media payload of {len(payload)} bytes ends inside a sample: carry the rest over"
            )
        # Base64 needs no escaping in JSON.
        encoded = b2a_base64(payload, newline=False).decode("ascii")
        return '{"event":"media","media":{"payload":"' + encoded + '"}}'

    def mark_message(self, name: str) -> str:
        """Return the message that asks for `Mark(name)` when all audio before it has played.

        Raises:
            LocalProtocolError: no name, or the stream is not started.
        """
        self._check_sending("mark")
        if not name:
            raise LocalProtocolError("a mark needs a name")
        return '{"event":"mark","mark":{"name":' + json.dumps(name) + "}}"

    def clear_message(self) -> str:
        """Return the message that stops playback and returns every mark that is waiting.

        Raises:
            LocalProtocolError: the stream is not started.
        """
        self._check_sending("clear")
        return '{"event":"clear"}'

    def _check_sending(self, event: str) -> None:
        if not self.takes_audio:
            raise LocalProtocolError(f"{event} cannot be sent while {self._state.value}")

    def _media(self, message: dict[str, Any]) -> Media:
        if message.get("stream_id", self._stream_id) != self._stream_id:
            raise RemoteProtocolError("media: stream_id is another stream's")
        media = message.get("media")
        if not isinstance(media, dict):
            raise _fields.wrong("media: media", "an object", media)
        payload = media.get("payload")
        if not isinstance(payload, str):
            raise _fields.wrong("media: media.payload", "a base64 string", payload)
        if len(payload) > self._max_base64:
            raise RemoteProtocolError(f"media: payload is longer than {MAX_MESSAGE_S} s")
        try:
            track = _TRACKS[media["track"]]
            audio = a2b_base64(payload, strict_mode=True)
        except (KeyError, TypeError):
            raise RemoteProtocolError("media: media.track must be inbound or outbound") from None
        except ValueError:
            raise RemoteProtocolError("media: media.payload is not base64") from None
        chunk = _fields.integer_in(media, "chunk", "media: media", top=_MAX_CHUNK)
        return Media(track=track, chunk=chunk, payload=audio)

    def _parse(self, event: str, message: dict[str, Any]) -> MediaMessage:
        if event == "connected":
            return _connected(message)
        if event == "start":
            return self._start(message)
        if self._stream_id is not None and _stream_id(message) not in ("", self._stream_id):
            raise RemoteProtocolError(f"{event}: stream_id is another stream's")
        match event:
            case "dtmf":
                return _dtmf(message)
            case "mark":
                mark = _fields.object_in(message, "mark", "mark")
                return Mark(name=_fields.text_in(mark, "name", "mark: mark"))
            case "error":
                return _error(message)
            case _:
                return Stopped()

    def _start(self, message: dict[str, Any]) -> Started:
        started = _started(message)
        if self._started is None:
            self._started = started
            self._stream_id = started.stream_id
            self._max_base64 = (started.media_format.max_payload_bytes + 2) // 3 * 4
        elif started.stream_id != self._stream_id:
            raise RemoteProtocolError("start: a second one, for another stream_id")
        elif started.media_format != self._started.media_format:
            raise RemoteProtocolError("start: a second one, with another media_format")
        return started


def _stream_id(message: Mapping[str, Any]) -> str:
    """Return the stream's id, "" without one; Twilio's two names for it pass as well."""
    for key in ("stream_id", "stream_sid", "streamSid"):
        if key in message:
            return _fields.optional_text_in(message, key, "media message")
    return ""


def _connected(message: Mapping[str, Any]) -> Connected:
    extra = message.get("connected") or {}
    if not isinstance(extra, dict):
        raise _fields.wrong("connected: connected", "an object", extra)
    return Connected(
        version=_fields.optional_text_in(message, "version", "connected"),
        auth_token=_fields.optional_text_in(extra, _TOKEN_KEY, "connected: connected"),
    )


def _started(message: Mapping[str, Any]) -> Started:
    stream_id = _stream_id(message)
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


def _dtmf(message: Mapping[str, Any]) -> Dtmf:
    dtmf = _fields.object_in(message, "dtmf", "dtmf")
    digit = dtmf.get("digit")
    if isinstance(digit, int) and not isinstance(digit, bool):
        digit = str(digit)
    if not isinstance(digit, str) or len(digit) != 1 or digit.upper() not in "0123456789ABCD*#":
        raise RemoteProtocolError("dtmf: dtmf.digit must be one of 0-9A-D*#")
    occurred_at = _fields.optional_time_in(message, "occurred_at", "dtmf")
    return Dtmf(digit=digit.upper(), occurred_at=occurred_at)


def _error(message: Mapping[str, Any]) -> StreamError:
    payload = _fields.object_in(message, "payload", "error")
    path = "error: payload"
    return StreamError(
        code=_fields.integer_in(payload, "code", path, default=0, top=10**9),
        title=_fields.optional_text_in(payload, "title", path),
        detail=_fields.optional_text_in(payload, "detail", path),
    )
