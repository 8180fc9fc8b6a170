"""Delivers the webhooks of one call: signed, in order, again when they were not taken.

A task of the call. Telnyx promises neither order nor a single delivery; by default we keep the
order all the same, because a test wants one story, and the fault plan asks for duplicates and
forgeries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import trio

from voiced.errors import TelnyxError
from voiced.testing.report import DeliveryKind, WebhookSent
from voiced.testing.webhooks import Signer, Webhook, derived_id, iso_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiced.testing.faults import Faults
    from voiced.testing.leg.context import LegFacts
    from voiced.testing.leg_ledger import Ledger
    from voiced.testing.network import Network

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One event on its way.

    Attributes:
        event_type: as the fault plan and the report name it.
        event_id: the same for each of its deliveries.
        url: where it goes; with GET it carries the fields.
        content: returns the body of the n-th attempt, counted from 1.
        payload: what it tells, for the report.
    """

    event_type: str
    event_id: str
    url: str
    content: Callable[[int], bytes]
    payload: Mapping[str, Any]
    content_type: str = "application/json"
    method: Literal["GET", "POST"] = "POST"


class Courier:
    """Delivers the events of one call, in their order: a task of the call."""

    def __init__(self, settings: DeliverySettings, *, faults: Faults, ledger: Ledger) -> None:
        self._settings = settings
        self._faults = faults
        self._ledger = ledger
        self._stranger = Signer()
        # Unbounded, but a call has a few dozen events at most.
        self._queue_in, self._queue = trio.open_memory_channel[tuple[float, Parcel]](math.inf)

    def send(self, parcel: Parcel) -> None:
        """Queue an event that occurs now; never waits."""
        self._queue_in.send_nowait((trio.current_time() + self._settings.delay_s, parcel))

    def close(self) -> None:
        """Say that no more events will come; `run` ends when all are delivered or given up."""
        self._queue_in.close()

    async def run(self) -> None:
        """Deliver until closed."""
        async with trio.open_nursery() as nursery:
            async for due, parcel in self._queue:
                late_s = self._faults.late_by(parcel.event_type)
                if parcel.event_type in self._faults.lost:
                    continue
                if late_s or not self._settings.in_order:
                    nursery.start_soon(self._deliver_at, due + late_s, parcel)
                else:
                    await self._deliver_at(due, parcel)

    async def _deliver_at(self, due: float, parcel: Parcel) -> None:
        await trio.sleep_until(due)
        await self._deliver(parcel)

    async def _deliver(self, parcel: Parcel) -> None:
        for forgery in self._faults.forgeries_before(parcel.event_type):
            status = await self._post(parcel, kind=forgery)
            if status is not None and status < 300:
                self._ledger.violation(f"a {forgery} {parcel.event_type} was accepted ({status})")
        attempt, status = 1, await self._post(parcel)
        for delay_s in self._settings.retry_delays_s:
            if status == 200:
                break
            await trio.sleep(delay_s)
            attempt += 1
            status = await self._post(parcel, attempt=attempt)
        if status != 200:
            answer = "no answer" if status is None else f"status {status}"
            self._ledger.violation(f"webhook {parcel.event_type} was not taken: {answer}")
        elif self._faults.is_duplicated(parcel.event_type):
            await self._post(parcel, attempt=attempt + 1, kind="duplicate")

    async def _post(
        self, parcel: Parcel, *, attempt: int = 1, kind: DeliveryKind = "genuine"
    ) -> int | None:
        settings = self._settings
        body = parcel.content(attempt)
        signer = self._stranger if kind == "forged" else settings.signer
        timestamp = int(settings.wall()) - (STALE_S if kind == "stale" else 0)
        at_s = self._ledger.seconds(trio.current_time())
        status: int | None = None
        headers = signer.headers(body, timestamp=timestamp, content_type=parcel.content_type)
        try:
            with trio.move_on_after(ANSWER_WITHIN_S):
                if parcel.method == "POST":
                    status = await settings.network.post(parcel.url, headers, body)
                else:
                    answer = await settings.network.fetch(parcel.method, parcel.url, headers)
                    status = answer.status
        except TelnyxError:
            await trio.lowlevel.checkpoint()  # nobody there: no answer
        self._ledger.webhooks.append(
            WebhookSent(
                at_s=at_s,
                event_type=parcel.event_type,
                event_id=parcel.event_id,
                attempt=attempt,
                status=status,
                kind=kind,
                payload=parcel.payload,
            )
        )
        return status


class Deliveries:
    """The webhooks of one call. `call_id` makes event ids repeatable."""

    def __init__(
        self, settings: DeliverySettings, *, call_id: str, faults: Faults, ledger: Ledger
    ) -> None:
        self._settings = settings
        self._courier = Courier(settings, faults=faults, ledger=ledger)
        self._call_id = call_id
        self._url = settings.url
        self._count = 0

    def send(self, event_type: str, payload: Mapping[str, Any]) -> None:
        """Queue an event that occurs now; never waits."""
        self._count += 1
        webhook = Webhook(
            event_type=event_type,
            payload=payload,
            occurred_at=iso_time(self._settings.wall()),
            event_id=derived_id("event", self._call_id, self._count),
        )
        url = self._url
        self._courier.send(
            Parcel(
                event_type=event_type,
                event_id=webhook.event_id,
                url=url,
                content=lambda attempt: webhook.body(url=url, attempt=attempt),
                payload=payload,
            )
        )

    def send_to(self, url: str) -> None:
        """Send the events from now on to `url`."""
        self._url = url

    def close(self) -> None:
        """Say that no more events will come; `run` ends when all are delivered or given up."""
        self._courier.close()

    async def run(self) -> None:
        """Deliver until closed."""
        await self._courier.run()


def webhooks_of(leg: LegFacts) -> Deliveries:
    """Return the webhooks of a Call Control leg."""
    return Deliveries(
        leg.services.deliveries,
        call_id=leg.parties.call_control_id,
        faults=leg.faults,
        ledger=leg.ledger,
    )
