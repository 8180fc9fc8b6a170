"""The circuits of all fallback lists, for whoever watches them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voiced.record.journal import Role
    from voiced.services.services import Staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One provider's, as of now: open until a trial has gone well."""

    role: Role
    provider: str
    is_open: bool


def circuits_of(staff: Iterable[Staff], now: float) -> Iterator[Circuit]:
    """Yield the circuit of each member of a list, once, however many lines share it."""
    seen: set[int] = set()
    for member in staff:
        serving: tuple[tuple[Role, object], ...] = (
            ("recognizer", member.recognizer),
            ("agent", member.agent),
            ("agent", member.stand_in),
            ("synthesizer", member.synthesizer),
        )
        for role, provider in serving:
            for listed in getattr(provider, "members", ()):
                if id(listed) not in seen:
                    seen.add(id(listed))
                    is_open = listed.breaker.state(now) != "closed"
                    yield Circuit(role=role, provider=listed.name, is_open=is_open)
