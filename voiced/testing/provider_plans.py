"""Named plans of providers that fail: more names for `voiced simulate --faults`. Pure.

`voiced.testing.faulty` has the providers that do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.record.journal import Role

Trouble: TypeAlias = Literal["refuses", "is throttled", "stalls", "disconnects"]
"""A key that is not known, 429, nothing comes any more, or it breaks off in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTrouble:
    """What is the matter with a role's first provider; `has_fallback`: a sound one stands by."""

    role: Role
    trouble: Trouble
    has_fallback: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """A plan, and in one sentence what it does."""

    says: str
    troubles: tuple[ProviderTrouble, ...]


def _one(role: Role, trouble: Trouble, says: str, *, has_fallback: bool = True) -> ProviderPlan:
    found = ProviderTrouble(role=role, trouble=trouble, has_fallback=has_fallback)
    return ProviderPlan(says=says, troubles=(found,))


PROVIDER_PLANS: Mapping[str, ProviderPlan] = MappingProxyType(
    {
        "recognizer-refuses": _one(
            "recognizer", "refuses", "the first recognizer refuses its key; a second one stands by"
        ),
        "recognizer-disconnects": _one(
            "recognizer", "disconnects", "it disconnects while the caller speaks a second time"
        ),
        "recognizer-stalls": _one(
            "recognizer", "stalls", "it hears the caller begin and never tells what was said"
        ),
        "agent-throttled": _one(
            "agent", "is throttled", "the first agent answers 429; a second one stands by"
        ),
        "agent-stalls": _one("agent", "stalls", "after the greeting it has no words any more"),
        "agent-disconnects": _one(
            "agent", "disconnects", "it breaks off after the first sentence of an answer"
        ),
        "synthesizer-refuses": _one(
            "synthesizer",
            "refuses",
            "the first synthesizer refuses its key; a second one stands by",
        ),
        "synthesizer-stalls": _one(
            "synthesizer", "stalls", "after one sentence it has no audio any more"
        ),
        "synthesizer-disconnects": _one(
            "synthesizer", "disconnects", "it breaks off in the middle of the second sentence"
        ),
        "recognizer-dead": _one(
            "recognizer", "disconnects", "as recognizer-disconnects, alone", has_fallback=False
        ),
        "agent-dead": _one(
            "agent", "disconnects", "as agent-disconnects, alone", has_fallback=False
        ),
        "synthesizer-dead": _one(
            "synthesizer", "disconnects", "as synthesizer-disconnects, alone", has_fallback=False
        ),
        "all-providers-stall": ProviderPlan(
            says="recognizer, agent and synthesizer stall in the same call; others stand by",
            troubles=(
                ProviderTrouble(role="recognizer", trouble="stalls"),
                ProviderTrouble(role="agent", trouble="stalls"),
                ProviderTrouble(role="synthesizer", trouble="stalls"),
            ),
        ),
    }
)
