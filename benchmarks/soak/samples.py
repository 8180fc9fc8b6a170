"""What is measured while no call is up, and what may not have grown. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REMEMBERED = frozenset({"Directory._ended", "Deduplicator._first_seen", "Dialer._orders"})
"""What ended calls leave on purpose: each has its limit (10,000), and a test of that."""

_OF_ORDERS = (
    "CallRequest.",
    "Placement.",
    "voiced.switchboard.call_request.CallRequest",
    "voiced.switchboard.dialer.Placement",
)
"""What the dialer remembers of an order."""

RSS_GROWTH_MB = 8.0
"""What allocators may take beyond the warm-up; a leak of one frame a call would be past it soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a daemon at rest.

    Attributes:
        at_s: since the beginning, on the clock of the run.
        calls: that have ended so far.
        rss_mb: memory of the process (virtual), or that is the process tree's own (real).
        threads, descriptors: of the process.
        objects: instances of the daemon's own classes, by class.
        tasks: by name.
        entries: of the daemon's tables.
        processes: of the tree.
    """

    at_s: float
    calls: int
    rss_mb: float
    threads: int
    descriptors: int
    objects: Mapping[str, int] = field(default_factory=dict)
    tasks: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    processes: int = 1

    def line(self) -> str:
        """Return it as a row of a table."""
        at = f"{self.at_s / 3600:.2f} h" if self.at_s >= 3600 else f"{self.at_s:.0f} s"
        figures = [
            at,
            self.calls,
            f"{self.rss_mb:.1f}",
            self.descriptors,
            self.threads,
            self.processes,
        ]
        if self.tasks:
            figures += [_held(self.objects), sum(self.tasks.values()), _held(self.entries)]
            figures += [sum(self.entries.get(name, 0) for name in REMEMBERED)]
        return "| " + " | ".join(str(figure) for figure in figures) + " |"


def _is_remembered(name: str) -> bool:
    return name in REMEMBERED or name.startswith(_OF_ORDERS)


def _held(counts: Mapping[str, int]) -> int:
    return sum(n for name, n in counts.items() if not _is_remembered(name))


HEAD = ["after", "calls", "RSS, MB", "descriptors", "threads", "processes"]
INSIDE_HEAD = [*HEAD, "our objects", "tasks", "entries", "remembered ids"]


def table(samples: Sequence[Sample]) -> str:
    """Return the samples as Markdown."""
    head = INSIDE_HEAD if samples and samples[0].tasks else HEAD
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*rows, *(sample.line() for sample in samples)])


def growth(samples: Sequence[Sample], *, rss_growth_mb: float = RSS_GROWTH_MB) -> list[str]:
    """Return what has grown from the first sample, taken when all was warm, to the last.

    Returns:
        One sentence for each; an empty list if all is well.
    """
    first, last = samples[0], samples[-1]
    found = []
    for what in ("threads", "descriptors", "processes"):
        before, after = getattr(first, what), getattr(last, what)
        if after > before:
            found.append(f"{what}: {before} at first, {after} at last")
    for what in ("objects", "tasks", "entries"):
        grown = Counter(getattr(last, what)) - Counter(getattr(first, what))
        found += [
            f"{what}: {n} more of {name}"
            for name, n in sorted(grown.items())
            if not _is_remembered(name)
        ]
    more_mb = last.rss_mb - first.rss_mb
    if more_mb > rss_growth_mb:
        calls = max(1, last.calls - first.calls)
        found.append(f"memory: {more_mb:.1f} MB more, {more_mb * 1000 / calls:.1f} kB a call")
    return found
