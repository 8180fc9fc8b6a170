"""The last day in figures: how calls ended and how long callers waited. Pure.

Kept in buckets of an hour, so that it takes the same room whatever the traffic. Times are seconds
of any one clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HOURS = 24

STEP_S = 0.01
"""How finely waits are kept."""

_LONGEST_S = 30.0


@dataclass(slots=True)
class _Hour:
    reasons: Counter[str] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """What the day comes to; percentiles in seconds, None where nobody waited."""

    n_calls: int
    reasons: tuple[tuple[str, int], ...]
    n_waits: int
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None


class Day:
    """Counts."""

    def __init__(self) -> None:
        self._hours: dict[int, _Hour] = {}

    def ended(self, reason: str, at: float) -> None:
        """Count a call that ended."""
        self._hour(at).reasons[reason] += 1

    def waited(self, seconds: Iterable[float], at: float) -> None:
        """Count the waits for some answers."""
        waits = self._hour(at).waits
        for wait_s in seconds:
            waits[round(min(max(wait_s, 0.0), _LONGEST_S) / STEP_S)] += 1

    def figures(self, now: float) -> DayFigures:
        """Return what the last `HOURS` hours come to, the present one included."""
        reasons: Counter[str] = Counter()
        waits: Counter[int] = Counter()
        for hour in self._kept(now):
            reasons.update(hour.reasons)
            waits.update(hour.waits)
        n_waits = waits.total()
        return DayFigures(
            n_calls=reasons.total(),
            reasons=tuple(reasons.most_common()),
            n_waits=n_waits,
            p50_s=_percentile(waits, n_waits, 0.50),
            p90_s=_percentile(waits, n_waits, 0.90),
            p99_s=_percentile(waits, n_waits, 0.99),
        )

    def _hour(self, at: float) -> _Hour:
        number = int(at // 3600)
        if number not in self._hours:
            self._hours[number] = _Hour()
            newest = max(self._hours)
            for old in [n for n in self._hours if n <= newest - HOURS]:
                del self._hours[old]
        return self._hours.get(number) or _Hour()  # older than a day: counts for nothing

    def _kept(self, now: float) -> list[_Hour]:
        this = int(now // 3600)
        return [hour for number, hour in self._hours.items() if this - HOURS < number <= this]


def _percentile(waits: Counter[int], n_waits: int, share: float) -> float | None:
    """Return the least wait that `share` of all do not exceed."""
    passed = 0
    for step in sorted(waits):
        passed += waits[step]
        if passed >= share * n_waits:
            return round(step * STEP_S, 2)
    return None
