"""How long the caller waited, and for whom: on the time axis, and as a chart below. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from voiced.picture.style import AXIS, LEFT, WAITS
from voiced.picture.text import text_width
from voiced.record.latency import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voiced.picture.drawing import Wait
    from voiced.picture.style import Scale

_BAR = 9
_LEGEND = 26


def told(part: str) -> str:
    """Return a part's name for people."""
    return part.replace("_", "-")


def draw_waits(waits: Sequence[Wait], x: Scale, y: int) -> Iterator[str]:
    """Draw the caller's waits on the axis; figures only where there is room for them."""
    free_from = 0.0
    middle = y + AXIS // 2
    for wait in waits:
        start, end = x(wait.start_s), x(wait.end_s)
        yield (
            f"<g><title>{_describe(wait)}</title>"
            f'<path class="wait" fill="none" d="M{start},{y + 6}V{middle}H{end}V{middle + 8}"/>'
        )
        if start >= free_from:
            free_from = start + 52
            place = f'x="{start + 6:.1f}" y="{middle - 7}"'
            yield f'<text class="waited halo" {place}>{wait.seconds:.2f} s</text>'
        yield "</g>"


def chart_height(waits: Sequence[Wait]) -> int:
    """Return how much room the chart takes: none if the parts of no wait are known."""
    return WAITS + _LEGEND if any(wait.parts for wait in waits) else 0


def draw_chart(waits: Sequence[Wait], x: Scale, y: int) -> Iterator[str]:
    """Draw a column for each answer, the parts of its wait one above the other."""
    waits = [wait for wait in waits if wait.parts]
    if not waits:
        return
    top_s = max(1.0, math.ceil(2 * max(_total(wait) for wait in waits)) / 2)
    px_per_s = (WAITS - 22) / top_s
    foot = y + WAITS
    for half in range(0, round(2 * top_s) + 1, 1 if top_s <= 2 else 2 if top_s <= 4 else 4):
        at = round(foot - half / 2 * px_per_s, 1)
        yield f'<line class="grid" x1="{LEFT}" y1="{at}" x2="{x.right}" y2="{at}"/>'
        yield f'<text class="soft small end" x="{LEFT - 8}" y="{at + 4}">{half / 2:g} s</text>'
    for wait in waits:
        yield from _column(wait, x(wait.end_s), foot, px_per_s)
    yield from _legend(foot + _LEGEND - 8)


def _column(wait: Wait, at: float, foot: float, px_per_s: float) -> Iterator[str]:
    yield f"<g><title>{_describe(wait)}</title>"
    for part, seconds in wait.parts:
        height = seconds * px_per_s
        foot -= height
        if height >= 0.3:
            place = f'x="{at - _BAR / 2:.1f}" y="{foot:.1f}" width="{_BAR}" height="{height:.1f}"'
            yield f'<rect class="{part}" {place}/>'
    yield "</g>"


def _legend(y: float) -> Iterator[str]:
    yield f'<text class="soft small name end" x="{LEFT - 8}" y="{y}">Waits</text>'
    at = float(LEFT)
    for part in PARTS:
        yield f'<rect class="{part}" x="{at:.1f}" y="{y - 9}" width="10" height="10"/>'
        yield f'<text class="soft small" x="{at + 15:.1f}" y="{y}">{told(part)}</text>'
        at += 36 + text_width(told(part))


def _total(wait: Wait) -> float:
    return sum(seconds for _, seconds in wait.parts)


def _describe(wait: Wait) -> str:
    whole = f"{wait.seconds:.2f} s from the end of the question to the answer"
    parts = ", ".join(f"{told(part)} {s:.2f}" for part, s in wait.parts if s >= 0.005)
    return f"{whole}: {parts}" if parts else whole
