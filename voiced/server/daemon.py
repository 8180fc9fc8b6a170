"""The outermost nursery: listeners, shared services, providers, live calls."""

from __future__ import annotations

import platform
import secrets
import time
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from voiced.admin.whole_house import WholeHouse
from voiced.call_log import CallLog
from voiced.dashboard.audience import Audience
from voiced.dashboard.behind import Dashboard
from voiced.dashboard.board import Board
from voiced.dashboard.files import open_call_files
from voiced.dashboard.yesterday import recall_yesterday
from voiced.errors import StartupError
from voiced.flight.recorder import open_flights
from voiced.flight.retention import Retention, keep_house
from voiced.handover import Elders, open_elders
from voiced.index import open_index
from voiced.ledger import LEDGER_FILE, Ledger, Settler
from voiced.log import get_logger
from voiced.loop.lag import measure
from voiced.metrics import Metrics, Observers
from voiced.outbox import OUTBOX_FILE, open_outbox
from voiced.public.intake import Intake
from voiced.public.listeners import Listener, open_listener
from voiced.public.media_socket import MediaEndpoint
from voiced.public.texml_intake import TexmlIntake
from voiced.public.web import add_knows_route, make_public_app
from voiced.record.journal import Unobserved
from voiced.record.store import RecordStore
from voiced.server.doors import Doors
from voiced.server.renewal import open_staff_room, warm_up
from voiced.services.flights import NoFlights
from voiced.services.generation import Generation
from voiced.services.services import Services
from voiced.switchboard.dialer import open_dialer
from voiced.switchboard.switchboard import Switchboard
from voiced.telnyx.download import open_downloader
from voiced.telnyx.rest import open_telnyx
from voiced.telnyx.webhook import Deduplicator, WebhookVerifier
from voiced.telnyx_recording import FETCHES_FILE, RecordingFetcher

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import httpx
    from quart_trio import QuartTrio

    from voiced.config import Config
    from voiced.handover import House
    from voiced.loop.lag import Idle
    from voiced.record.journal import Observer
    from voiced.server.renewal import StaffRoom
    from voiced.services.flights import Flights
    from voiced.switchboard.dialer import Dialer

log = get_logger(__name__)

WALL_CLOCK = time.time  # noqa: TID251  # the one source of wall time

LAST_NEWS_S = 5.0
"""For webhooks that are still to be told when the daemon stops; the next start tells the rest."""

CLOSE_LIMIT_S = 20.0
"""For the goodbyes of all live calls when the daemon stops: a hangup and a record each."""


def _nobody_told(pid: int) -> None:
    del pid


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a process finds when it starts.

    Attributes:
        directory: where it meets the process before and the one after; None = nowhere.
        sockets: listening sockets that systemd has opened, by "public" and "admin".
        on_leave: told the process id of the one that takes over.
        idle: knows how long the loop has had nothing to do; None = nobody does.
    """

    directory: Path | None = None
    sockets: Mapping[str, socket.socket] = field(default_factory=dict)
    on_leave: Callable[[int], None] = _nobody_told
    idle: Idle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A running daemon; lives as long as `open_daemon`."""

    switchboard: Switchboard
    dialer: Dialer
    elders: Elders
    house: House
    room: StaffRoom
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
    make_elder_app: Callable[[], QuartTrio]
    """Makes the application for a newer process: what is about no call of ours is refused."""
    warm: trio.Event
    """Set once everything is loaded that calls will use."""


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


def _new_ref() -> str:
    return secrets.token_hex(8)


@asynccontextmanager
async def open_core(
    services: Services,
    *,
    wall_clock: Callable[[], float] = WALL_CLOCK,
    make_ref: Callable[[], str] = _new_ref,
    over: trio.Event | None = None,
    elders: Elders | None = None,
) -> AsyncIterator[Core]:
    """Yield the daemon's application without sockets; live calls are cut when it closes.

    Args:
        services: of all calls.
        wall_clock: unix seconds.
        make_ref: gives each call a reference of its own; a replay gives it the one it had.
        over: set once no call uses `services` any more, because a reload has replaced them.
        elders: older processes that still have calls; none by default.
    """
    elders = Elders() if elders is None else elders
    async with trio.open_nursery() as live_calls:
        live_calls.start_soon(services.ledger.run, name="ledger")
        live_calls.start_soon(services.fetcher.run, name="recording fetcher")
        if services.outbox is not None:
            live_calls.start_soon(services.outbox.run, name="outbox")
        settler = Settler(
            services.ledger,
            services.telnyx,
            services.records,
            wall_clock,
            services.config.telnyx.connection_id,
            outbox=services.outbox,
        )
        live_calls.start_soon(settler.run, name="settler")
        generation = Generation(services, over)
        switchboard = Switchboard(generation, live_calls, wall_clock, settler, make_ref)
        warm = trio.Event()
        live_calls.start_soon(_warm_up, services, warm, name="warm up")
        make_public = _PublicApps(services.config, switchboard, wall_clock)
        async with open_dialer(services, switchboard) as dialer:
            services.metrics.live.watch(switchboard, lambda: len(dialer.waiting()))
            try:
                yield Core(
                    app=make_public.app(elders),
                    media=MediaEndpoint(switchboard, elders),
                    switchboard=switchboard,
                    dialer=dialer,
                    make_elder_app=make_public.elder_app,
                    warm=warm,
                )
            finally:
                with trio.move_on_after(CLOSE_LIMIT_S, shield=True):
                    await switchboard.close()
        if services.outbox is not None:
            with trio.move_on_after(LAST_NEWS_S, shield=True):
                await services.outbox.first_attempts()
        live_calls.cancel_scope.cancel()


async def _warm_up(services: Services, warm: trio.Event) -> None:
    """Prepare the recognizers beside the first calls."""
    await warm_up(services.staff)
    warm.set()


class _PublicApps:
    """Makes the application of the public listener, and the one for a newer process."""

    def __init__(
        self, config: Config, switchboard: Switchboard, wall_clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._switchboard = switchboard
        self._wall_clock = wall_clock
        self._seen = Deduplicator()

    def app(self, elders: Elders, *, only_known: bool = False) -> QuartTrio:
        telnyx, server = self._config.telnyx, self._config.server
        intake = Intake(
            self._switchboard,
            WebhookVerifier(telnyx.public_key) if telnyx.public_key else None,
            self._seen,
            self._wall_clock,
            insecure=server.insecure,
            only_known=only_known,
        )
        return make_public_app(intake, TexmlIntake(intake, takes_get=telnyx.texml_get), elders)

    def elder_app(self) -> QuartTrio:
        app = self.app(Elders(), only_known=True)
        add_knows_route(app, self._switchboard)
        return app


@asynccontextmanager
async def open_daemon(
    config: Config,
    *,
    observer: Observer | None = None,
    surroundings: Surroundings | None = None,
) -> AsyncIterator[Daemon]:
    """Listen and serve; yields once both listeners answer.

    A process that serves already, in the same `surroundings`, is taken over.

    Raises:
        StartupError: a port is taken, a provider cannot be opened ...
    """
    around = surroundings or Surroundings()
    async with AsyncExitStack() as stack:
        elders = await stack.enter_async_context(open_elders(around.directory))
        listeners = _open_listeners(config, elders, around, stack)
        if not config.server.public_url:
            config = config.with_public_address(str(listeners["public"].address))
        board = Board()
        watchers = Observers([board, observer or Unobserved()])
        services = await stack.enter_async_context(
            open_services(config, observer=watchers, has_elders=bool(elders))
        )
        room = await stack.enter_async_context(open_staff_room())
        hired = await room.hire(config)
        services = replace(services, staff=hired.staff)
        core = await stack.enter_async_context(open_core(services, over=hired.over, elders=elders))
        dashboard = Dashboard(
            audience=Audience(
                board,
                WholeHouse(core.switchboard, elders),
                WALL_CLOCK,
                lambda: len(core.dialer.waiting()),
            ),
            files=stack.enter_context(open_call_files(services.records)),
        )
        doors = Doors(config, core, services, elders, listeners, around, dashboard, WALL_CLOCK)
        async with trio.open_nursery() as servers:
            await elders.take_over()  # from here on nobody else accepts
            await doors.open(servers)
            servers.start_soon(elders.watch, partial(_adopt, services), name="elders")
            servers.start_soon(_keep_house, services, name="retention")
            servers.start_soon(measure, services.lag, around.idle, name="loop lag")
            services.metrics.live.watch_lag(services.lag)
            servers.start_soon(dashboard.audience.run, name="audience")
            servers.start_soon(_recall_yesterday, board, services, name="figures of the day")
            try:
                yield Daemon(
                    switchboard=core.switchboard,
                    dialer=core.dialer,
                    elders=elders,
                    house=doors.house,
                    room=room,
                    public=listeners["public"],
                    admin=listeners["admin"],
                    asked_to_drain=doors.asked_to_drain,
                    warm=core.warm,
                    metrics=services.metrics,
                )
            finally:
                # While webhooks and media still reach the calls.
                with trio.move_on_after(CLOSE_LIMIT_S, shield=True):
                    await core.switchboard.close()
                servers.cancel_scope.cancel()


def _open_listeners(
    config: Config, elders: Elders, around: Surroundings, stack: AsyncExitStack
) -> dict[str, Listener]:
    """Open both listeners, or take those that are there already."""
    listeners = {}
    for name, bind in (("public", config.server.bind), ("admin", config.admin.bind)):
        given = elders.take_socket(name, bind) or around.sockets.get(name)
        key = f"[{'server' if name == 'public' else name}] bind"
        listeners[name] = stack.enter_context(open_listener(bind, key, given))
    return listeners


ADOPT_AT_S = (0.0, 0.2, 0.8, 4.0)
"""Pauses before each look at the books of a process that has ended: it may yet hold its locks."""


async def _adopt(services: Services) -> None:
    """See to the legs and recordings that a process before us has left."""
    for pause_s in ADOPT_AT_S:
        await trio.sleep(pause_s)
        try:
            await services.ledger.adopt()
            await services.fetcher.adopt()
            if services.outbox is not None:
                await services.outbox.adopt()
        except StartupError as error:
            log.error("books of the process before not read", reason=str(error))


async def _recall_yesterday(board: Board, services: Services) -> None:
    if services.index is not None:
        try:
            await recall_yesterday(board.day, services.index, WALL_CLOCK())
        except Exception:  # a record of who knows when: figures are worth no call
            log.exception("figures of the day begin with this start")


async def _keep_house(services: Services) -> None:
    records = services.config.records
    retention = Retention(
        root=records.path, keep_days=records.keep_days, keep_bytes=records.keep_bytes
    )
    await keep_house(retention, services.records.run_sync, WALL_CLOCK)
