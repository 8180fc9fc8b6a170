"""What Telnyx tells us, from raw bytes to a call's fact: verify, parse, hand over. No decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.errors import RemoteProtocolError, WebhookRejected
from voiced.handover.elders import NOT_MINE
from voiced.log import get_logger
from voiced.telnyx.events import parse_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.call.call import Call
    from voiced.switchboard.switchboard import Switchboard
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.webhook import Deduplicator, WebhookVerifier

log = get_logger(__name__)


class Intake:
    """Raw body and headers to a call's fact, or a refusal with its HTTP status."""

    def __init__(
        self,
        switchboard: Switchboard,
        verifier: WebhookVerifier | None,
        seen: Deduplicator,
        wall_clock: Callable[[], float],
        *,
        insecure: bool,
        only_known: bool = False,
    ) -> None:
        """Verify with `verifier`; without one nothing is accepted, unless `insecure`.

        `only_known`: refuse what is about no call of ours, for somebody else to take (status 421).
        """
        self.switchboard = switchboard
        self.wall_clock = wall_clock
        self._verifier = verifier
        self._seen = seen
        self._insecure = insecure
        self._only_known = only_known

    @property
    def trusts_everybody(self) -> bool:
        """Whether nothing is verified (`[server] insecure`, on loopback)."""
        return self._verifier is None and self._insecure

    def webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take one delivery. Never waits: all that a webhook causes happens in other tasks.

        Raises:
            WebhookRejected: not Telnyx's, stale, or not a webhook we can read.
        """
        self.verify(headers, body)
        try:
            event = parse_event(body)
        except RemoteProtocolError as error:
            raise WebhookRejected(str(error), status=400) from error
        self.require_known(event)
        call = self.tell(event)
        if call is not None:
            call.flight.webhook(headers, body)

    def require_known(self, event: WebhookEvent | None) -> None:
        """Return if `event` may be taken here; raises WebhookRejected."""
        if self._only_known and (event is None or not self.switchboard.knows(event)):
            raise WebhookRejected("it is for no call of this process", status=NOT_MINE)

    def tell(self, event: WebhookEvent) -> Call | None:
        """Hand a verified fact over, the first time that it comes; return the call it is about."""
        if self._seen.seen(event.webhook_id, trio.current_time()):
            log.debug("webhook delivered again", webhook_id=event.webhook_id)
            return self.switchboard.find(event.call_control_id)
        return self.switchboard.webhook(event)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if `body` is Telnyx's and fresh; raises WebhookRejected."""
        self.require_key()
        if self._verifier is not None:
            self._verifier.verify(headers, body, self.wall_clock())

    def require_key(self) -> None:
        """Refuse everything while nothing can be verified; raises WebhookRejected."""
        if self._verifier is None and not self._insecure:
            raise WebhookRejected("no public key is configured; set TELNYX_PUBLIC_KEY", status=403)
