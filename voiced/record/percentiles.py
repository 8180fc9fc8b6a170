"""Percentiles of a few values: waits of one call, or of one day. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How `n` values lie: half of them at most `p50`, 95 of 100 at most `p95`; the `most`."""

    n: int
    p50: float
    p95: float
    p99: float
    most: float


def spread_of(values: Iterable[float]) -> Spread | None:
    """Return how values lie; None if there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    return Spread(
        n=len(ordered),
        p50=_percentile(ordered, 0.50),
        p95=_percentile(ordered, 0.95),
        p99=_percentile(ordered, 0.99),
        most=ordered[-1],
    )


def _percentile(ordered: list[float], share: float) -> float:
    """Return the value below which `share` (0..1) lies; between two values, what lies between."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
