"""What is asked of a call first, answered in a sentence each. Pure.

Why did it end, did the caller hear the last words, who was slow, and who served it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voiced.explain.waits import LEAST_S, spreads
from voiced.record.end_words import describe_end
from voiced.record.latency import PARTS
from voiced.record.served_by import ROLES, provider_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEARD = {
    "all": "heard to its end by the caller",
    "part": 'the caller heard of it only "{heard}"',
    "none": "never heard by the caller",
    "unknown": "not known whether the caller heard it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Sentences; "" where there is nothing to tell."""

    why: str
    last_words: str
    slowest: str
    waits: str
    served_by: str


def answers_of(record: Mapping[str, Any]) -> Answers:
    """Return what is asked first of a call, live or ended."""
    return Answers(
        why=_why(record),
        last_words=_last_words(record),
        slowest=_slowest(record),
        waits=_waits(record),
        served_by=served_by(record),
    )


def waits_of(record: Mapping[str, Any]) -> list[Mapping[str, float]]:
    """Return the parts of each wait for an answer."""
    return [turn["latency"] for turn in record.get("turns") or () if turn.get("latency")]


def last_words(record: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the agent's last words and what the caller heard of them; None if there were none.

    Keys: `text`, `heard` ("all", "part", "none", "unknown"), `heard_text`.
    """
    said = [turn for turn in record.get("turns") or () if turn["who"] == "agent"]
    if not said:
        return None
    return {key: said[-1].get(key, "") for key in ("text", "heard", "heard_text")}


def slowest_part(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return for what the caller waited longest over the whole call; None if for nothing.

    Keys: `part`, `provider` ("" where it is our own rules), `seconds`, `share` of all waits.
    """
    return _longest(record, PARTS)


def slowest_provider(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the same of those parts only that are due to a provider."""
    return _longest(record, (part for part in PARTS if provider_of(record, part)))


def _longest(record: Mapping[str, Any], parts: Iterable[str]) -> dict[str, Any] | None:
    waits = waits_of(record)
    whole = sum(sum(wait.values()) for wait in waits)
    sums = {part: sum(wait.get(f"{part}_s", 0.0) for wait in waits) for part in parts}
    part = max(sums, key=lambda part: sums[part], default="")
    if not part or sums[part] < LEAST_S:
        return None
    return {
        "part": part,
        "provider": provider_of(record, part),
        "seconds": round(sums[part], 3),
        "share": round(sums[part] / whole, 3),
    }


def served_by(record: Mapping[str, Any]) -> str:
    """Return who served a call at its beginning, by role; "" where the record does not tell."""
    providers = record.get("providers") or {}
    roles = [role for role in dict.fromkeys(ROLES.values()) if providers.get(role)]
    return ", ".join(f"{role} {providers[role]}" for role in roles)


def _why(record: Mapping[str, Any]) -> str:
    end = record.get("end")
    return f"{describe_end(end['reason'])} ({end['evidence']})" if end else ""


def _last_words(record: Mapping[str, Any]) -> str:
    said = last_words(record)
    if said is None:
        return ""
    heard = _HEARD[said["heard"] or "unknown"].format(heard=said["heard_text"])
    return f'"{said["text"]}": {heard}'


def _slowest(record: Mapping[str, Any]) -> str:
    slowest, provider = slowest_part(record), slowest_provider(record)
    if slowest is None:
        return ""
    told = _share(slowest)
    if provider is None or slowest["provider"]:
        return told
    return f"{told}; of the providers: {_share(provider)}"


def _share(longest: Mapping[str, Any]) -> str:
    provider = f" ({longest['provider']})" if longest["provider"] else ""
    name = longest["part"].replace("_", "-")
    return f"{name}{provider}, {longest['share']:.0%} of all waiting, {longest['seconds']:.2f} s"


def _waits(record: Mapping[str, Any]) -> str:
    total = spreads(waits_of(record)).get("total")
    if total is None:
        return ""
    return f"{total.p50:.2f} s (median), {total.p95:.2f} s (p95), {total.most:.2f} s (longest)"
