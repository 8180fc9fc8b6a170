"""Fills the figures of the day with calls of an earlier daemon, from the index. A task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import trio

from voiced.dashboard.day import HOURS
from voiced.errors import IndexUnavailable
from voiced.index import CallQuery
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.dashboard.day import Day
    from voiced.index import CallIndex

log = get_logger(__name__)

AT_ONCE = 100
"""Calls that are taken in one step: about a millisecond."""

MOST_CALLS = 20_000

LIMIT_S = 30.0
"""For one page; the index may be busy with what it has missed."""


async def recall_yesterday(day: Day, index: CallIndex, unix: float) -> None:
    """Count in `day` the calls that its instance held before now, which is `unix` time."""
    now = trio.current_time()
    started = datetime.fromtimestamp(unix, UTC)
    query = CallQuery(
        state="ended",
        since=(started - timedelta(hours=HOURS)).isoformat(),
        until=started.isoformat(),
        instance=index.instance,
        limit=AT_ONCE,
    )
    for _ in range(MOST_CALLS // AT_ONCE):
        try:
            with trio.fail_after(LIMIT_S):
                page = await index.search(query)
        except (IndexUnavailable, trio.TooSlowError) as error:
            log.warning("figures of the day begin with this start", reason=str(error))
            return
        for call in page.calls:
            _count(day, call, now - unix)
        if page.next is None:
            return
        query = query.model_copy(update={"after": page.next})


def _count(day: Day, call: Mapping[str, Any], offset: float) -> None:
    begun = datetime.fromisoformat(call["started_at"]).timestamp()
    at = begun + (call.get("duration_s") or 0.0) + offset
    day.ended((call.get("end") or {}).get("reason") or "unknown", at)
    day.waited(call.get("waits_s") or (), at)
