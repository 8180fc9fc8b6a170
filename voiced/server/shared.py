"""What all calls share but for their staff: books, records, Telnyx, observers."""

from __future__ import annotations

import platform
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

import trio

from voiced.call_log import CallLog
from voiced.flight.recorder import open_flights
from voiced.index import open_index
from voiced.ledger import LEDGER_FILE, Ledger
from voiced.metrics import Metrics, Observers
from voiced.outbox import OUTBOX_FILE, open_outbox
from voiced.record.journal import Unobserved
from voiced.record.store import RecordStore
from voiced.server.surroundings import WALL_CLOCK
from voiced.services.flights import NoFlights
from voiced.services.services import Services
from voiced.telnyx.download import open_downloader
from voiced.telnyx.rest import open_telnyx
from voiced.telnyx_recording import FETCHES_FILE, RecordingFetcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    import httpx

    from voiced.config import Config
    from voiced.record.journal import Observer
    from voiced.services.flights import Flights


@asynccontextmanager
async def open_services(
    config: Config,
    *,
    observer: Observer | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    has_elders: bool = False,
) -> AsyncIterator[Services]:
    """Open what all calls share but for their staff; closed in the reverse order.

    Args:
        config: checked configuration.
        observer: watches all calls.
        transport: carries the REST client's requests (in memory, in tests).
        has_elders: older processes may have the books (`OpenItems.open`).

    Raises:
        StartupError: the records' directory cannot be used.
    """
    key = config.telnyx.api_key
    api_key = key.get_secret_value() if key is not None else ""
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        records = RecordStore(config.records.path)
        index = await stack.enter_async_context(
            open_index(
                config.records.path,
                config.records.index.get_secret_value(),
                records.run_sync,
                instance=config.server.instance or platform.node(),
            )
        )
        records.written = index.note
        ledger = await Ledger.open(config.records.path / LEDGER_FILE, has_elders=has_elders)
        stack.callback(ledger.close)
        telnyx = await stack.enter_async_context(
            open_telnyx(
                config.telnyx.api_base,
                api_key,
                transport=transport,
                meter=metrics.telnyx_answered,
            )
        )
        fetcher = await RecordingFetcher.open(
            config.records.path / FETCHES_FILE,
            telnyx=telnyx,
            downloader=await stack.enter_async_context(open_downloader()),
            records=records,
            api_base=config.telnyx.api_base,
            wall_clock=WALL_CLOCK,
            has_elders=has_elders,
        )
        stack.callback(fetcher.close)
        outbox = await stack.enter_async_context(
            open_outbox(
                config.records.path / OUTBOX_FILE,
                records=records,
                config=config.post_call,
                wall_clock=WALL_CLOCK,
                has_elders=has_elders,
            )
        )
        watching: list[Observer] = [metrics, CallLog(), observer or Unobserved()]
        if config.tracing.otlp_endpoint:
            watching.append(await stack.enter_async_context(_open_traces(config)))
        yield Services(
            config=config,
            telnyx=telnyx,
            staff={},
            records=records,
            ledger=ledger,
            fetcher=fetcher,
            observer=Observers(watching),
            metrics=metrics,
            flights=await stack.enter_async_context(_open_flights(config, records)),
            index=index,
            outbox=outbox,
        )


def _open_traces(config: Config) -> AbstractAsyncContextManager[Observer]:
    from voiced.tracing import open_traces  # not imported by those who have none

    return open_traces(
        config.tracing,
        instance=config.server.instance or platform.node(),
        wall_offset_s=WALL_CLOCK() - trio.current_time(),
    )


def _open_flights(config: Config, records: RecordStore) -> AbstractAsyncContextManager[Flights]:
    if config.records.wire:
        return open_flights(records.directory, records.run_sync)
    return nullcontext(NoFlights())
