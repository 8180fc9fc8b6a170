"""What the processes before us count, and have counted, added to what we count. Pure.

While a newer process takes over, the older ones keep their calls to their end, and nobody but the
newer one is asked by Prometheus. So it asks them, adds what they tell, and keeps the counts of
those that have ended: to Prometheus a handover is no new beginning, and no call's end is missing.
Gauges are ours alone, but for the calls that live.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

_OURS = "voiced_"
_LASTING = frozenset({"counter", "histogram"})
_SHARED_GAUGES = frozenset({"voiced_calls"})

_Labels: TypeAlias = tuple[tuple[str, str], ...]
_Counts: TypeAlias = dict[str, dict[tuple[str, _Labels], float]]
"""By family, then by sample and labels."""


class Inheritance:
    """The counts of older processes; each goes by a name of its own."""

    def __init__(self) -> None:
        self._alive: dict[str, str] = {}
        self._left: _Counts = defaultdict(dict)

    def tell(self, who: str, scrape: str) -> None:
        """Take what a process that lives tells now, in Prometheus' text format."""
        self._alive[who] = scrape

    def leave(self, who: str, scrape: str | None) -> None:
        """Keep what a process has counted that has ended; None: what it told last."""
        told = self._alive.pop(who, "")
        _add(self._left, told if scrape is None else scrape, live=False)

    def added_to(self, families: Iterable[Metric], *, alone: bool) -> Iterator[Metric]:
        """Yield our families with theirs added; `alone`: without those that live.

        The families are changed.
        """
        counts: _Counts = defaultdict(dict, {name: dict(n) for name, n in self._left.items()})
        for scrape in () if alone else self._alive.values():
            _add(counts, scrape, live=True)
        for family in families:
            theirs = counts.get(family.name)
            if theirs:
                family.samples = list(_summed(family.samples, theirs))
            yield family


def _add(counts: _Counts, scrape: str, *, live: bool) -> None:
    for family in text_string_to_metric_families(scrape):
        is_shared = live and family.name in _SHARED_GAUGES
        if family.name.startswith(_OURS) and (family.type in _LASTING or is_shared):
            into = counts[family.name]
            for sample in family.samples:
                key = _key(sample)
                into[key] = into.get(key, 0.0) + sample.value


def _summed(
    samples: Iterable[Sample], theirs: dict[tuple[str, _Labels], float]
) -> Iterator[Sample]:
    left = dict(theirs)
    for sample in samples:
        yield sample._replace(value=sample.value + left.pop(_key(sample), 0.0))
    for (name, labels), value in left.items():  # what only they have seen
        yield Sample(name, dict(labels), value)


def _key(sample: Sample) -> tuple[str, _Labels]:
    return sample.name, tuple(sorted(sample.labels.items()))
