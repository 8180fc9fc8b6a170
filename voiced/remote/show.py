"""Calls in lines for the terminal. Pure; the time is an argument."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from voiced.leg.leg import Milestone

WEBHOOK_HEADINGS = ("ID", "HOST", "STATE", "ATTEMPTS", "FAILURE")
HEADINGS = ("ID", "WAY", "FROM", "TO", "LINE", "STATE", "FOR")

PAST_HEADINGS = ("ID", "WAY", "FROM", "TO", "LINE", "BEGAN (UTC)", "LASTED", "WAIT", "END", "")
"""WAIT is the longest wait for an answer."""

_RINGS = frozenset({"ringing", "answering"})
_WELL = frozenset({"completed", "limit_reached"})


def call_table(calls: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[str]:
    """Yield the lines of `voiced calls`; `now` is aware."""
    yield from _table(HEADINGS, [_row(call, now) for call in calls], nothing="no calls")


def past_table(calls: Iterable[Mapping[str, Any]], following: str | None) -> Iterator[str]:
    """Yield the lines of `voiced calls` with filters; `following` is the place of the next page."""
    yield from _table(PAST_HEADINGS, [_past_row(call) for call in calls], nothing="no calls")
    if following:
        yield f"more: --after {following}"


def webhook_table(webhooks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of `voiced webhooks`."""
    rows = [
        (
            str(one.get("id", "")),
            str(one.get("host", "")),
            "given up" if one.get("dead") else "waiting",
            str(one.get("attempts", 0)),
            str(one.get("failure") or "-"),
        )
        for one in webhooks
    ]
    yield from _table(WEBHOOK_HEADINGS, rows, nothing="no webhooks wait, and none was given up")


def _table(
    headings: tuple[str, ...], found: Sequence[tuple[str, ...]], *, nothing: str
) -> Iterator[str]:
    if not found:
        yield nothing
        return
    rows = [headings, *found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _past_row(call: Mapping[str, Any]) -> tuple[str, ...]:
    end = call.get("end") or {}
    lasted_s, waited_s = call.get("duration_s"), call.get("worst_latency_s")
    return (
        str(call.get("id", "")),
        "in" if call.get("direction") == "incoming" else "out",
        str(call.get("from") or "-"),
        str(call.get("to") or "-"),
        str(call.get("line") or "-"),
        str(call.get("started_at") or "-")[:19].replace("T", " "),
        "-" if lasted_s is None else _duration(lasted_s),
        f"{waited_s:.1f} s" if waited_s else "-",
        str(end.get("reason") or call.get("state") or "-"),
        str(call.get("outcome") or ""),
    )


def _row(call: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    started = call.get("started_at")
    return (
        str(call.get("id", "")),
        "in" if call.get("direction") == "incoming" else "out",
        str(call.get("from") or "-"),
        str(call.get("to") or "-"),
        str(call.get("line") or "-"),
        str(call.get("leg") or call.get("state") or "-"),
        _duration((now - datetime.fromisoformat(started)).total_seconds()) if started else "-",
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def milestone_of(call: Mapping[str, Any]) -> Milestone | None:
    """Return how far a call has come; None while it waits or Telnyx has not answered."""
    if call.get("state") == "ended":
        return "ended"
    if call.get("answered_after_s") is not None or call.get("leg", "ringing") not in _RINGS:
        return "answered"
    return "placed" if call.get("call_control_id") else None


def news_of(call: Mapping[str, Any]) -> str:
    """Return the line that tells how far a call has come."""
    reached = milestone_of(call)
    if reached != "ended":
        return f"{call['id']}  {reached or 'waiting'}"
    end = call.get("end") or {}
    outcome = call.get("outcome") or "outcome unknown"
    return f"{call['id']}  ended: {outcome} ({end.get('evidence') or end.get('reason', '?')})"


def went_well(call: Mapping[str, Any], wanted: Milestone) -> bool:
    """Return whether a call has come as far as `wanted`, and has not failed."""
    reached = milestone_of(call)
    if reached != "ended":
        return True
    if wanted == "placed":
        return bool(call.get("call_control_id"))
    if wanted == "answered":
        return call.get("answered_after_s") is not None or call.get("outcome") in _WELL
    return call.get("outcome") in _WELL
