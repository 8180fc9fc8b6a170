"""Metrics of which every series has a value."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.metrics.test_observer import RECORD, RINGING, Live
from voiced.metrics import Metrics
from voiced.record.journal import CallEnded, ProviderFailed, ProviderSwitched, ToolRan


@pytest.fixture
def families():
    """Return the families that a scrape has, as (name, type, help, labels)."""
    metrics = Metrics()
    metrics.live.watch(Live(), lambda: 1)
    metrics.note("a", RINGING)
    metrics.note("a", ProviderFailed(role="agent", provider="one", kind="failed", at=1.0))
    metrics.note("a", ProviderSwitched(role="agent", provider="one", to="two", at=1.0))
    metrics.note("a", CallEnded(reason="caller_hung_up", evidence="x", at=2.0))
    metrics.note("a", ToolRan(name="lookup", began_at=1.0, ok=True, at=2.0))
    metrics.telnyx_answered("answer", "200", 0.2)
    metrics.ended(RECORD)
    found = []
    for family in text_string_to_metric_families(metrics.render().decode()):
        if family.name.endswith("_created"):
            continue
        samples = [s for s in family.samples if not s.name.endswith("_created")]
        labels = {label for sample in samples for label in sample.labels} - {"le"}
        found.append((family.name, family.type, family.documentation, frozenset(labels)))
    return found
