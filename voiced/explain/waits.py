"""How long callers waited for answers, and for silence, as tables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from voiced.record.latency import PARTS
from voiced.record.percentiles import spread_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from voiced.record.percentiles import Spread

LEAST_S = 0.005
"""What is shorter prints as nothing, and is left out."""

Waits: TypeAlias = "Sequence[Mapping[str, float]]"
"""Of each answer, the fields of `voiced.record.latency.Latency` in seconds, as in records."""


def spreads(waits: Waits) -> dict[str, Spread]:
    """Return how the whole waits ("total") lie, and each of their parts; {} if there are none."""
    whole = spread_of(sum(wait.values()) for wait in waits)
    if whole is None:
        return {}
    found = {"total": whole}
    for part in PARTS:
        spread = spread_of(wait.get(f"{part}_s", 0.0) for wait in waits)
        if spread is not None:
            found[part] = spread
    return found


def wait_table(waits: Waits) -> Iterator[str]:
    """Yield the lines of a table of percentiles; none if there were no waits."""
    yield from _table("waits, s", spreads(waits))


def interruption_spreads(barge_ins: Sequence[Mapping[str, Any]]) -> dict[str, Spread]:
    """Return how long callers who spoke over the agent still heard him, as records tell of it.

    Returns:
        how the times lie from the beginning of their voice until `clear` was "cleared", and until
            their buffer was known to be "silent"; without what was never known.
    """
    found = {}
    for name, key in (("cleared", "cleared_after_s"), ("silent", "silenced_after_s")):
        spread = spread_of(one[key] for one in barge_ins if one.get(key) is not None)
        if spread is not None:
            found[name] = spread
    return found


def interruption_table(barge_ins: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table of percentiles; none if nobody interrupted."""
    yield from _table("interruptions, s", interruption_spreads(barge_ins))


def _table(title: str, found: Mapping[str, Spread]) -> Iterator[str]:
    if not found:
        return
    yield f"{title:17}{'p50':>5}{'p95':>7}{'p99':>7}{'longest':>9}"
    for name, spread in found.items():
        if name == "total" or spread.most >= LEAST_S:
            figures = f"{spread.p50:7.2f}{spread.p95:7.2f}{spread.p99:7.2f}{spread.most:9.2f}"
            yield f"  {name.replace('_', '-'):13}{figures}"
