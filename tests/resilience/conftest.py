"""Lists of test providers, and what a call notes of them."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from voiced.record.journal import ProviderFailed, ProviderSwitched
from voiced.resilience.breaker import Breaker, BreakerRules
from voiced.resilience.roster import Member


@dataclass
class Notes:
    """What the call's journal gets."""

    events: list[Any] = field(default_factory=list)

    def __call__(self, event):
        self.events.append(event)

    @property
    def failures(self):
        found = [event for event in self.events if isinstance(event, ProviderFailed)]
        return [(event.provider, event.kind) for event in found]

    @property
    def switches(self):
        found = [event for event in self.events if isinstance(event, ProviderSwitched)]
        return [(event.provider, event.to) for event in found]


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def members():
    """Make members `one`, `two` ... of providers."""

    def make(*providers, patience_s=2.0, failures=3):
        names = ("one", "two", "three")
        return tuple(
            Member(
                name=name,
                provider=provider,
                breaker=Breaker(BreakerRules(failures=failures, retry_s=30.0)),
                patience_s=patience_s,
            )
            for name, provider in zip(names, providers, strict=False)
        )

    return make
