"""The media socket's messages from Telnyx's side: parse what the daemon sends, build what we send.

Pure. `StreamWriter` numbers the messages of one socket; `parse` turns any message into a record and
never raises: what it cannot read becomes the error that Telnyx answers with.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOL_VERSION = "1.0.0"

MALFORMED_FRAME = 100003
INVALID_MEDIA = 100004
RATE_LIMIT_REACHED = 100005

ERROR_TITLES = {
    100002: "unknown_error",
    MALFORMED_FRAME: "malformed_frame",
    INVALID_MEDIA: "invalid_media",
    RATE_LIMIT_REACHED: "rate_limit_reached",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayMedia:
    """Audio for the caller: codec bytes."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMark:
    """A mark to return when the audio before it has been played."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Stop playing and drop what is queued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFault:
    """A message that Telnyx answers with an `error` frame."""

    code: int
    detail: str


FromDaemon: TypeAlias = PlayMedia | SetMark | Clear | MediaFault


def parse(message: str | bytes) -> FromDaemon:
    """Read one message of the daemon. Keys that nobody asked for are tolerated."""
    if isinstance(message, bytes):
        return _malformed("a binary frame")
    try:
        frame = json.loads(message)
    except ValueError:
        return _malformed("not JSON")
    if not isinstance(frame, dict):
        return _malformed("not a JSON object")
    match frame.get("event"):
        case "media":
            return _parse_media(frame.get("media"))
        case "mark":
            mark = frame.get("mark")
            name = mark.get("name") if isinstance(mark, dict) else None
            return SetMark(name=name) if isinstance(name, str) else _malformed("mark without name")
        case "clear":
            return Clear()
        case event:
            return _malformed(f"event {str(event)[:40]!r}")


def _parse_media(media: Any) -> FromDaemon:
    payload = media.get("payload") if isinstance(media, dict) else None
    if not isinstance(payload, str):
        return _malformed("media without payload")
    try:
        return PlayMedia(payload=base64.b64decode(payload, validate=True))
    except (binascii.Error, ValueError):
        return MediaFault(code=INVALID_MEDIA, detail="Media provided was not base64 encoded")


def _malformed(reason: str) -> MediaFault:
    return MediaFault(code=MALFORMED_FRAME, detail=f"The frame cannot be read: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFormat:
    """What `start.media_format` says about the audio that Telnyx sends."""

    encoding: str = "PCMU"
    sample_rate: int = 8000
    channels: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamParties:
    """Whose stream this is: the fields of `start` that name the call."""

    stream_id: str
    user_id: str
    call_control_id: str
    call_session_id: str
    from_: str
    to: str
    client_state: str | None = None
    custom_parameters: Mapping[str, str] = field(default_factory=dict)


class StreamWriter:
    """Builds the messages of one socket, in Telnyx's numbering: all counters are decimal text."""

    def __init__(self, parties: StreamParties) -> None:
        self._parties = parties
        self._sequence_number = 0
        self._chunks: Counter[str] = Counter()

    def connected(self, auth_token: str = "") -> str:
        """Return the first message; the stream's auth token is repeated in it."""
        frame: dict[str, Any] = {"event": "connected", "version": PROTOCOL_VERSION}
        if auth_token:
            frame["connected"] = {"x-telnyx-streaming-auth-token": auth_token}
        return json.dumps(frame)

    def start(self, media_format: MediaFormat) -> str:
        """Return the message that names the call and the format of its audio."""
        parties = self._parties
        return self._numbered(
            "start",
            {
                "user_id": parties.user_id,
                "call_control_id": parties.call_control_id,
                "call_session_id": parties.call_session_id,
                "from": parties.from_,
                "to": parties.to,
                "tags": [],
                "client_state": parties.client_state,
                "custom_parameters": dict(parties.custom_parameters),
                "media_format": {
                    "encoding": media_format.encoding,
                    "sample_rate": media_format.sample_rate,
                    "channels": media_format.channels,
                },
            },
        )

    def media(self, track: Literal["inbound", "outbound"], payload: bytes, at_s: float) -> str:
        """Return one frame of audio, `at_s` seconds into the stream."""
        self._chunks[track] += 1
        return self._numbered(
            "media",
            {
                "track": track,
                "chunk": str(self._chunks[track]),
                "timestamp": str(round(at_s * 1000)),
                "payload": base64.b64encode(payload).decode("ascii"),
            },
        )

    def mark(self, name: str) -> str:
        """Return a mark on its way back."""
        return self._numbered("mark", {"name": name})

    def dtmf(self, digit: str, occurred_at: str) -> str:
        """Return a pressed key; `occurred_at` in ISO 8601."""
        return self._numbered("dtmf", {"digit": digit}, occurred_at=occurred_at)

    def error(self, fault: MediaFault) -> str:
        """Return the answer to a message that could not be used."""
        payload = {"code": fault.code, "title": ERROR_TITLES[fault.code], "detail": fault.detail}
        return json.dumps(
            {"event": "error", "stream_id": self._parties.stream_id, "payload": payload}
        )

    def stop(self) -> str:
        """Return the last message."""
        parties = self._parties
        return self._numbered(
            "stop", {"user_id": parties.user_id, "call_control_id": parties.call_control_id}
        )

    def _numbered(self, event: str, content: Mapping[str, Any], **more: str) -> str:
        self._sequence_number += 1
        return json.dumps(
            {
                "event": event,
                "sequence_number": str(self._sequence_number),
                "stream_id": self._parties.stream_id,
                **more,
                event: content,
            }
        )
