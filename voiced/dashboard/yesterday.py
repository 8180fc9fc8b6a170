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
    from collections.abc import Callable, Mapping

    from voiced.dashboard.day import Day
    from voiced.index import CallIndex

log = get_logger(__name__)

AT_ONCE = 100
"""Calls that are taken in one step: about a millisecond."""

MOST_CALLS = 20_000

LIMIT_S = 30.0
"""For one page; the index may be busy with what it has missed."""


class Yesterday:
    """The calls of earlier processes, which the board is not told of.

    They are those that began before we did. Some may live then: a process that we have taken over
    from keeps its calls to their end.
    """

    def __init__(self, day: Day, index: CallIndex, wall_clock: Callable[[], float]) -> None:
        """Count in `day` what `index` has of our own instance."""
        self._day = day
        self._index = index
        self._wall_clock = wall_clock
        self._began = wall_clock()
        self._seen_until = float("-inf")

    async def recall(self) -> None:
        """Count those that have ended since this was asked last; at first, those of a day."""
        now, unix = trio.current_time(), self._wall_clock()
        since, self._seen_until = self._seen_until, unix
        started = datetime.fromtimestamp(self._began, UTC)
        query = CallQuery(
            state="ended",
            since=(started - timedelta(hours=HOURS)).isoformat(),
            until=started.isoformat(),
            instance=self._index.instance,
            limit=AT_ONCE,
        )
        for _ in range(MOST_CALLS // AT_ONCE):
            try:
                with trio.fail_after(LIMIT_S):
                    page = await self._index.search(query)
            except (IndexUnavailable, trio.TooSlowError) as error:
                log.warning("figures of the day lack earlier calls", reason=str(error))
                return
            for call in page.calls:
                ended = _ended(call)
                if since < ended <= unix:
                    _count(self._day, call, ended + now - unix)
            if page.next is None:
                return
            query = query.model_copy(update={"after": page.next})


def _ended(call: Mapping[str, Any]) -> float:
    """Return when a call ended, unix time."""
    begun = datetime.fromisoformat(call["started_at"]).timestamp()
    return begun + float(call.get("duration_s") or 0.0)


def _count(day: Day, call: Mapping[str, Any], at: float) -> None:
    day.ended((call.get("end") or {}).get("reason") or "unknown", at)
    day.waited(call.get("waits_s") or (), at)
