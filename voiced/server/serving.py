"""`voiced serve`: the daemon from its start to its end, as signals and systemd would have it.

* SIGTERM, SIGINT, `POST /drain`: new calls are refused, live ones may end by themselves within
  `[call] drain_timeout_s`, the rest hear the apology; then it ends. A second signal hurries.
* SIGHUP: the configuration is read anew, for calls to come.
* SIGUSR2: another process is started from what is installed now, and takes over. This one ends
  when its last call has ended (`voiced.handover`).
"""

from __future__ import annotations

import gc
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from voiced.handover import Elders
from voiced.handover.bequest import leave_bequest
from voiced.leg.goodbye import speaking_limit_s
from voiced.leg.leg import EndReason
from voiced.log import get_logger
from voiced.loop.stalls import StallLog
from voiced.server.core import CLOSE_LIMIT_S
from voiced.server.daemon import open_daemon
from voiced.server.renewal import reload
from voiced.server.succession import Succession, sockets_given
from voiced.server.supervisor import Supervisor
from voiced.server.surroundings import Surroundings
from voiced.server.watchdog import feed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from voiced.config import Config
    from voiced.loop.lag import Idle
    from voiced.loop.stalls import StallWatch
    from voiced.server.daemon import Daemon

log = get_logger(__name__)

STATUS_INTERVAL_S = 2.0

STOPPING_S = 75.0
"""What the end may take once calls need no more time: their goodbyes, last webhooks, providers."""

LAST_CONNECTIONS_S = 15.0
"""For connections that were accepted before a handover, and are silent: more than their limit. And
for the next process, where the one that had taken over has died."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


async def serve(
    config: Config,
    reread: Callable[[], Config] | None = None,
    watch: StallWatch | None = None,
    idle: Idle | None = None,
) -> None:
    """Serve until a signal or `POST /drain` ends it, or another process has taken over.

    Args:
        config: with which to begin.
        reread: reads and checks the configuration anew, for SIGHUP; raises ConfigError.
        watch: tells of steps that held the loop up.
        idle: knows how long the loop has had nothing to do.

    Raises:
        StartupError: the daemon cannot start.
    """
    supervisor = Supervisor(os.environ)
    around = Surroundings(
        directory=_meeting_place(config),
        sockets=sockets_given(os.environ),
        on_leave=supervisor.successor,
        idle=idle,
    )
    with trio.open_signal_receiver(*SIGNALS) as signals:
        async with open_daemon(config, surroundings=around) as daemon:
            if watch is not None:
                # Not before: what is loaded at start holds nobody up.
                watch.tell_also(daemon.metrics.stalled)
                watch.tell_also(StallLog())
            _say_ready(config, daemon)
            supervisor.ready()
            ending = _Ending(daemon)
            renewal = _Renewal(daemon, config, reread or (lambda: config), supervisor)
            succession = Succession(daemon.house, can_meet=around.directory is not None)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    partial(_obey, signals, ending, renewal, succession), name="signals"
                )
                nursery.start_soon(_spare_the_collector, daemon.warm)
                nursery.start_soon(_report, daemon, supervisor)
                nursery.start_soon(renewal.run, name="reload")
                nursery.start_soon(succession.run, name="succession")
                await ending.begun()
                if not daemon.house.has_left.is_set():
                    supervisor.stopping()
                await ending.run()
                if daemon.house.has_left.is_set() and around.directory is not None:
                    leave_bequest(around.directory, daemon.metrics.render(alone=True))
                nursery.cancel_scope.cancel()
    log.info("stopped")


def _meeting_place(config: Config) -> Path | None:
    """Return the directory where processes meet: configured, or made by systemd."""
    place = config.server.handover_path or os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(place) if place else None


async def _obey(
    signals: AsyncIterator[int], ending: _Ending, renewal: _Renewal, succession: Succession
) -> None:
    async for sign in signals:
        match sign:
            case signal.SIGHUP:
                renewal.wanted.set()
            case signal.SIGUSR2:
                succession.wanted.set()
            case _:
                ending.signalled()


class _Ending:
    """How the daemon ends, once it is asked to, or another process has taken over."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._n_signals = 0
        self._limit = trio.CancelScope()
        self._hurry = trio.CancelScope()

    def signalled(self) -> None:
        """Drain at the first signal, as `POST /drain` may have done already; hurry at the next."""
        self._n_signals += 1
        if self._n_signals == 1:
            self._daemon.asked_to_drain.set()
        else:
            log.info("second signal: ending at once")
            self._hurry.cancel()

    async def begun(self) -> None:
        """Wait until it must end."""
        async with trio.open_nursery() as nursery:
            for event in (self._daemon.asked_to_drain, self._daemon.house.has_left):
                nursery.start_soon(_cancel_at, event, nursery.cancel_scope)

    async def run(self) -> None:
        """Let calls end: soon if we drain, in their own time if another process has taken over."""
        daemon = self._daemon
        # Those before us are told by the one that has taken over, if there is one.
        elders = Elders() if daemon.house.has_left.is_set() else daemon.elders
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_at, daemon.house.must_hurry, self._hurry)
            nursery.start_soon(self._keep_limit, elders)
            with self._hurry:
                await self._let_calls_end()
                await elders.all_gone()
            if self._hurry.cancelled_caught:
                await elders.hurry()
                with trio.move_on_after(CLOSE_LIMIT_S):
                    await daemon.switchboard.close()
                    await elders.all_gone()
            nursery.cancel_scope.cancel()

    async def _keep_limit(self, elders: Elders) -> None:
        """Set the limit once there is one: at once when we drain."""
        daemon, call = self._daemon, self._daemon.switchboard.config.call
        limit_s = call.drain_timeout_s
        async with trio.open_nursery() as nursery:
            for event in (daemon.asked_to_drain, daemon.house.must_end):
                nursery.start_soon(_cancel_at, event, nursery.cancel_scope)
        if not daemon.asked_to_drain.is_set():
            limit_s = daemon.house.limit_s
        log.info("draining", calls=daemon.switchboard.n_calls, limit_s=limit_s)
        self._limit.deadline = trio.current_time() + limit_s
        await elders.drain(limit_s)

    async def _let_calls_end(self) -> None:
        """Wait for the live calls; those that take too long are ended with an apology."""
        switchboard, call = self._daemon.switchboard, self._daemon.switchboard.config.call
        with self._limit:
            if self._daemon.house.has_left.is_set():
                await self._end_as_elder()
            else:
                await switchboard.drain()
            return
        log.warning("drain limit reached", calls=switchboard.n_calls)
        switchboard.end_all(EndReason.DRAIN_LIMIT, "[call] drain_timeout_s is over")
        with trio.move_on_after(speaking_limit_s(call.apology) + call.goodbye_timeout_s):
            await switchboard.drain()

    async def _end_as_elder(self) -> None:
        """Wait for the last call, refusing none: one may be in a connection accepted before."""
        daemon = self._daemon
        await daemon.dialer.run_dry()
        await daemon.switchboard.all_ended()
        with trio.move_on_after(LAST_CONNECTIONS_S):
            await daemon.house.has_nobody_at_the_door.wait()
            await daemon.house.taken.wait()  # not at once if the one that had taken over died
        await daemon.switchboard.all_ended()


async def _cancel_at(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


class _Renewal:
    """Reloads when it is wanted, one time after the other."""

    def __init__(
        self,
        daemon: Daemon,
        as_read: Config,
        reread: Callable[[], Config],
        supervisor: Supervisor,
    ) -> None:
        self.wanted = trio.Event()
        self._daemon = daemon
        self._as_read = as_read
        self._reread = reread
        self._supervisor = supervisor

    async def run(self) -> None:
        """Reload until cancelled."""
        while True:
            await self.wanted.wait()
            self.wanted = trio.Event()
            self._supervisor.reloading(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
            await reload(self._daemon.switchboard, self._daemon.room, self._as_read, self._reread)
            self._supervisor.ready()


async def _spare_the_collector(warm: trio.Event) -> None:
    """Leave what was loaded at start out of garbage collection.

    A full collection looks at every object, and no call is served meanwhile. The 83,000 objects of
    the libraries never become garbage: with them it took 57 ms, without them nothing measurable.
    """
    await warm.wait()
    gc.collect()
    gc.freeze()


async def _report(daemon: Daemon, supervisor: Supervisor) -> None:
    """Feed the watchdog and tell the status, until another process is the service."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tell_status, daemon, supervisor)
        nursery.start_soon(feed, supervisor, daemon.admin.address)
        await daemon.house.has_left.wait()
        nursery.cancel_scope.cancel()


async def _tell_status(daemon: Daemon, supervisor: Supervisor) -> None:
    """Keep the line of `systemctl status` true, within some seconds.

    While we drain it is asked for patience, too, however long calls may take.
    """
    told = ""
    while supervisor.listens:
        n_calls = daemon.switchboard.n_calls
        state = "draining, " if daemon.switchboard.is_draining else ""
        text = f"{state}{n_calls} live call{'' if n_calls == 1 else 's'}"
        if daemon.elders:
            text += f"; older processes that end theirs: {len(daemon.elders)}"
        if text != told:
            supervisor.status(text)
            told = text
        if daemon.switchboard.is_draining:
            supervisor.needs_time(STOPPING_S)
        await trio.sleep(STATUS_INTERVAL_S)


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
