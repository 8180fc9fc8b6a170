"""`voiced calls` with filters: which calls are asked for, and who is asked for them.

The running daemon is asked; where none answers, the index itself, beside the records. So a list of
past calls can be had while the daemon is down.
"""

from __future__ import annotations

import os
import platform
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import trio

from voiced.config import load_records, load_server
from voiced.errors import BadRequest, DaemonUnreachable, IndexUnavailable
from voiced.index import CallQuery, open_index
from voiced.progress import Progress
from voiced.switchboard.call_request import read_request

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from voiced.config import RecordsConfig
    from voiced.index import CallIndex, Page
    from voiced.remote.client import AdminClient

FILTERS = (
    "reason",
    "outcome",
    "number",
    "since",
    "until",
    "line",
    "direction",
    "instance",
    "min_duration_s",
    "text",
    "limit",
    "after",
)

_AGO = re.compile(r"(\d{1,5})(m|h|d)")
_UNITS_S = {"m": 60, "h": 3600, "d": 86400}

INDEX_LIMIT_S = 120.0
"""For an index that has to be made of the records first."""


def query_of(arguments: argparse.Namespace, now: datetime) -> CallQuery | None:
    """Return which calls a command line asks for; None for those of the running daemon.

    Raises:
        BadRequest: a filter is faulty.
    """
    given = {name: getattr(arguments, name) for name in FILTERS}
    given = {name: value for name, value in given.items() if value is not None}
    state = "ended" if arguments.past else "any" if given or arguments.all else None
    if state is None:
        return None
    moments = {name: _moment(given[name], now) for name in ("since", "until") if name in given}
    try:
        return read_request(CallQuery, {"state": state} | given | moments)
    except BadRequest as error:
        faults = (_as_option(fault, given) for fault in str(error).split("; "))
        raise BadRequest("; ".join(faults)) from None


def _as_option(fault: str, given: Mapping[str, str]) -> str:
    """Return a field's fault as one of the command line: its option, what was given, what helps."""
    name, _, reason = fault.partition(": ")
    if name not in given:
        return fault
    option = "--lasted" if name == "min_duration_s" else f"--{name}"
    ago = ", or so long ago, like 2h or 3d" if name in ("since", "until") else ""
    return f"{option} {given[name]}: {reason}{ago}"


def _moment(text: str, now: datetime) -> str:
    """Return the time that a text names; "2h" is two hours ago."""
    ago = _AGO.fullmatch(text)
    if ago is None:
        return text
    return (now - timedelta(seconds=int(ago[1]) * _UNITS_S[ago[2]])).isoformat()


async def find_calls(admin: AdminClient, query: CallQuery, config: Path | None) -> dict[str, Any]:
    """Return a page of calls as `GET /calls` has it, from the daemon or from the index.

    `config` is the configuration file, which says where records and index are.

    Raises:
        ConfigError: it cannot be used.
        AdminRefused, IndexUnavailable: the calls cannot be had.
        DaemonUnreachable: no daemon answers, and there are no records here.
    """
    try:
        return await admin.search(parameters_of(query))
    except DaemonUnreachable:
        records = load_records(config, os.environ)
        if not records.path.is_dir():
            raise
        instance = load_server(config, os.environ).instance or platform.node()
        page = await _ask_index(records, instance, query)
        return {"calls": page.calls, "next": page.next and str(page.next)}


def parameters_of(query: CallQuery) -> dict[str, str]:
    """Return a query as the parameters of a URL."""
    given = query.model_dump(exclude_unset=True)
    if query.after is not None:
        given["after"] = str(query.after)
    return {name: str(value) for name, value in given.items() if value is not None}


async def _ask_index(records: RecordsConfig, instance: str, query: CallQuery) -> Page:
    url = records.index.get_secret_value()
    try:
        with trio.fail_after(INDEX_LIMIT_S):
            async with open_index(
                records.path, url, trio.to_thread.run_sync, instance=instance
            ) as index:
                await _make_whole(index)
                return await index.search(query)
    except trio.TooSlowError:
        raise IndexUnavailable(f"the index of calls took over {INDEX_LIMIT_S:g} s") from None


async def _make_whole(index: CallIndex) -> None:
    """Wait until the index has what the daemon had no time to put there."""
    with Progress("indexing calls") as progress:
        await index.catch_up()
        while index.statistics().waiting:
            progress(f"{index.statistics().waiting} left")
            await index.catch_up()
