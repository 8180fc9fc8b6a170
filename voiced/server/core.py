"""The daemon without its sockets: live calls, and the applications that take what comes in."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from voiced.handover import Elders
from voiced.ledger import Settler
from voiced.public.intake import Intake
from voiced.public.media_socket import MediaEndpoint
from voiced.public.texml_intake import TexmlIntake
from voiced.public.web import add_knows_route, make_public_app
from voiced.server.renewal import warm_up
from voiced.server.surroundings import WALL_CLOCK
from voiced.services.generation import Generation
from voiced.switchboard.dialer import open_dialer
from voiced.switchboard.switchboard import Switchboard
from voiced.telnyx.webhook import Deduplicator, WebhookVerifier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from quart_trio import QuartTrio

    from voiced.config import Config
    from voiced.services.services import Services
    from voiced.switchboard.dialer import Dialer

LAST_NEWS_S = 5.0
"""For webhooks that are still to be told when the daemon stops; the next start tells the rest."""

CLOSE_LIMIT_S = 20.0
"""For the goodbyes of all live calls when the daemon stops: a hangup and a record each."""


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
