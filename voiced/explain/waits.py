"""How long callers waited for answers, and for whom, as a table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

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
    found = spreads(waits)
    if not found:
        return
    yield f"{'waits, s':15}{'p50':>7}{'p95':>7}{'p99':>7}{'longest':>9}"
    for name, spread in found.items():
        if name == "total" or spread.most >= LEAST_S:
            figures = f"{spread.p50:7.2f}{spread.p95:7.2f}{spread.p99:7.2f}{spread.most:9.2f}"
            yield f"  {name.replace('_', '-'):13}{figures}"
