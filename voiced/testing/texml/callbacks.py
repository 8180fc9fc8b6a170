"""Tells a TeXML application how its call goes: status callbacks, and those of its streams.

Takes the place of the webhooks of Call Control: the same events of the leg come in, and go out as
forms. Events that TeXML does not know (speech, keys) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import trio

from voiced.testing.deliveries import Courier, Parcel
from voiced.testing.legs import Hangup
from voiced.testing.texml.forms import (
    answered_part,
    call_progress,
    ended_part,
    final_status,
    stream_event,
)
from voiced.testing.webhooks import derived_id, iso_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.testing.account import TexmlApplication
    from voiced.testing.leg.context import LegFacts
    from voiced.testing.texml.document import StreamVerb
    from voiced.testing.texml.forms import CallStatus, Form, StreamEvent

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunningStream:
    verb: StreamVerb
    stream_id: Callable[[], str]


class TexmlCallbacks:
    """The events of one TeXML call as form callbacks; an `EventSink`."""

    def __init__(self, application: TexmlApplication, leg: LegFacts) -> None:
        self._settings = leg.services.deliveries
        self._application = application
        self._parties = leg.parties
        self._codec = leg.rules.codec
        self._courier = Courier(self._settings, faults=leg.faults, ledger=leg.ledger)
        self._stream: _RunningStream | None = None
        self._n_statuses = 0
        self._n_sent = 0
        self._initiated_at = self._answered_at = ""
        self._answered_trio_at: float | None = None

    def watch(self, verb: StreamVerb, stream_id: Callable[[], str]) -> None:
        """Say whose events come from now on; `stream_id` is asked when one comes."""
        self._stream = _RunningStream(verb=verb, stream_id=stream_id)

    def send(self, event_type: str, payload: Mapping[str, Any]) -> None:
        """Queue what TeXML makes of an event that occurs now; never waits."""
        now = iso_time(self._settings.wall())
        match event_type:
            case "call.initiated":
                self._initiated_at = now
                self._status("initiated", now)
                self._status("ringing", now)
            case "call.answered":
                self._answered_at, self._answered_trio_at = now, trio.current_time()
                self._status("in-progress", now, answered_part(self._codec))
            case "call.hangup":
                self._ended(payload, now)
            case "streaming.started":
                self._stream_event("stream-started", payload, now)
            case "streaming.stopped":
                self._stream_event("stream-stopped", payload, now)
            case "streaming.failed":
                self._stream_event("stream-failed", payload, now)
            case _:
                pass

    def send_to(self, url: str) -> None:
        """Change nothing: where forms go is said by the application and by its document."""

    def close(self) -> None:
        """Say that no more events will come."""
        self._courier.close()

    async def run(self) -> None:
        """Deliver until closed and empty."""
        await self._courier.run()

    def _ended(self, payload: Mapping[str, Any], now: str) -> None:
        hangup = Hangup(cause=payload["hangup_cause"], source=payload["hangup_source"])
        answered_at = self._answered_trio_at
        duration_s = 0.0 if answered_at is None else trio.current_time() - answered_at
        more = ended_part(
            self._parties, hangup, answered_at=self._answered_at, now=now, duration_s=duration_s
        )
        self._status(final_status(hangup, answered=bool(self._answered_at)), now, more)

    def _status(self, status: CallStatus, now: str, more: Form | None = None) -> None:
        form = call_progress(
            self._parties,
            status,
            number=self._n_statuses,
            initiated_at=self._initiated_at,
            now=now,
        )
        self._n_statuses += 1
        if self._application.status_callback:
            self._post(status, form | (more or {}), self._application.status_callback)

    def _stream_event(self, event: StreamEvent, payload: Mapping[str, Any], now: str) -> None:
        running = self._stream
        if running is None or not running.verb.status_callback:
            return
        form = stream_event(
            self._parties,
            event,
            stream_id=payload.get("stream_id") or running.stream_id(),
            name=running.verb.name,
            now=now,
            error=payload.get("failure_reason", ""),
        )
        verb = running.verb
        self._post(event, form, verb.status_callback, verb.status_callback_method)

    def _post(
        self, name: str, form: Form, url: str, method: Literal["GET", "POST"] = "POST"
    ) -> None:
        self._n_sent += 1
        encoded = urlencode(form)
        body = encoded.encode() if method == "POST" else b""
        self._courier.send(
            Parcel(
                event_type=name,
                event_id=derived_id("callback", self._parties.call_control_id, self._n_sent),
                url=url if method == "POST" else with_query(url, encoded),
                content=lambda _attempt: body,
                payload=form,
                content_type=FORM,
                method=method,
            )
        )


def with_query(url: str, encoded: str) -> str:
    """Return `url` with more parameters."""
    return f"{url}{'&' if '?' in url else '?'}{encoded}"
