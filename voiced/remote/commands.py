"""Does what the operator's commands ask for. IO."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import trio

from voiced.log import configure_logging
from voiced.remote.client import find_admin, open_admin
from voiced.remote.lists import call_the_list
from voiced.remote.options import order_of
from voiced.remote.past import find_calls, query_of
from voiced.remote.show import (
    call_table,
    milestone_of,
    news_of,
    past_table,
    webhook_table,
    went_well,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from voiced.leg.leg import Milestone
    from voiced.remote.client import AdminClient

MILESTONES: tuple[Milestone, ...] = ("placed", "answered", "ended")


def run(arguments: argparse.Namespace, config: Path | None, say: Callable[[str], None]) -> int:
    """Run one of `voiced.remote.options.COMMANDS`; returns the exit code.

    Args:
        arguments: of the command line.
        config: the daemon's configuration file; None for defaults.
        say: writes a line to stdout.

    Raises:
        ConfigError, BadRequest: what was given cannot be used.
        DaemonUnreachable, AdminRefused, CallListError: it failed.
    """
    where = find_admin(arguments.admin, config, os.environ)
    configure_logging("warning", "text")

    is_list = arguments.command == "call" and arguments.list is not None

    async def connected() -> int:
        async with open_admin(where, tells=not is_list) as admin:
            return await _run(admin, arguments, config, say)

    return trio.run(connected)


def ask_for_call(given: str | None, config: Path | None, call_id: str) -> dict[str, Any]:
    """Return what the running daemon knows of a call; `given` is its admin URL, if named.

    Raises:
        ConfigError: where it listens cannot be found out.
        DaemonUnreachable, AdminRefused: it cannot be asked, or knows no such call.
    """
    where = find_admin(given, config, os.environ)

    async def connected() -> dict[str, Any]:
        async with open_admin(where) as admin:
            return await admin.call(call_id)

    return trio.run(connected)


async def _run(
    admin: AdminClient,
    arguments: argparse.Namespace,
    config: Path | None,
    say: Callable[[str], None],
) -> int:
    match arguments.command:
        case "call" if arguments.list is not None:
            return 0 if await call_the_list(admin, arguments, say) else 1
        case "call":
            return await _call(admin, arguments, say)
        case "calls":
            await _calls(admin, arguments, config, say)
        case "hangup":
            answer = await admin.hang_up(arguments.id)
            _tell(arguments, say, answer, f"{answer['id']}  hanging up")
        case "transfer":
            answer = await admin.transfer(arguments.id, arguments.to)
            _tell(arguments, say, answer, f"{answer['id']}  transferring")
        case "webhooks" if arguments.retry:
            answer = await admin.retry_webhook(arguments.retry)
            _tell(arguments, say, answer, f"{answer['id']}  sent again")
        case "webhooks":
            webhooks = await admin.webhooks()
            _tell(arguments, say, {"webhooks": webhooks}, *webhook_table(webhooks))
        case "drain":
            answer = await admin.drain()
            n = answer["calls"]
            _tell(arguments, say, answer, f"draining, {n} call{'' if n == 1 else 's'} up")
        case unknown:
            raise AssertionError(unknown)
    return 0


def _tell(
    arguments: argparse.Namespace, say: Callable[[str], None], answer: Any, *lines: str
) -> None:
    for line in (json.dumps(answer, ensure_ascii=False),) if arguments.json else lines:
        say(line)


async def _calls(
    admin: AdminClient,
    arguments: argparse.Namespace,
    config: Path | None,
    say: Callable[[str], None],
) -> None:
    now = datetime.now(UTC)
    query = query_of(arguments, now)
    if query is None:
        calls = await admin.calls()
        _tell(arguments, say, {"calls": calls}, *call_table(calls, now))
    else:
        page = await find_calls(admin, query, config)
        _tell(arguments, say, page, *past_table(page["calls"], page["next"]))


async def _call(
    admin: AdminClient, arguments: argparse.Namespace, say: Callable[[str], None]
) -> int:
    """Place one call and follow it as far as was asked for."""
    wanted = cast("Milestone", arguments.wait or "placed")
    call = await admin.place(order_of(arguments, arguments.number, {}, arguments.key or ""))
    told = None
    for milestone in MILESTONES[: MILESTONES.index(wanted) + 1]:
        while not _has_come(call, milestone):
            if not arguments.json and news_of(call) != told:
                told = news_of(call)
                say(told)
            call = await admin.call(call["id"], milestone)
    _tell(arguments, say, call, news_of(call))
    return 0 if went_well(call, wanted) else 1


def _has_come(call: dict[str, Any], milestone: Milestone) -> bool:
    reached = milestone_of(call)
    return reached is not None and MILESTONES.index(reached) >= MILESTONES.index(milestone)
