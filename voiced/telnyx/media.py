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
from enum import Enum
from typing import TYPE_CHECKING, Any

from voiced.errors import LocalProtocolError, RemoteProtocolError
from voiced.telnyx import _fields
from voiced.telnyx.media_messages import (
    MAX_MESSAGE_S,
    Mark,
    Media,
    MediaFormat,
    MediaMessage,
    Started,
    Stopped,
    Track,
    UnknownMessage,
    read_connected,
    read_dtmf,
    read_error,
    read_started,
    read_stream_id,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_CHUNK = 2**63 - 1
_TRACKS: Mapping[object, Track] = {
    "inbound": "inbound",
    "inbound_track": "inbound",
    "outbound": "outbound",
    "outbound_track": "outbound",
}


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
            return read_connected(message)
        if event == "start":
            return self._start(message)
        if self._stream_id is not None and read_stream_id(message) not in ("", self._stream_id):
            raise RemoteProtocolError(f"{event}: stream_id is another stream's")
        match event:
            case "dtmf":
                return read_dtmf(message)
            case "mark":
                mark = _fields.object_in(message, "mark", "mark")
                return Mark(name=_fields.text_in(mark, "name", "mark: mark"))
            case "error":
                return read_error(message)
            case _:
                return Stopped()

    def _start(self, message: dict[str, Any]) -> Started:
        started = read_started(message)
        if self._started is None:
            self._started = started
            self._stream_id = started.stream_id
            self._max_base64 = (started.media_format.max_payload_bytes + 2) // 3 * 4
        elif started.stream_id != self._stream_id:
            raise RemoteProtocolError("start: a second one, for another stream_id")
        elif started.media_format != self._started.media_format:
            raise RemoteProtocolError("start: a second one, with another media_format")
        return started
