"""The media stream, as told by webhook; these names have no `call.` before them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from voiced.telnyx.events.base import CallEvent
from voiced.telnyx.events.readers import loose_text, optional

if TYPE_CHECKING:
    from voiced.telnyx.events.readers import Table
    from voiced.telnyx.ids import StreamId


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStarted(CallEvent):
    """Telnyx has connected to our media socket; the URL holds the socket's token."""

    stream_url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingStopped(CallEvent):
    """The media stream has ended; the call may go on."""

    stream_url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingFailed(CallEvent):
    """Telnyx could not stream (`connection_failed` ...); the call stays up, silent and billed."""

    reason: str
    stream_id: StreamId
    stream_type: str


_URL = {"stream_url": loose_text("stream_url")}

EVENTS: Table = MappingProxyType(
    {
        "streaming.started": (StreamingStarted, _URL),
        "streaming.stopped": (StreamingStopped, _URL),
        "streaming.failed": (
            StreamingFailed,
            {
                "reason": optional("failure_reason", "unknown"),
                "stream_id": optional("stream_id"),
                "stream_type": loose_text("stream_type"),
            },
        ),
    }
)
