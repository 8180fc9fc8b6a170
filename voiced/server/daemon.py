"""The outermost nursery: listeners, shared services, providers, live calls."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from voiced.admin.whole_house import WholeHouse
from voiced.dashboard.audience import Audience
from voiced.dashboard.behind import Dashboard
from voiced.dashboard.board import Board
from voiced.dashboard.files import open_call_files
from voiced.dashboard.yesterday import Yesterday
from voiced.errors import StartupError
from voiced.flight.retention import Retention, keep_house
from voiced.handover import Elders, open_elders
from voiced.handover.bequest import take_bequest
from voiced.log import get_logger
from voiced.loop.lag import measure
from voiced.metrics import Metrics, Observers
from voiced.public.listeners import Listener, open_listener
from voiced.record.journal import Unobserved
from voiced.server.core import CLOSE_LIMIT_S, open_core
from voiced.server.doors import Doors
from voiced.server.renewal import open_staff_room
from voiced.server.shared import open_services
from voiced.server.surroundings import WALL_CLOCK, Surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from voiced.config import Config
    from voiced.handover import House
    from voiced.record.journal import Observer
    from voiced.server.renewal import StaffRoom
    from voiced.services.services import Services
    from voiced.switchboard.dialer import Dialer
    from voiced.switchboard.switchboard import Switchboard

log = get_logger(__name__)


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
            yesterday = None
            if services.index is not None:
                yesterday = Yesterday(board.day, services.index, WALL_CLOCK)
                servers.start_soon(_recall, yesterday, name="figures of the day")
            adopt = partial(_adopt, services, doors.house, yesterday)
            servers.start_soon(elders.watch, adopt, name="elders")
            servers.start_soon(_keep_house, services, name="retention")
            servers.start_soon(
                measure,
                services.lag,
                around.idle,
                core.switchboard.count_streaming,
                name="loop lag",
            )
            services.metrics.live.watch_lag(services.lag)
            servers.start_soon(dashboard.audience.run, name="audience")
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


async def _adopt(services: Services, house: House, yesterday: Yesterday | None, path: Path) -> None:
    """See to the legs, recordings and counts that the process of a socket has left."""
    if not house.has_left.is_set():  # else another one serves, and inherits
        services.metrics.inheritance.leave(str(path), take_bequest(path))
    for pause_s in ADOPT_AT_S:
        await trio.sleep(pause_s)
        try:
            await services.ledger.adopt()
            await services.fetcher.adopt()
            if services.outbox is not None:
                await services.outbox.adopt()
        except StartupError as error:
            log.error("books of the process before not read", reason=str(error))
    if yesterday is not None:  # its last calls are in the index by now
        await _recall(yesterday)


async def _recall(yesterday: Yesterday) -> None:
    try:
        await yesterday.recall()
    except Exception:  # a record of who knows when: figures are worth no call
        log.exception("figures of the day lack earlier calls")


async def _keep_house(services: Services) -> None:
    records = services.config.records
    retention = Retention(
        root=records.path, keep_days=records.keep_days, keep_bytes=records.keep_bytes
    )
    await keep_house(retention, services.records.run_sync, WALL_CLOCK)
