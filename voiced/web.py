"""HTTP on the public listener: `POST /telnyx/webhook`. No decisions: verify, parse, hand over.

Media sockets never come here (`voiced.front_door`), and nothing else is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import trio
from quart import request
from quart_trio import QuartTrio

from voiced.config import WEBHOOK_PATH
from voiced.errors import RemoteProtocolError, WebhookRejected
from voiced.log import get_logger
from voiced.telnyx.events import parse_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.switchboard import Switchboard
    from voiced.telnyx.webhook import Deduplicator, WebhookVerifier

log = get_logger(__name__)

WEBHOOK_LIMIT_BYTES = 256 * 1024
BODY_TIMEOUT_S = 5


class WebhookIntake:
    """Raw body and headers to a call's fact, or a refusal with its HTTP status."""

    def __init__(
        self,
        switchboard: Switchboard,
        verifier: WebhookVerifier | None,
        seen: Deduplicator,
        wall_clock: Callable[[], float],
        *,
        insecure: bool,
    ) -> None:
        """Verify with `verifier`; without one nothing is accepted, unless `insecure`."""
        self._switchboard = switchboard
        self._verifier = verifier
        self._seen = seen
        self._wall_clock = wall_clock
        self._insecure = insecure

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Take one delivery. Never waits: all that a webhook causes happens in other tasks.

        Raises:
            WebhookRejected: not Telnyx's, stale, or not a webhook we can read.
        """
        self._verify(headers, body)
        try:
            event = parse_event(body)
        except RemoteProtocolError as error:
            raise WebhookRejected(str(error), status=400) from error
        if self._seen.seen(event.webhook_id, trio.current_time()):
            log.debug("webhook delivered again", webhook_id=event.webhook_id)
            call = self._switchboard.find(event.call_control_id)
        else:
            call = self._switchboard.webhook(event)
        if call is not None:
            call.flight.webhook(headers, body)

    def _verify(self, headers: dict[str, str], body: bytes) -> None:
        if self._verifier is not None:
            self._verifier.verify(headers, body, self._wall_clock())
        elif not self._insecure:
            raise WebhookRejected("no public key is configured; set TELNYX_PUBLIC_KEY", status=403)


def make_public_app(intake: WebhookIntake) -> QuartTrio:
    """Return the ASGI application of the public listener."""
    app = QuartTrio("voiced", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = WEBHOOK_LIMIT_BYTES
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S

    @app.post(WEBHOOK_PATH)
    async def webhook() -> tuple[str, int]:
        body = cast("bytes", await request.get_data(cache=False))
        try:
            intake.take(dict(request.headers), body)
        except WebhookRejected as rejected:
            log.warning("webhook refused", reason=str(rejected), status=rejected.status)
            return "", rejected.status
        return "", 200

    return app
