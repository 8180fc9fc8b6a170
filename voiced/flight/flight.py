"""A call's flight recorder: what it hears and does goes into its notes, without what is secret.

Fits `voiced.services.flights.CallFlight`, and watches the call's commands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from voiced.flight.entries import TOKEN
from voiced.flight.header import make_header
from voiced.flight.notes import MOST_BYTES, Notes
from voiced.flight.taps.socket import TappedSocket
from voiced.flight.taps.staff import tap_staff

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.services.services import MediaSocket, Services, Staff

_WEBHOOK_HEADERS = ("telnyx-signature-ed25519", "telnyx-timestamp", "content-type")
_REPLY_HEADERS = ("content-type", "retry-after", "x-ratelimit-reset")


class Flight:
    """One call's; `notes` are what there is to be written."""

    def __init__(
        self, record: dict[str, Any], token: str, *, most_bytes: float = MOST_BYTES
    ) -> None:
        """Begin the notes of the call that `record` begins to describe."""
        self.notes = Notes(record["ref"], most_bytes=most_bytes)
        self._record = record
        self._token = token.encode()

    # -- from the call ---------------------------------------------------------------------------

    def tap(self, services: Services, staff: Staff) -> tuple[Services, Staff]:
        """Write the header; return `services` and `staff` with everything of them noted."""
        self.notes.note(
            "header", **make_header(services.config, staff, self._record, self.notes.origin)
        )
        return replace(services, telnyx=services.telnyx.watched(self)), tap_staff(staff, self.notes)

    def carry(self, socket: MediaSocket) -> MediaSocket:
        """Return the call's new media `socket` with all its messages noted."""
        self.notes.note("open")
        return TappedSocket(socket, self.notes)

    def webhook(self, headers: Mapping[str, str], body: bytes, to: str = "") -> None:
        """Note an accepted webhook that concerns the call."""
        if not self.notes.has_ended:
            self.notes.note(
                "webhook",
                len(body),
                headers=_chosen(headers, _WEBHOOK_HEADERS),
                body=self._without_token(body),
                **({"to": to} if to else {}),
            )

    def ordered(self, what: str, **told: str) -> None:
        """Note what somebody outside of the call has decided about it."""
        self.notes.note("order", 0, what=what, **told)

    def break_off(self, reason: str) -> None:
        """Note no more, for good: what comes now must not be kept."""
        self.notes.break_off(reason)

    def close(self, record: dict[str, Any]) -> dict[str, Any]:
        """End the notes with the call's record; returns what that record says of them."""
        return self.notes.close(record)

    # -- from the commands ----------------------------------------------------------------------

    def request(self, action: str, method: str, path: str, content: bytes) -> int:
        """Note one attempt of a command; returns the number that its answer is noted with."""
        n = self.notes.number()
        body = self._without_token(content)
        self.notes.note(
            "request", len(body), n=n, action=action, method=method, path=path, body=body
        )
        return n

    def _without_token(self, body: bytes) -> str:
        """Return a body without what admits a media socket: Telnyx's webhooks repeat its URL."""
        return body.replace(self._token, TOKEN.encode()).decode("utf-8", "replace")

    def reply(self, n: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Note the answer to the attempt `n`."""
        self.notes.note(
            "reply",
            len(body),
            n=n,
            status=status,
            headers=_chosen(headers, _REPLY_HEADERS),
            body=self._without_token(body),
        )

    def no_reply(self, n: int, error: str) -> None:
        """Note that the attempt `n` got no answer; `error` is the HTTP library's name for why."""
        self.notes.note("no_reply", n=n, error=error)

    def drew(self, drawn: float) -> float:
        """Note the random part of a wait and return it."""
        self.notes.note("jitter", drawn=drawn)
        return drawn


def _chosen(headers: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name.lower(): text for name, text in headers.items() if name.lower() in names}
