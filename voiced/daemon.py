"""The outermost nursery: listeners, shared services, live calls, signals, drain."""

from __future__ import annotations

import gc
import platform
import secrets
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from voiced.admin import make_admin_app
from voiced.agent.base import DialogueAgent
from voiced.dialer import open_dialer
from voiced.errors import RecognizerFailed
from voiced.flight.recorder import open_flights
from voiced.flight.retention import Retention, keep_house
from voiced.flights import NoFlights
from voiced.front_door import FrontDoor
from voiced.index import open_index
from voiced.intake import Intake
from voiced.journal import Unobserved
from voiced.ledger import LEDGER_FILE, Ledger, Settler
from voiced.listeners import Listener, open_listener, serve_app, serve_connections
from voiced.log import get_logger
from voiced.media_socket import MediaEndpoint
from voiced.metrics import Metrics, Observers
from voiced.record_store import RecordStore
from voiced.services import Services
from voiced.staff import open_staff
from voiced.switchboard import Switchboard
from voiced.telnyx.download import open_downloader
from voiced.telnyx.rest import open_telnyx
from voiced.telnyx.webhook import Deduplicator, WebhookVerifier
from voiced.telnyx_recording import FETCHES_FILE, RecordingFetcher
from voiced.texml_intake import TexmlIntake
from voiced.web import make_public_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    import httpx
    from quart_trio import QuartTrio

    from voiced.config import Config
    from voiced.dialer import Dialer
    from voiced.flights import Flights
    from voiced.journal import Observer
    from voiced.stalls import StallWatch

log = get_logger(__name__)


WALL_CLOCK = time.time  # noqa: TID251  # the one source of wall time

CLOSE_LIMIT_S = 20.0
"""For the goodbyes of all live calls when the daemon stops: a hangup and a record each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A running daemon; lives as long as `open_daemon`."""

    switchboard: Switchboard
    public: Listener
    admin: Listener
    asked_to_drain: trio.Event
    """Set by `POST /drain`: new calls are refused already."""
    warm: trio.Event
    """As of `Core`."""
    metrics: Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """A daemon without sockets: its public ASGI application, its media endpoint and its calls."""

    app: QuartTrio
    media: MediaEndpoint
    switchboard: Switchboard
    dialer: Dialer
    warm: trio.Event
    """Set once everything is loaded that calls will use."""


@asynccontextmanager
async def open_services(
    config: Config,
    *,
    observer: Observer | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Services]:
    """Open what all calls share, as `config` says; closed in the reverse order.

    Args:
        config: checked configuration.
        observer: watches all calls.
        transport: carries the REST client's requests (in memory, in tests).

    Raises:
        StartupError: a provider or the records' directory cannot be used.
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
        ledger = await Ledger.open(config.records.path / LEDGER_FILE)
        stack.callback(ledger.close)
        telnyx = await stack.enter_async_context(
            open_telnyx(config.telnyx.api_base, api_key, transport=transport)
        )
        fetcher = await RecordingFetcher.open(
            config.records.path / FETCHES_FILE,
            telnyx=telnyx,
            downloader=await stack.enter_async_context(open_downloader()),
            records=records,
            api_base=config.telnyx.api_base,
            wall_clock=WALL_CLOCK,
        )
        stack.callback(fetcher.close)
        yield Services(
            config=config,
            telnyx=telnyx,
            staff=await open_staff(config, stack),
            records=records,
            ledger=ledger,
            fetcher=fetcher,
            observer=Observers([metrics, observer or Unobserved()]),
            metrics=metrics,
            flights=await stack.enter_async_context(_open_flights(config, records)),
            index=index,
        )


def _open_flights(config: Config, records: RecordStore) -> AbstractAsyncContextManager[Flights]:
    if config.records.wire:
        return open_flights(records.directory, records.run_sync)
    return nullcontext(NoFlights())


def _new_ref() -> str:
    return secrets.token_hex(8)


@asynccontextmanager
async def open_core(
    services: Services,
    *,
    wall_clock: Callable[[], float] = WALL_CLOCK,
    make_ref: Callable[[], str] = _new_ref,
    webhook_transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Core]:
    """Yield the daemon's application without sockets; live calls are cut when it closes.

    Args:
        services: of all calls.
        wall_clock: unix seconds.
        make_ref: gives each call a reference of its own; a replay gives it the one it had.
        webhook_transport: carries what is told of placed calls (in memory, in tests).
    """
    async with trio.open_nursery() as live_calls:
        live_calls.start_soon(services.ledger.run, name="ledger")
        live_calls.start_soon(services.fetcher.run, name="recording fetcher")
        settler = Settler(
            services.ledger,
            services.telnyx,
            services.records,
            wall_clock,
            services.config.telnyx.connection_id,
        )
        live_calls.start_soon(settler.run, name="settler")
        switchboard = Switchboard(services, live_calls, wall_clock, settler, make_ref)
        warm = trio.Event()
        live_calls.start_soon(_warm_up, services, warm, name="warm up")
        intake = _make_intake(services, switchboard, wall_clock)
        texml = TexmlIntake(intake, takes_get=services.config.telnyx.texml_get)
        async with open_dialer(services, switchboard, transport=webhook_transport) as dialer:
            try:
                yield Core(
                    app=make_public_app(intake, texml),
                    media=MediaEndpoint(switchboard),
                    switchboard=switchboard,
                    dialer=dialer,
                    warm=warm,
                )
            finally:
                with trio.move_on_after(CLOSE_LIMIT_S, shield=True):
                    await switchboard.close()
        live_calls.cancel_scope.cancel()


async def _warm_up(services: Services, warm: trio.Event) -> None:
    """Prepare the recognizers beside the first calls; if it fails, each call finds out itself."""
    for line, staff in services.staff.items():
        if staff.recognizer is not None and isinstance(staff.agent, DialogueAgent):
            try:
                await staff.recognizer.prepare(staff.agent.vocabulary)
            except RecognizerFailed as failed:
                log.error("recognizer not ready", line=line, error=str(failed))
    warm.set()


def _make_intake(
    services: Services, switchboard: Switchboard, wall_clock: Callable[[], float]
) -> Intake:
    key = services.config.telnyx.public_key
    return Intake(
        switchboard,
        WebhookVerifier(key) if key else None,
        Deduplicator(),
        wall_clock,
        insecure=services.config.server.insecure,
    )


@asynccontextmanager
async def open_daemon(config: Config, *, observer: Observer | None = None) -> AsyncIterator[Daemon]:
    """Listen and serve; yields once both listeners answer.

    Raises:
        StartupError: a port is taken, a provider cannot be opened ...
    """
    async with AsyncExitStack() as stack:
        public = stack.enter_context(open_listener(config.server.bind, "[server] bind"))
        admin = stack.enter_context(open_listener(config.admin.bind, "[admin] bind"))
        if not config.server.public_url:
            config = config.with_public_address(str(public.address))
        services = await stack.enter_async_context(open_services(config, observer=observer))
        core = await stack.enter_async_context(open_core(services))
        asked_to_drain = trio.Event()

        def drain() -> None:
            core.switchboard.refuse_new_calls()
            asked_to_drain.set()

        admin_app = make_admin_app(
            core.switchboard,
            core.dialer,
            services.records,
            services.index,
            services.metrics,
            token=config.admin.token.get_secret_value(),
            drain=drain,
        )
        server = config.server
        tls = (server.tls_certificate, server.tls_key) if server.tls_certificate else None
        async with trio.open_nursery() as servers:
            door = FrontDoor(core.app, core.media)
            await servers.start(serve_connections, public, door.handle, tls)
            await servers.start(serve_app, admin_app, admin)
            servers.start_soon(_keep_house, services, name="retention")
            try:
                yield Daemon(
                    switchboard=core.switchboard,
                    public=public,
                    admin=admin,
                    asked_to_drain=asked_to_drain,
                    warm=core.warm,
                    metrics=services.metrics,
                )
            finally:
                # While webhooks and media still reach the calls.
                with trio.move_on_after(CLOSE_LIMIT_S, shield=True):
                    await core.switchboard.close()
                servers.cancel_scope.cancel()


async def _keep_house(services: Services) -> None:
    records = services.config.records
    retention = Retention(
        root=records.path, keep_days=records.keep_days, keep_bytes=records.keep_bytes
    )
    await keep_house(retention, services.records.run_sync, WALL_CLOCK)


async def serve(config: Config, watch: StallWatch | None = None) -> None:
    """Serve until SIGTERM, SIGINT or `POST /drain`: drain, then end. A second signal hurries.

    `watch` tells of steps that held the loop up.

    Raises:
        StartupError: the daemon cannot start.
    """
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with open_daemon(config) as daemon:
            if watch is not None:
                watch.tell_also(daemon.metrics.stalled)
            _say_ready(config, daemon)
            hurry = trio.CancelScope()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_spare_the_collector, daemon.warm)
                nursery.start_soon(_obey, signals, daemon.asked_to_drain, hurry)
                await daemon.asked_to_drain.wait()
                with hurry:
                    await _drain(daemon, config.call.drain_timeout_s)
                nursery.cancel_scope.cancel()
    log.info("stopped")


async def _obey(
    signals: AsyncIterator[int], asked_to_drain: trio.Event, hurry: trio.CancelScope
) -> None:
    """Let the first signal drain, as `POST /drain` may have done already, and the second hurry."""
    await anext(signals)
    asked_to_drain.set()
    await anext(signals)
    log.info("second signal: ending at once")
    hurry.cancel()


async def _spare_the_collector(warm: trio.Event) -> None:
    """Leave what was loaded at start out of garbage collection.

    A full collection looks at every object, and no call is served meanwhile. The 83,000 objects of
    the libraries never become garbage: with them it took 57 ms, without them nothing measurable.
    """
    await warm.wait()
    gc.collect()
    gc.freeze()


def _say_ready(config: Config, daemon: Daemon) -> None:
    log.info(
        "listening",
        public=str(daemon.public.address),
        admin=str(daemon.admin.address),
        agent=config.agent.provider,
        recognizer=config.recognizer.provider,
        synthesizer=config.synthesizer.provider,
    )
    if not config.telnyx.public_key:
        if config.server.insecure:
            log.warning("webhooks are accepted unsigned: [server] insecure is set")
        else:
            log.warning("every webhook will be refused: set TELNYX_PUBLIC_KEY")
    if config.telnyx.api_key is None:
        log.warning("no call can be answered: set TELNYX_API_KEY")


async def _drain(daemon: Daemon, limit_s: float) -> None:
    log.info("draining", calls=len(daemon.switchboard.snapshot()), limit_s=limit_s)
    with trio.move_on_after(limit_s):
        await daemon.switchboard.drain()
