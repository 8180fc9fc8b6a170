"""A drawing as one SVG document.

Pure. The caller is above the time axis, the agent below; words stand in bubbles outside, what the
caller never heard is struck out; the time from the end of a question to the start of its answer
stands on the axis, and what it was spent on in a chart below. The waveform is one smallest and one
largest value for each pixel column. Colours follow the reader's light or dark scheme; nothing is
loaded from anywhere.

The root says where the time axis is (`data-left`, `data-px-per-s`, in units of the viewBox) and
where its plot begins (`data-top`), for pages that move something along it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voiced.picture.bubbles import draw_bars, draw_bubbles, place_bubbles
from voiced.picture.style import (
    AXIS,
    FLAGS,
    GAP,
    HEADER,
    KEY,
    LEFT,
    ROW,
    STYLE,
    WAVE,
    Scale,
    width_for,
)
from voiced.picture.text import text_width, xml_text
from voiced.picture.waits import chart_height, draw_chart, draw_waits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voiced.picture.drawing import Band, Drawing, Marker, Side
    from voiced.picture.peaks import Peaks

_QUIETEST_PEAK = 0.12
"""Full height of the picture is never less than this share of full scale: noise stays small."""

_KEY = "struck out: never heard by the caller · in italics: not known"


def picture_svg(
    drawing: Drawing, *, width: int | None = None, styled: bool = True, headed: bool = True
) -> str:
    """Return the picture as an SVG document.

    Args:
        drawing: what it shows.
        width: of the paper, px; by default 1600, and more for calls of over 100 s.
        styled: carry `STYLE`; False for a page that has it in a style sheet of its own.
        headed: begin with title and subtitle; False for a page that says all of it itself.
    """
    x = Scale(duration_s=drawing.duration_s, width=width or width_for(drawing.duration_s))
    caller, agent = drawing.of("caller"), drawing.of("agent")
    above, below = place_bubbles(caller, x), place_bubbles(agent, x)
    rows_above = max((bubble.top for bubble in above), default=0)
    rows_below = max((bubble.top for bubble in below), default=0)
    top = HEADER if headed else KEY
    flags_y = top + FLAGS - 6
    caller_y = top + FLAGS + rows_above * ROW + 16 + WAVE
    axis_y = caller_y + WAVE + GAP
    agent_y = axis_y + AXIS + GAP + WAVE
    chart_y = agent_y + WAVE + 16 + rows_below * ROW + 14
    height = chart_y + chart_height(drawing.waits) + 12
    parts = [
        _root(drawing, x, height, top),
        f"<style>{STYLE}</style>" if styled else "",
        f'<rect class="paper" width="{x.width}" height="{height}"/>',
        *(_header(drawing, x) if headed else ()),
        *_key(drawing, x, 38 if headed else 14),
        *_lane("caller", "Caller", caller_y, x),
        *_lane("agent", "Agent", agent_y, x),
        *_bands(drawing.bands, x, caller_y - WAVE, agent_y + WAVE),
        *_axis(x, axis_y, caller_y - WAVE, agent_y + WAVE),
        *_waves(drawing, x, caller_y, agent_y),
        *_flags(drawing.markers, x, flags_y, agent_y + WAVE),
        *_ticks(x, axis_y),
        *_labels(drawing.markers, x, flags_y),
        *draw_bars(caller, "caller", x, caller_y - WAVE - 7),
        *draw_bars(agent, "agent", x, agent_y + WAVE + 2),
        *draw_waits(drawing.waits, x, axis_y),
        *draw_bubbles(above, "caller", caller_y - WAVE - 10, -1, x),
        *draw_bubbles(below, "agent", agent_y + WAVE + 10, 1, x),
        *draw_chart(drawing.waits, x, chart_y),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _root(drawing: Drawing, x: Scale, height: int, top: int) -> str:
    summary = drawing.summary or drawing.subtitle
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x.width} {height}" '
        f'width="{x.width}" height="{height}" class="call-picture" role="img" '
        f'aria-labelledby="picture-title picture-summary" '
        f'data-top="{top}" data-left="{LEFT}" data-px-per-s="{x.px_per_s:.6f}" '
        f'data-length-s="{x.duration_s:.3f}">'
        f'<title id="picture-title">{xml_text(drawing.title)}</title>'
        f'<desc id="picture-summary">{xml_text(summary)}</desc>'
    )


def _header(drawing: Drawing, x: Scale) -> Iterator[str]:
    yield f'<text class="title" x="{LEFT}" y="38">{xml_text(drawing.title)}</text>'
    yield f'<text class="soft" x="{LEFT}" y="62">{xml_text(drawing.subtitle)}</text>'


def _key(drawing: Drawing, x: Scale, y: int) -> Iterator[str]:
    if any(passage.heard not in (None, "all") for passage in drawing.passages):
        yield f'<text class="soft small end" x="{x.right}" y="{y}">{_KEY}</text>'


def _lane(side: Side, name: str, y: int, x: Scale) -> Iterator[str]:
    yield (
        f'<rect class="lane" x="{LEFT}" y="{y - WAVE}" width="{x.plot}" height="{2 * WAVE}" '
        'rx="4"/>'
    )
    yield f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{x.right}" y2="{y}"/>'
    yield f'<text class="{side} name end" x="{LEFT - 12}" y="{y + 5}">{name}</text>'


def _bands(bands: Sequence[Band], x: Scale, top: int, bottom: int) -> Iterator[str]:
    for band in bands:
        start = x(band.start_s)
        width = max(1.0, round(x(band.end_s) - start, 1))
        yield (
            f'<rect class="band" x="{start}" y="{top}" width="{width}" height="{bottom - top}">'
            f"<title>{xml_text(band.label)}</title></rect>"
        )
        if width > text_width(band.label):
            place = f'x="{start + width / 2:.1f}" y="{top + 14}"'
            yield f'<text class="soft small mid" {place}>{xml_text(band.label)}</text>'


def _axis(x: Scale, y: int, top: int, bottom: int) -> Iterator[str]:
    middle = y + AXIS // 2
    for second in x.ticks():
        at = x(second)
        yield f'<line class="grid" x1="{at}" y1="{top}" x2="{at}" y2="{bottom}"/>'
    yield f'<line class="rule" x1="{LEFT}" y1="{middle}" x2="{x.right}" y2="{middle}"/>'


def _ticks(x: Scale, y: int) -> Iterator[str]:
    for second in x.ticks():
        label = f"{second // 60}:{second % 60:02d}" if x.duration_s >= 120 else f"{second} s"
        place = f'x="{x(second)}" y="{y + AXIS // 2 + 22}"'
        yield f'<text class="soft small mid halo" {place}>{label}</text>'


def _flags(markers: Sequence[Marker], x: Scale, top: int, bottom: int) -> Iterator[str]:
    for marker in markers:
        at, title = x(marker.at_s), _titled(marker)
        line = f'<line class="flag" x1="{at}" y1="{top - 8}" x2="{at}" y2="{bottom}"/>'
        yield f'<g class="{marker.kind}">{title}{line}</g>'


def _labels(markers: Sequence[Marker], x: Scale, y: int) -> Iterator[str]:
    """Write at flags; what would touch the label before it moves up, or is left to the hover."""
    taken = [float(-x.width), float(-x.width)]
    for marker in sorted(markers, key=lambda marker: marker.at_s):
        at = x(marker.at_s)
        width = text_width(marker.label)
        near_edge = at + width > x.right
        start = at - width - 4 if near_edge else at + 4
        row = next((row for row in (0, 1) if taken[row] <= start), None)
        if row is None:
            continue
        taken[row] = start + width + 8
        kind = f"label {marker.kind}{' end' if near_edge else ''} halo"
        place = f'x="{round(at + (-4 if near_edge else 4), 1)}" y="{y - 15 * row}"'
        text = f'<text class="{kind}" {place}>{xml_text(marker.label)}</text>'
        yield f"<g>{_titled(marker)}{text}</g>"


def _titled(marker: Marker) -> str:
    return f"<title>{xml_text(marker.label)} {marker.at_s:.2f} s</title>"


def _waves(drawing: Drawing, x: Scale, caller_y: int, agent_y: int) -> Iterator[str]:
    sound = drawing.sound
    if sound is None:
        return
    loudest = max(sound.caller.loudest, sound.agent.loudest, _QUIETEST_PEAK * 32768)
    scale = (WAVE - 3) / loudest
    for side, peaks, y in (("caller", sound.caller, caller_y), ("agent", sound.agent, agent_y)):
        if len(peaks.lows):
            yield f'<path class="{side}" d="{_envelope(peaks, x, y, scale)}"/>'


def _envelope(peaks: Peaks, x: Scale, y: int, scale: float) -> str:
    """Return the outline of smallest and largest sample of each pixel column."""
    left, right = x(peaks.starts_at_s), x(peaks.ends_at_s)
    columns = max(1, min(round(right - left), len(peaks.lows)))
    edges = np.linspace(0, len(peaks.lows), columns, endpoint=False).astype(np.intp)
    # The outline is never thinner than 1 px, so that silence is a line and not a hole.
    highs = np.maximum(np.maximum.reduceat(peaks.highs, edges) * scale, 0.5)
    lows = np.minimum(np.minimum.reduceat(peaks.lows, edges) * scale, -0.5)
    at = np.linspace(left, right, columns, endpoint=False)
    there = [f"{px:.1f},{y - high:.1f}" for px, high in zip(at, highs, strict=True)]
    back = [f"{px:.1f},{y - low:.1f}" for px, low in zip(at[::-1], lows[::-1], strict=True)]
    return f"M{' '.join(there)} {' '.join(back)}Z"
