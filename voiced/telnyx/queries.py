"""REST questions as values, and their answers: what Telnyx knows of calls and recordings. Pure.

A query is a frozen record with a path and a reader of its answer; `TelnyxClient.ask` sends it and
returns what `read` makes of the answer's `data`. Lists come in pages: `TelnyxClient.ask_all` asks
for every one.

Source: Telnyx's OpenAPI document, "Call Information" and "Call Recordings".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar
from urllib.parse import quote, urlencode

from voiced.telnyx import _fields
from voiced.telnyx.ids import CallControlId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from voiced.telnyx.ids import CallLegId

T_co = TypeVar("T_co", covariant=True)


class Query(Protocol[T_co]):
    """A question; `action` names it in errors."""

    action: ClassVar[str]

    @property
    def path(self) -> str:
        """Where to ask, below the API's base."""
        ...

    def read(self, data: Any) -> T_co:
        """Read the answer's `data`; raises RemoteProtocolError, which names the field."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveCall:
    """How does a leg stand? Answered until about 10 minutes after its end."""

    action: ClassVar[str] = "retrieve call"

    call_control_id: CallControlId

    @property
    def path(self) -> str:
        """Where to ask, below the API's base."""
        return f"/calls/{quote(self.call_control_id, safe='')}"

    def read(self, data: Any) -> CallStatus:
        """Read the answer's `data`; raises RemoteProtocolError."""
        return _call(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListActiveCalls:
    """Which legs of an application are up? A page has up to 250."""

    action: ClassVar[str] = "list active calls"

    connection_id: str

    @property
    def path(self) -> str:
        """Where to ask, below the API's base."""
        query = urlencode({"page[limit]": 250})
        return f"/connections/{quote(self.connection_id, safe='')}/active_calls?{query}"

    def read(self, data: Any) -> tuple[CallStatus, ...]:
        """Read the answer's `data`; raises RemoteProtocolError."""
        return tuple(_call(item) for item in _items(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveRecording:
    """Where is a recording? The answer's addresses are fresh ones."""

    action: ClassVar[str] = "retrieve recording"

    recording_id: str

    @property
    def path(self) -> str:
        """Where to ask, below the API's base."""
        return f"/recordings/{quote(self.recording_id, safe='')}"

    def read(self, data: Any) -> StoredRecording:
        """Read the answer's `data`; raises RemoteProtocolError."""
        return _recording(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRecordings:
    """Which recordings of a leg are there? Of its ids one is enough. A page has up to 250."""

    action: ClassVar[str] = "list recordings"

    call_leg_id: CallLegId | None = None
    call_control_id: CallControlId | None = None

    @property
    def path(self) -> str:
        """Where to ask, below the API's base."""
        ids = {"call_leg_id": self.call_leg_id, "call_control_id": self.call_control_id}
        filters = {f"filter[{name}]": its_id for name, its_id in ids.items() if its_id}
        return f"/recordings?{urlencode({**filters, 'page[size]': 250})}"

    def read(self, data: Any) -> tuple[StoredRecording, ...]:
        """Read the answer's `data`; raises RemoteProtocolError."""
        return tuple(_recording(item) for item in _items(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatus:
    """What Telnyx knows of a leg.

    `is_alive` is False of a leg that we have dialled and that still rings; only `has_ended` says
    that it is over. `duration_s` is None where it is not told.
    """

    call_control_id: CallControlId
    client_state: str | None = field(repr=False)
    is_alive: bool
    has_ended: bool
    duration_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecording:
    """A finished recording; `urls` maps `mp3` or `wav` to an address that dies in 10 minutes."""

    recording_id: str
    channels: str
    duration_s: float | None
    started_at: datetime | None
    urls: Mapping[str, str] = field(repr=False)


def next_page(document: Mapping[str, Any]) -> str:
    """Return the query that asks for the page after the answer `document`, "" at the last one.

    Telnyx counts the pages of most lists, and hands out a cursor for those that change quickly.
    """
    meta = document.get("meta")
    if not isinstance(meta, dict):
        return ""
    cursors = meta.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if isinstance(after, str) and after and meta.get("next"):
        return urlencode({"page[after]": after})
    number, total = meta.get("page_number"), meta.get("total_pages")
    if isinstance(number, int) and isinstance(total, int) and number < total:
        return urlencode({"page[number]": number + 1})
    return ""


def _call(data: Any) -> CallStatus:
    call = _object(data, "call")
    duration: object = call.get("call_duration")
    return CallStatus(
        call_control_id=CallControlId(_fields.text_in(call, "call_control_id", "call")),
        client_state=_fields.optional_text_in(call, "client_state", "call") or None,
        is_alive=call.get("is_alive") is True,
        has_ended=call.get("is_alive") is False and bool(call.get("end_time")),
        duration_s=float(duration) if isinstance(duration, int | float) else None,
    )


def _recording(data: Any) -> StoredRecording:
    recording = _object(data, "recording")
    urls = _object(recording.get("download_urls") or {}, "recording.download_urls")
    millis: object = recording.get("duration_millis")
    return StoredRecording(
        recording_id=_fields.text_in(recording, "id", "recording"),
        channels=_fields.optional_text_in(recording, "channels", "recording"),
        duration_s=millis / 1000 if isinstance(millis, int) else None,
        started_at=_fields.optional_time_in(recording, "recording_started_at", "recording"),
        urls={form: url for form, url in urls.items() if isinstance(url, str)},
    )


def _items(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise _fields.wrong("data", "an array", data)
    return data


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _fields.wrong(path, "an object", value)
    return value
