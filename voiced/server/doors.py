"""The doors of a daemon: for Telnyx, for operators, and for the process that will take over."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from voiced.admin import make_admin_app
from voiced.config import TEXML_PATH, Bind
from voiced.handover import Door, Elders, House
from voiced.handover.door import open_door_socket
from voiced.handover.elders import KNOWS_PATH
from voiced.handover.wire import Offered
from voiced.public.crowd import Crowd
from voiced.public.front_door import FrontDoor
from voiced.public.listeners import HttpEngine, Listener, address_of, serve_connections
from voiced.public.media_socket import MediaEndpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hypercorn.typing import ASGIFramework

    from voiced.config import Config
    from voiced.dashboard.behind import Dashboard
    from voiced.public.listeners import Stream, Tls
    from voiced.server.core import Core
    from voiced.server.surroundings import Surroundings
    from voiced.services.services import Services

MOST_STRANGERS, MOST_OF_ONE = 200, 100
"""Connections to the admin listener by which nobody has asked who may, in all and of one peer."""

MOST_OPERATORS = 500
"""The others there: far more than people and programs need, who would open ever more by a fault."""

_PUBLIC = (f"{Path(TEXML_PATH).parent}/", KNOWS_PATH)


class Doors:
    """All that a daemon listens on.

    Attributes:
        house: what a newer process has made of us.
        asked_to_drain: set by `POST /drain`: new calls are refused already.
    """

    def __init__(
        self,
        config: Config,
        core: Core,
        services: Services,
        elders: Elders,
        listeners: Mapping[str, Listener],
        around: Surroundings,
        dashboard: Dashboard,
        wall_clock: Callable[[], float],
    ) -> None:
        """Listen on nothing before `open`."""
        self.asked_to_drain = trio.Event()
        self._config = config
        self._core = core
        self._listeners = listeners
        self._directory = around.directory
        self._dashboard = dashboard
        self._accepting = {name: trio.CancelScope() for name in listeners}
        self._make_admin = partial(
            make_admin_app,
            core.switchboard,
            core.dialer,
            services.records,
            services.index,
            services.metrics,
            outbox=services.outbox,
            drain=self._drain,
            wall_clock=wall_clock,
        )
        self._admin = HttpEngine(
            self._make_admin(elders, dashboard, token=config.admin.token.get_secret_value())
        )
        self._strangers = Crowd(MOST_STRANGERS, MOST_OF_ONE, most_known=MOST_OPERATORS)
        self.house = House(
            {Offered(name=name, bind=one.bind): one.socket for name, one in listeners.items()},
            self._stop_accepting,
            around.on_leave,
        )

    def _drain(self) -> None:
        self._core.switchboard.refuse_new_calls()
        self.asked_to_drain.set()

    def _stop_accepting(self) -> None:
        for scope in self._accepting.values():
            scope.cancel()

    async def open(self, servers: trio.Nursery) -> None:
        """Listen, by tasks of `servers`."""
        server = self._config.server
        tls = (server.tls_certificate, server.tls_key) if server.tls_certificate else None
        await servers.start(self._serve_public, tls)
        await servers.start(
            serve_connections,
            self._listeners["admin"],
            self._serve_operator,
            None,
            self._accepting["admin"],
        )
        servers.start_soon(self._wind_down, name="wind down")
        if self._directory is not None:
            await servers.start(self._serve_newer, self._directory)

    async def _serve_public(
        self, tls: Tls | None, *, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED
    ) -> None:
        front = FrontDoor(self._core.app, self._core.media)
        await serve_connections(
            self._listeners["public"],
            front.handle,
            tls,
            self._accepting["public"],
            task_status=task_status,
        )
        self.house.has_nobody_at_the_door.set()

    async def _serve_operator(self, stream: Stream) -> None:
        with self._strangers.join(address_of(stream)) as guest:
            await self._admin.serve(stream, guest.leave)

    async def _wind_down(self) -> None:
        """Let operators' connections go to the process that has taken over."""
        await self.house.has_left.wait()
        self._dashboard.audience.dismiss()
        await self._admin.wind_down()

    async def _serve_newer(
        self, directory: Path, *, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve newer processes at our Unix socket until cancelled."""
        alone = Elders()
        app = _either(
            self._core.make_elder_app(), self._make_admin(alone, token="", only_known=True)
        )
        front = FrontDoor(app, MediaEndpoint(self._core.switchboard, alone))
        door = Door(self.house, front.serve)
        with open_door_socket(directory) as listening:
            listener = Listener(listening, Bind(host=str(directory), port=0), str(directory))
            await serve_connections(listener, door.handle, task_status=task_status)


def _either(public: ASGIFramework, admin: ASGIFramework) -> ASGIFramework:
    async def app(
        scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        is_public = scope.get("path", "").startswith(_PUBLIC)
        await (public if is_public else admin)(scope, receive, send)

    return app
