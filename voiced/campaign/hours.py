"""When people may be called: days and hours in a time zone. Pure; the time is an argument.

The hours are the list's and not each callee's: numbers of several time zones need several lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")

_HOURS = re.compile(
    r"(?P<days>[a-z,\s-]+?)\s+(?P<start>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingHours:
    """From `start` to before `end`, on `days` (0 is Monday), by the clocks of `zone`."""

    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo

    def next_open(self, now: float) -> float:
        """Return the first moment from `now` on at which calls may be placed; both unix seconds."""
        local = datetime.fromtimestamp(now, self.zone)
        for offset in range(9):  # a week, and a day that may be over
            day = local.date() + timedelta(days=offset)
            if day.weekday() not in self.days:
                continue
            opens = datetime.combine(day, self.start, self.zone).timestamp()
            closes = datetime.combine(day, self.end, self.zone).timestamp()
            if now < closes and opens < closes:
                return max(now, opens)
        raise AssertionError("there is a day with hours in every week")


def parse_hours(text: str, zone: str) -> CallingHours:
    """Read hours such as `mo-fr 9:00-18:00`, `sa,su 10:00-12:30`.

    Args:
        text: days and hours.
        zone: name in the time zone database, `Europe/Berlin`.

    Raises:
        ValueError: the text says what is wrong and what to write.
    """
    found = _HOURS.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} are no calling hours: write them as mo-fr 9:00-18:00")
    start, end = _clock(found["start"]), _clock(found["end"])
    if start >= end:
        raise ValueError(f"{text!r}: the end must be later than the start, on the same day")
    try:
        known = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is no known time zone: write one as Europe/Berlin") from None
    return CallingHours(days=frozenset(_days(found["days"])), start=start, end=end, zone=known)


def _clock(text: str) -> time:
    hour, minute = map(int, text.split(":"))
    try:
        return time(hour, minute)
    except ValueError:
        raise ValueError(f"{text} is no time of day from 0:00 to 23:59") from None


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = (word.strip() for word in part.partition("-"))
        for word in (first, last or first):
            if word not in DAYS:
                raise ValueError(f"{word!r} is no day: known are {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        yield from (day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1))
