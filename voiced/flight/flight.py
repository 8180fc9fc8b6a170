"""What one call notes for its flight recording.

Noting is an append to a list: no wait, no disk, no error. `voiced.flight.recorder` takes the list
about once a second. If nobody takes it for so long that `MOST_BYTES` wait, the recording ends there
and the rest is counted: a recording with a hole would replay another call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import trio

from voiced.flight.entries import COMPRESSED_FILE, TOKEN
from voiced.flight.header import make_header
from voiced.flight.taps import TappedSocket, tap_staff
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.flight.entries import Note
    from voiced.services.services import MediaSocket, Services, Staff

log = get_logger(__name__)

MOST_BYTES = 2_000_000
"""What may wait for the disk: half a minute of a call."""

_NOTE_BYTES = 200
"""What an entry takes beside its text."""

_WEBHOOK_HEADERS = ("telnyx-signature-ed25519", "telnyx-timestamp", "content-type")
_REPLY_HEADERS = ("content-type", "retry-after", "x-ratelimit-reset")


class Flight:
    """One call's notes."""

    def __init__(
        self, record: dict[str, Any], token: str, *, most_bytes: float = MOST_BYTES
    ) -> None:
        """Begin the notes of the call that `record` begins to describe."""
        self._most_bytes = most_bytes
        self.origin = trio.current_time()
        self.has_ended = False
        self._record = record
        self._token = token.encode()
        self._notes: list[Note] = []
        self._n_bytes = 0
        self._is_open = True
        self._n_dropped = 0
        self._failure = ""
        self._number = 0

    # -- from the call ---------------------------------------------------------------------------

    def tap(self, services: Services, staff: Staff) -> tuple[Services, Staff]:
        """Write the header; return `services` and `staff` with everything of them noted."""
        self.note("header", **make_header(services.config, staff, self._record, self.origin))
        return replace(services, telnyx=services.telnyx.watched(self)), tap_staff(staff, self)

    def carry(self, socket: MediaSocket) -> MediaSocket:
        """Return the call's new media `socket` with all its messages noted."""
        self.note("open")
        return TappedSocket(socket, self)

    def webhook(self, headers: Mapping[str, str], body: bytes, to: str = "") -> None:
        """Note an accepted webhook that concerns the call."""
        if not self.has_ended:
            self.note(
                "webhook",
                len(body),
                headers=_chosen(headers, _WEBHOOK_HEADERS),
                body=self._without_token(body),
                **({"to": to} if to else {}),
            )

    def ordered(self, what: str, **told: str) -> None:
        """Note what somebody outside of the call has decided about it."""
        self.note("order", 0, what=what, **told)

    def break_off(self, reason: str) -> None:
        """Note no more, for good: what comes now must not be kept."""
        self._is_open = False
        self._failure = self._failure or reason

    def close(self, record: dict[str, Any]) -> dict[str, Any]:
        """End the notes with the call's record; returns what that record says of them."""
        self.note("end", record={**record})
        self._is_open, self.has_ended = False, True
        failure = {"error": self._failure} if self._failure else {}
        return {"file": COMPRESSED_FILE, "dropped": self._n_dropped, **failure}

    # -- from the taps ---------------------------------------------------------------------------

    def number(self) -> int:
        """Return a number for what takes several entries to tell."""
        self._number += 1
        return self._number

    def message(self, kind: str, text: str) -> None:
        """Note a message of the media socket: `rx` or `tx`. Of the frame path."""
        if not self._is_open:
            self._n_dropped += 1
            return
        self._notes.append((trio.current_time(), kind, text))
        self._n_bytes += len(text)
        if self._n_bytes > self._most_bytes:
            self._close("the disk is too slow")

    def note(self, kind: str, n_bytes: int = 0, **data: Any) -> None:
        """Note anything else; `n_bytes` is what it weighs if that is much."""
        if not self._is_open:
            self._n_dropped += 1
            return
        self._notes.append((trio.current_time(), kind, data))
        self._n_bytes += n_bytes + _NOTE_BYTES
        if self._n_bytes > self._most_bytes:
            self._close("the disk is too slow")

    def request(self, action: str, method: str, path: str, content: bytes) -> int:
        """Note one attempt of a command; returns the number that its answer is noted with."""
        n = self.number()
        body = self._without_token(content)
        self.note("request", len(body), n=n, action=action, method=method, path=path, body=body)
        return n

    def _without_token(self, body: bytes) -> str:
        """Return a body without what admits a media socket: Telnyx's webhooks repeat its URL."""
        return body.replace(self._token, TOKEN.encode()).decode("utf-8", "replace")

    def reply(self, n: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Note the answer to the attempt `n`."""
        self.note(
            "reply",
            len(body),
            n=n,
            status=status,
            headers=_chosen(headers, _REPLY_HEADERS),
            body=self._without_token(body),
        )

    def no_reply(self, n: int, error: str) -> None:
        """Note that the attempt `n` got no answer; `error` is the HTTP library's name for why."""
        self.note("no_reply", n=n, error=error)

    def drew(self, drawn: float) -> float:
        """Note the random part of a wait and return it."""
        self.note("jitter", drawn=drawn)
        return drawn

    # -- from the recorder -----------------------------------------------------------------------

    def take(self) -> list[Note]:
        """Remove and return what has been noted."""
        notes, self._notes, self._n_bytes = self._notes, [], 0
        return notes

    def give_up(self, notes: list[Note], reason: str) -> None:
        """Drop `notes`, which could not be written, and all that comes after them."""
        self._n_dropped += len(notes) + len(self.take())
        self._close(reason)

    def _close(self, reason: str) -> None:
        self._is_open = False
        if not self._failure:
            self._failure = reason
            log.error("flight recording broken off", error=reason, call=self._record["ref"])


def _chosen(headers: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name.lower(): text for name, text in headers.items() if name.lower() in names}
