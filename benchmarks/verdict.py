"""What a run is worth, and whether the server served its callers in it; pure."""

from __future__ import annotations

from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
"""The figures of one run, or {"error": why there are none}."""

LATE_LIMIT_MS = 5.0
"""A load whose p99.9 lateness is above measures itself: the run is taken again."""

FOREIGN_LIMIT = 0.05
"""So does one during which other processes had more than this share of the server's core."""

UNDERRUN_LIMIT_PER_MIN = 0.1
"""Underruns of a call in a minute beyond which a server counts as overloaded ..."""

GAP_GROWTH_MS = 10.0
"""... and so much more p99 gap than the same server has with the fewest calls."""

AUDIO_SHARE_LEAST = 0.99
"""... and less echoed audio than this."""


def flaw(row: Row) -> str:
    """Return why a run tells more of the computer than of the server, "" if it does not."""
    if "error" in row:
        return ""
    late_ms = row["load_late_ms"]["p999"]
    if late_ms > LATE_LIMIT_MS:
        return f"the load was late by {late_ms:.1f} ms (p99.9)"
    if row["foreign_share"] > FOREIGN_LIMIT:
        return f"others had {100 * row['foreign_share']:.0f} % of the server's core"
    return ""


def overload(row: Row, usual_gap_ms: float) -> str:
    """Return in what the server failed its callers, "" if in nothing."""
    if "error" in row:
        return str(row["error"])
    gap_ms = row["gap_ms"]
    if row["dropped"]:
        return f"{row['dropped']} connections lost"
    if row["underruns_per_call_min"] > UNDERRUN_LIMIT_PER_MIN:
        return f"{row['underruns_per_call_min']:.1f} underruns a call and minute"
    if gap_ms is not None and gap_ms["p99"] > usual_gap_ms + GAP_GROWTH_MS:
        return f"p99 gap {gap_ms['p99']:.0f} ms, {usual_gap_ms:.0f} ms with few calls"
    if gap_ms is not None and row["audio_share"] < AUDIO_SHARE_LEAST:
        return f"{100 * row['audio_share']:.0f} % of the audio came back"
    return ""
