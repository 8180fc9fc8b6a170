"""What Telnyx asks and tells of TeXML calls, from raw form bytes to a document or a call's fact."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from voiced.config import TEXML_PATH, TEXML_STATUS_PATH
from voiced.errors import RemoteProtocolError, WebhookRejected
from voiced.telnyx.texml import as_event, as_initiated, parse_callback, parse_fetch, parse_form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voiced.public.intake import Intake


class TexmlIntake:
    """Takes fetches and callbacks; verifies as webhooks are verified, over the raw form."""

    def __init__(self, intake: Intake, *, takes_get: bool) -> None:
        """Verify, deduplicate and hand over by `intake`; `takes_get`: answer fetches by GET too."""
        self._intake = intake
        self._takes_get = takes_get

    async def fetch(
        self, method: Literal["GET", "POST"], headers: Mapping[str, str], fields: bytes
    ) -> str:
        """Return the document for the call that the form `fields` (body or query) names.

        Waits for no more than the call's first entry in the books.

        Raises:
            WebhookRejected: not Telnyx's, stale, by GET where that is off, or no fetch.
        """
        if method == "POST":
            self._intake.verify(headers, fields)
        elif self._takes_get:
            self._intake.require_key()
        else:
            raise WebhookRejected("fetched by GET, and [telnyx] texml_get is false", status=405)
        with _malformed_is_rejected():
            event = as_initiated(parse_fetch(parse_form(fields)), self._now())
        self._intake.require_known(event)
        is_signed = method == "POST" or self._intake.trusts_everybody
        found = self._intake.switchboard.fetch(event, is_signed=is_signed)
        if isinstance(found, str):
            return found
        call, opening = found
        call.flight.webhook(headers, fields, f"{method} {TEXML_PATH}")
        return await opening.document()

    def callback(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take how a call, or its stream, goes. Never waits.

        Raises:
            WebhookRejected: not Telnyx's, stale, or not a callback we can read.
        """
        self._intake.verify(headers, body)
        with _malformed_is_rejected():
            callback = parse_callback(parse_form(body))
            event = as_event(callback, self._now())
        self._intake.require_known(event)
        call = self._intake.tell(event) if event is not None else None
        if call is not None:
            call.flight.webhook(headers, body, f"POST {TEXML_STATUS_PATH}")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._intake.wall_clock(), UTC)


@contextmanager
def _malformed_is_rejected() -> Iterator[None]:
    try:
        yield
    except RemoteProtocolError as error:
        raise WebhookRejected(str(error), status=400) from error
