"""`voiced call --list`: the calls of a list, placed by the running daemon.

An order may be sent again with its key as often as need be: the daemon makes one call of it. So a
daemon that is busy, or away for a moment, delays a list; and one that places no calls ends it, with
nobody marked as called who was not.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import trio

from voiced.campaign import DEFAULT_RETRIES, Limits, call_list, parse_hours
from voiced.errors import (
    AdminRefused,
    BadRequest,
    ConfigError,
    DaemonUnreachable,
    NotPlaced,
    OutcomeUnknown,
    Problem,
)
from voiced.leg.leg import EndReason
from voiced.remote.options import order_of
from voiced.switchboard.call_request import ref_of_key
from voiced.telnyx.outcome import Outcome

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from voiced.remote.client import AdminClient

PATIENCE_S = 30.0
"""For a daemon that is away: it may be starting again."""

PAUSE_S = 1.0

WALL_CLOCK = time.time  # noqa: TID251  # the list's own source of wall time

_TOO_MANY = 429


async def call_the_list(
    admin: AdminClient, arguments: argparse.Namespace, say: Callable[[str], None]
) -> bool:
    """Call the list that the command line names; return whether it is done.

    Raises:
        ConfigError: the hours cannot be read.
        CallListError: the list, or its progress, cannot be used.
    """
    placer = Placer(admin, partial(order_of, arguments))
    return await call_list(
        arguments.list,
        _limits(arguments),
        placer.place,
        wall=WALL_CLOCK,
        say=say,
        state_file=arguments.state,
        ask=placer.ask,
    )


def _limits(arguments: argparse.Namespace) -> Limits:
    try:
        hours = parse_hours(arguments.hours, arguments.zone or "UTC") if arguments.hours else None
    except ValueError as error:
        raise ConfigError([Problem(key="--hours", value="", reason=str(error))]) from None
    return Limits(
        at_once=arguments.concurrency or 1,
        per_s=arguments.per_second or 1.0,
        hours=hours,
        retries={} if arguments.once else DEFAULT_RETRIES,
    )


class Placer:
    """Places the calls of a list. Fits `voiced.campaign.Place` and `voiced.campaign.Ask`."""

    def __init__(
        self,
        admin: AdminClient,
        make_order: Callable[[str, Mapping[str, str], str], dict[str, Any]],
    ) -> None:
        """Send what `make_order` makes of number, variables and key."""
        self._admin = admin
        self._make_order = make_order

    async def place(self, number: str, variables: Mapping[str, str], key: str) -> Outcome:
        """Place a call and return what came of it.

        Raises:
            NotPlaced: nobody was called.
            OutcomeUnknown: somebody may have been.
        """
        order = {**self._make_order(number, variables, key), "wait": "ended"}
        try:
            call = await self._patiently(lambda: self._admin.place(order))
        except (AdminRefused, BadRequest) as refused:
            raise NotPlaced(str(refused)) from refused
        except DaemonUnreachable as away:
            error = OutcomeUnknown if away.was_asked else NotPlaced
            raise error(str(away)) from away
        return await self._outcome(call)

    async def ask(self, key: str) -> Outcome | None:
        """Return what came of the call of an earlier run, None if nobody knows."""
        try:
            ref = ref_of_key(key)
            return await self._outcome(await self._patiently(lambda: self._admin.call(ref)))
        except (AdminRefused, DaemonUnreachable, NotPlaced, OutcomeUnknown):
            return None

    async def _outcome(self, call: dict[str, Any]) -> Outcome:
        """Wait for the end of a call, and return what came of it."""
        ref = call["id"]
        while call["state"] != "ended":
            try:
                call = await self._patiently(lambda: self._admin.call(ref, "ended"))
            except (AdminRefused, DaemonUnreachable) as away:
                raise OutcomeUnknown(str(away)) from away
        end = call["end"] or {}
        if call["outcome"] is None:
            raise OutcomeUnknown(f"what came of a call is not known: {end.get('evidence')}")
        outcome = Outcome(call["outcome"])
        by_hand = end.get("reason") == EndReason.OPERATOR_HUNG_UP.value
        if outcome is Outcome.CANCELLED and call["started_at"] is None and not by_hand:
            raise NotPlaced(str(end.get("evidence")))
        return outcome

    async def _patiently(self, ask: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Ask again while the daemon is full, for as long as it takes, or away, for some time."""
        was_asked = False
        away_until = trio.current_time() + PATIENCE_S
        while True:
            try:
                return await ask()
            except AdminRefused as refused:
                if refused.status != _TOO_MANY:
                    raise
                away_until = trio.current_time() + PATIENCE_S
            except DaemonUnreachable as away:
                was_asked = away.was_asked = was_asked or away.was_asked
                if trio.current_time() >= away_until:
                    raise
            await trio.sleep(PAUSE_S)
