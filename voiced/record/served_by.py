"""Who of the providers served a call, and whose a part of a wait was. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = {
    "recognizer": "recognizer",
    "model": "agent",
    "synthesizer": "synthesizer",
    "lead_in": "synthesizer",
}
"""The role that a part of a wait (`voiced.record.latency.PARTS`) is due to; others are ours."""


def provider_of(record: Mapping[str, Any], part: str, at_s: float = float("inf")) -> str:
    """Return the provider that a part of a wait was due to, `at_s` seconds into a call.

    "" where it was our own doing, or where the record does not tell.
    """
    role = ROLES.get(part, "")
    name = str((record.get("providers") or {}).get(role, ""))
    for switch in record.get("provider_switches") or ():
        if switch["role"] == role and switch["at_s"] <= at_s:
            name = str(switch["to"])
    return name
