"""Reload: calls that begin from now on get a configuration and providers that were opened anew.

Everything is read, checked and opened first, beside the running calls; only then does the
switchboard change over. If anything is wrong, nothing has happened but lines in the log.
Each staff is held open by a task of its own until the last call of its generation has ended.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import trio

from voiced.agent.base import DialogueAgent
from voiced.config.renewal import renewed
from voiced.errors import ConfigError, RecognizerFailed, VoicedError, leaves_of
from voiced.log import get_logger
from voiced.server.staff import open_staff
from voiced.services.generation import Generation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from voiced.config import Config
    from voiced.services.services import Staff
    from voiced.switchboard.switchboard import Switchboard

log = get_logger(__name__)

RELOAD_LIMIT_S = 60.0
"""For reading the file and opening the providers."""

CLOSE_LIMIT_S = 10.0
"""For closing the providers when the daemon stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hired:
    """Providers that are open until `over` is set."""

    staff: Mapping[str, Staff]
    over: trio.Event


class StaffRoom:
    """Holds staffs open, each until nobody uses it any more. Made by `open_staff_room`."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._hired: list[Hired] = []

    async def hire(self, config: Config) -> Hired:
        """Open who serves the lines of `config`; raises what the providers raise."""
        over = trio.Event()
        staff = await self._nursery.start(self._hold, config, over, name="staff")
        self._hired = [hired for hired in self._hired if not hired.over.is_set()]
        self._hired.append(Hired(staff=staff, over=over))
        return self._hired[-1]

    async def _hold(
        self, config: Config, over: trio.Event, *, task_status: trio.TaskStatus[Any]
    ) -> None:
        is_open = False
        try:
            async with AsyncExitStack() as stack:
                task_status.started(await open_staff(config, stack))
                is_open = True
                await over.wait()
        except* Exception:
            if not is_open:
                raise
            log.exception("providers not closed as they should be")

    def dismiss(self) -> None:
        """Close them all, whoever may still use them."""
        for hired in self._hired:
            hired.over.set()


@asynccontextmanager
async def open_staff_room() -> AsyncIterator[StaffRoom]:
    """Yield a staff room; at the end, by which calls have ended, all providers are closed."""
    async with trio.open_nursery() as nursery:
        room = StaffRoom(nursery)
        try:
            yield room
        finally:
            room.dismiss()
            nursery.cancel_scope.deadline = trio.current_time() + CLOSE_LIMIT_S


async def warm_up(staff: Mapping[str, Staff]) -> None:
    """Prepare the recognizers of a staff; where it fails, each call will find out itself."""
    for line, member in staff.items():
        agent = member.stand_in or member.agent
        if member.recognizer is not None and isinstance(agent, DialogueAgent):
            try:
                await member.recognizer.prepare(agent.vocabulary)
            except RecognizerFailed as failed:
                log.error("recognizer not ready", line=line, error=str(failed))


async def reload(
    switchboard: Switchboard, room: StaffRoom, as_read: Config, reread: Callable[[], Config]
) -> bool:
    """Let calls to come have what file and environment say now; False if that cannot be used.

    Args:
        switchboard: gets the next generation.
        room: opens its providers.
        as_read: the configuration with which the daemon was started.
        reread: reads and checks it anew, in a thread; raises ConfigError.
    """
    services = switchboard.generation.services
    fresh: tuple[Generation, list[str]] | None = None
    try:
        with trio.fail_after(RELOAD_LIMIT_S):
            read = await trio.to_thread.run_sync(reread, abandon_on_cancel=True)
            config, stale = renewed(services.config, as_read, read)
            hired = await room.hire(config)
            await warm_up(hired.staff)
        services = replace(services, config=config, staff=hired.staff)
        fresh = Generation(services, hired.over), stale
    except* VoicedError as group:
        for error in leaves_of(group):
            _refuse(error)
    except* trio.TooSlowError:
        log.error("reload refused, the old configuration stays", reason="it took too long")
    except* Exception:  # a provider's own fault must not end the calls of others
        log.exception("reload refused, the old configuration stays")
    if fresh is None:
        return False
    generation, stale = fresh
    switchboard.renew(generation)
    log.info("reloaded", live_calls=switchboard.n_calls)
    for key in stale:
        log.warning("changed, but stays as it was until a restart", key=key)
    return True


def _refuse(error: BaseException) -> None:
    if not isinstance(error, ConfigError):
        log.error("reload refused, the old configuration stays", reason=str(error))
        return
    for problem in error.problems:  # without its value, which may be anybody's number
        reason = f"{problem.reason} ({problem.remedy})" if problem.remedy else problem.reason
        log.error("reload refused, the old configuration stays", key=problem.key, reason=reason)
