"""Delivers the webhooks of one call: signed, in order, again when they were not taken.

A task of the call. Telnyx promises neither order nor a single delivery; by default we keep the
order all the same, because a test wants one story, and the fault plan asks for duplicates and
forgeries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from voiced.errors import TelnyxError
from voiced.testing.report import DeliveryKind, WebhookSent
from voiced.testing.webhooks import Signer, Webhook, derived_id, iso_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.testing.faults import Faults
    from voiced.testing.network import Network
    from voiced.testing.report import Ledger

ANSWER_WITHIN_S = 2.0
"""Telnyx's limit for an answer."""

STALE_S = 3600
"""How old a stale webhook's signature is; receivers allow 300 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How webhooks travel.

    Attributes:
        network: carries them to `url`.
        signer: Telnyx's key.
        wall: Unix time in seconds, for signatures and `occurred_at`.
        delay_s: from the event to its delivery.
        retry_delays_s: waits before each further attempt when one was not answered 200.
        in_order: one after the other; else each as soon as it is due.
    """

    network: Network
    url: str
    signer: Signer
    wall: Callable[[], float]
    delay_s: float
    retry_delays_s: tuple[float, ...] = (1.0, 2.0, 5.0)
    in_order: bool = True


class Deliveries:
    """The webhooks of one call. `call_id` makes event ids repeatable."""

    def __init__(
        self, settings: DeliverySettings, *, call_id: str, faults: Faults, ledger: Ledger
    ) -> None:
        self._settings = settings
        self._call_id = call_id
        self._faults = faults
        self._ledger = ledger
        self._stranger = Signer()
        self._count = 0
        # Unbounded, but a call has a few dozen events at most.
        self._queue_in, self._queue = trio.open_memory_channel[tuple[float, Webhook]](math.inf)

    def send(self, event_type: str, payload: Mapping[str, Any]) -> None:
        """Queue an event that occurs now; never waits."""
        self._count += 1
        webhook = Webhook(
            event_type=event_type,
            payload=payload,
            occurred_at=iso_time(self._settings.wall()),
            event_id=derived_id("event", self._call_id, self._count),
        )
        self._queue_in.send_nowait((trio.current_time() + self._settings.delay_s, webhook))

    def close(self) -> None:
        """Say that no more events will come; `run` ends when all are delivered or given up."""
        self._queue_in.close()

    async def run(self) -> None:
        """Deliver until closed."""
        async with trio.open_nursery() as nursery:
            async for due, webhook in self._queue:
                await trio.sleep_until(due)
                if self._settings.in_order:
                    await self._deliver(webhook)
                else:
                    nursery.start_soon(self._deliver, webhook)

    async def _deliver(self, webhook: Webhook) -> None:
        for forgery in self._faults.forgeries_before(webhook.event_type):
            status = await self._post(webhook, kind=forgery)
            if status is not None and status < 300:
                self._ledger.violation(f"a {forgery} {webhook.event_type} was accepted ({status})")
        attempt, status = 1, await self._post(webhook)
        for delay_s in self._settings.retry_delays_s:
            if status == 200:
                break
            await trio.sleep(delay_s)
            attempt += 1
            status = await self._post(webhook, attempt=attempt)
        if status != 200:
            answer = "no answer" if status is None else f"status {status}"
            self._ledger.violation(f"webhook {webhook.event_type} was not taken: {answer}")
        elif self._faults.is_duplicated(webhook.event_type):
            await self._post(webhook, attempt=attempt + 1, kind="duplicate")

    async def _post(
        self, webhook: Webhook, *, attempt: int = 1, kind: DeliveryKind = "genuine"
    ) -> int | None:
        settings = self._settings
        body = webhook.body(url=settings.url, attempt=attempt)
        signer = self._stranger if kind == "forged" else settings.signer
        timestamp = int(settings.wall()) - (STALE_S if kind == "stale" else 0)
        at_s = self._ledger.seconds(trio.current_time())
        status: int | None = None
        headers = signer.headers(body, timestamp=timestamp)
        try:
            with trio.move_on_after(ANSWER_WITHIN_S):
                status = await settings.network.post(settings.url, headers, body)
        except TelnyxError:
            await trio.lowlevel.checkpoint()  # nobody there: no answer
        self._ledger.webhooks.append(
            WebhookSent(
                at_s=at_s,
                event_type=webhook.event_type,
                event_id=webhook.event_id,
                attempt=attempt,
                status=status,
                kind=kind,
                payload=webhook.payload,
            )
        )
        return status
