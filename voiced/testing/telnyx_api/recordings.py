"""The recordings of the REST API, and the files themselves: pure.

`GET /v2/recordings` with filters, `GET /v2/recordings/{recording_id}`, and the presigned URLs, for
which no key is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voiced.audio.frame import LINE_RATE_HZ
from voiced.testing.api import Answer, Request, not_allowed, page_of, refusal
from voiced.testing.commands import Refused
from voiced.testing.recordings import is_stored_at
from voiced.testing.webhooks import iso_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.testing.recordings import StoredRecording, UrlSigner

_MOST_KEPT = 1000
_CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_FILTERS = ("call_control_id", "call_leg_id", "call_session_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A request for a file: status 200, 403 when its URL was wrong or too old, 404."""

    recording_id: str
    status: int


class RecordingsApi:
    """Keeps recordings and hands them out.

    Attributes:
        base_url: by which the daemon knows this API; learned from its requests.
        downloads: every request for a file, in order.
    """

    def __init__(self, signer: UrlSigner, wall: Callable[[], float]) -> None:
        self.base_url = ""
        self.downloads: list[Download] = []
        self._signer = signer
        self._wall = wall
        self._kept: dict[str, StoredRecording] = {}

    def keep(self, recording: StoredRecording) -> None:
        """Store a recording (the last 1000)."""
        self._kept[recording.recording_id] = recording
        if len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    def url(self, recording: StoredRecording) -> str:
        """Return a fresh URL of the file."""
        return self._signer.url(self.base_url, recording)

    def handle(self, request: Request) -> Answer | None:
        """Answer a request about recordings; None for any other."""
        self.base_url = request.base_url
        match request.path:
            case ("v2", "recordings"):
                answer = self._list(request)
            case ("v2", "recordings", recording_id):
                answer = self._one(recording_id)
            case _:
                return None
        return answer if request.method == "GET" else not_allowed("GET")

    def fetch(self, request: Request) -> Answer | None:
        """Answer a request for a file; None for any other."""
        name = is_stored_at(request.path)
        if not name:
            return None
        recording_id = name.rpartition(".")[0]
        recording = self._kept.get(recording_id)
        reason = self._signer.refusal(name, request.query)
        if reason:
            answer = _storage_error(403, "AccessDenied", reason)
        elif recording is None:
            answer = _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        else:
            kind = _CONTENT_TYPES[recording.file_format]
            answer = Answer(body=recording.content(), content_type=kind)
        self.downloads.append(Download(recording_id=recording_id, status=answer.status))
        return answer

    def _one(self, recording_id: str) -> Answer:
        recording = self._kept.get(recording_id)
        if recording is None:
            detail = "The requested resource or URL could not be found."
            return refusal(Refused(status=404, code="10005", detail=detail))
        return Answer(body={"data": self._body(recording)})

    def _list(self, request: Request) -> Answer:
        wanted = {
            name: request.query[f"filter[{name}]"]
            for name in _FILTERS
            if f"filter[{name}]" in request.query
        }
        found = [
            self._body(recording)
            for recording in self._kept.values()
            if all(getattr(recording.parties, name) == value for name, value in wanted.items())
        ]
        page = page_of(found, request.query, filters=tuple(f"filter[{name}]" for name in _FILTERS))
        return refusal(page) if isinstance(page, Refused) else Answer(body=page)

    def _body(self, recording: StoredRecording) -> dict[str, Any]:
        parties = recording.parties
        return {
            "record_type": "recording",
            "id": recording.recording_id,
            "call_control_id": parties.call_control_id,
            "call_leg_id": parties.call_leg_id,
            "call_session_id": parties.call_session_id,
            "connection_id": parties.connection_id,
            "from": parties.from_,
            "to": parties.to,
            "channels": recording.channels,
            "source": "call",
            "status": "completed",
            "initiated_by": recording.initiated_by,
            "duration_millis": round(1000 * len(recording.audio) / LINE_RATE_HZ),
            "download_urls": {recording.file_format: self.url(recording)},
            "recording_started_at": iso_time(recording.started_at),
            "recording_ended_at": iso_time(recording.ended_at),
            "created_at": iso_time(recording.saved_at),
            "updated_at": iso_time(recording.saved_at),
        }


def _storage_error(status: int, code: str, message: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>'
    body += f"<Message>{message}</Message></Error>"
    return Answer(status=status, body=body.encode(), content_type="application/xml")
