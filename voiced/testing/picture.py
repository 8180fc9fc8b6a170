"""A picture of a call: who said what when, as one SVG.

Pure; input is plain arrays and small records, so that `voiced simulate` and the dashboard draw with
the same code. The caller is above the time axis, the agent below; words stand in bubbles outside,
the time from the end of a question to the start of its answer stands on the axis. The waveform is
one smallest and one largest value for each pixel column, so that an hour costs as much as a second.
Colours follow the reader's light or dark scheme; nothing is loaded from anywhere.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias
from xml.sax.saxutils import escape

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voiced.audio.frame import Pcm
    from voiced.testing.utterances import Turn, Utterance

MarkerKind: TypeAlias = Literal["answer", "barge-in", "clear", "gap", "hangup"]

_WIDTH = 1600
_LEFT, _RIGHT = 84, 28
_PLOT = _WIDTH - _LEFT - _RIGHT
_HEADER = 78
_WAVE = 58
"""Half the height of a waveform, px."""
_AXIS = 58
"""Height of the band between the two waveforms."""
_BUBBLE_CHARACTERS = 36
_BUBBLE_LINES = 4
_CHARACTER = 8.4
_NARROW = frozenset("iljtfrI.,:;!'|()[] ")
_NOT_XML = frozenset(map(chr, (*range(0xD800, 0xE000), 0xFFFE, 0xFFFF)))
_BROAD = frozenset("mwMWOQG@%—…")
_ROW = 19
_MOST_ROWS = 12
_QUIETEST_PEAK = 0.12
"""Full height of the picture is never less than this share of full scale: noise stays small."""

_STYLE = """
text{font:14px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:#1d2733}
.paper{fill:#fff}.lane{fill:#f4f6f9}.title{font-size:21px;font-weight:600}
.soft{fill:#667384}.small{font-size:12px}.end{text-anchor:end}.mid{text-anchor:middle}
.grid{stroke:#dde3ea}.rule{stroke:#b9c3ce}.lead{stroke:#b9c3ce;stroke-dasharray:2 3}
.caller{fill:#2f6fd0}.agent{fill:#0f8f6c}.name{font-weight:600}
.bar{opacity:.85}.callerbox{fill:#e8f0fc;stroke:#b7cff3}.agentbox{fill:#e3f5ef;stroke:#a9dccb}
.wait{stroke:#c2571a;stroke-width:2}.waited{fill:#c2571a;font-weight:600;font-size:12.5px}
.answer{stroke:#8a97a6;fill:#667384}.barge-in,.gap{stroke:#c0292f;fill:#c0292f}
.clear{stroke:#a05fc0;fill:#8e4bb0}.hangup{stroke:#1d2733;fill:#1d2733}
.flag{stroke-width:1.3;stroke-dasharray:5 4}.label{stroke:none;font-size:12.5px;font-weight:600}
@media (prefers-color-scheme:dark){
text{fill:#e4e9ef}.paper{fill:#12171d}.lane{fill:#1a2129}.soft{fill:#93a1b1}
.grid{stroke:#2a333d}.rule,.lead{stroke:#465362}.caller{fill:#6ea6ff}.agent{fill:#3fcf9f}
.callerbox{fill:#1c2c46;stroke:#2f4d80}.agentbox{fill:#15342b;stroke:#21604c}
.wait{stroke:#f0935a}.waited{fill:#f0935a}.answer{stroke:#7b8998;fill:#93a1b1}
.barge-in,.gap{stroke:#ff7b80;fill:#ff7b80}.clear{stroke:#cf9bea;fill:#cf9bea}
.hangup{stroke:#e4e9ef;fill:#e4e9ef}.label{stroke:none}}
""".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Something that happened at one moment."""

    at_s: float
    label: str
    kind: MarkerKind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """What is drawn; all times in seconds from the start of both tracks (int16, mono)."""

    caller: Pcm
    agent: Pcm
    rate_hz: int = LINE_RATE_HZ
    caller_utterances: Sequence[Utterance] = ()
    agent_utterances: Sequence[Utterance] = ()
    turns: Sequence[Turn] = ()
    markers: Sequence[Marker] = field(default=())
    title: str = "Call"
    subtitle: str = ""

    @property
    def duration_s(self) -> float:
        """Return the length of the longer track; at least a second, to have something to draw."""
        return max(len(self.caller), len(self.agent), self.rate_hz) / self.rate_hz


def timeline_svg(timeline: Timeline) -> str:
    """Return the picture as an SVG document, 1600 px wide."""
    x = _Scale(timeline.duration_s)
    above = _place_bubbles(timeline.caller_utterances, x)
    below = _place_bubbles(timeline.agent_utterances, x)
    rows_above = max((bubble.top for bubble in above), default=0)
    rows_below = max((bubble.top for bubble in below), default=0)
    caller_y = _HEADER + 26 + rows_above * _ROW + 16 + _WAVE
    axis_y = caller_y + _WAVE + 8
    agent_y = axis_y + _AXIS + 8 + _WAVE
    height = agent_y + _WAVE + 16 + rows_below * _ROW + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img">',
        f"<title>{_text(timeline.title)}</title><style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
        *_header(timeline),
        *_lane("caller", "Caller", caller_y),
        *_lane("agent", "Agent", agent_y),
        *_axis(x, axis_y, caller_y - _WAVE, agent_y + _WAVE),
        *_markers(timeline.markers, x, _HEADER + 18, agent_y + _WAVE),
        *_waves(timeline, caller_y, agent_y),
        *_bars(timeline.caller_utterances, x, "caller", caller_y - _WAVE - 7),
        *_bars(timeline.agent_utterances, x, "agent", agent_y + _WAVE + 2),
        *_turns(timeline.turns, x, axis_y),
        *_draw_bubbles(above, "caller", caller_y - _WAVE - 10, -1),
        *_draw_bubbles(below, "agent", agent_y + _WAVE + 10, 1),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Scale:
    """Seconds to pixels."""

    def __init__(self, duration_s: float) -> None:
        self.duration_s = duration_s
        self.px_per_s = _PLOT / duration_s

    def __call__(self, seconds: float) -> float:
        return round(_LEFT + min(max(seconds, 0.0), self.duration_s) * self.px_per_s, 1)

    def ticks(self) -> Iterator[int]:
        """Yield the seconds that get a number: a round step, never closer than 60 px."""
        steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
        step = next((s for s in steps if s * self.px_per_s >= 60), 7200)
        yield from range(0, int(self.duration_s) + 1, step)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bubble:
    """Words beside the waveform; `row` counts away from it, `top` is the first row beyond."""

    x: float
    anchor: float
    width: float
    row: int
    lines: tuple[str, ...]
    text: str

    @property
    def top(self) -> int:
        return self.row + len(self.lines)


def _place_bubbles(utterances: Sequence[Utterance], x: _Scale) -> list[_Bubble]:
    """Put each text into the lowest rows that are free there; no room at all: no words."""
    free_from = [0.0] * _MOST_ROWS
    bubbles = []
    for utterance in utterances:
        if not utterance.text.strip():
            continue
        lines = _wrap(utterance.text)
        width = max(map(_text_width, lines)) + 18
        anchor = x(utterance.start_s)
        left = min(anchor, _WIDTH - _RIGHT - width)
        for row in range(_MOST_ROWS - len(lines) + 1):
            rows = slice(row, row + len(lines))
            if max(free_from[rows]) <= left:
                free_from[rows] = [left + width + 8] * len(lines)
                bubble = _Bubble(
                    x=left, anchor=anchor, width=width, row=row, lines=lines, text=utterance.text
                )
                bubbles.append(bubble)
                break
    return bubbles


def _wrap(text: str) -> tuple[str, ...]:
    lines = textwrap.wrap(
        text, _BUBBLE_CHARACTERS, max_lines=_BUBBLE_LINES, placeholder=" …", break_on_hyphens=False
    )
    return tuple(lines)


def _text_width(text: str) -> float:
    """Return about how wide a text is, px: a little too wide in most fonts, too narrow in none."""
    shares = (
        0.62 if c in _NARROW else 1.4 if c in _BROAD else 1.1 if c.isupper() else 1.0 for c in text
    )
    return _CHARACTER * sum(shares)


def _header(timeline: Timeline) -> Iterator[str]:
    yield f'<text class="title" x="{_LEFT}" y="38">{_text(timeline.title)}</text>'
    yield f'<text class="soft" x="{_LEFT}" y="62">{_text(timeline.subtitle)}</text>'


def _lane(side: str, name: str, y: int) -> Iterator[str]:
    yield (
        f'<rect class="lane" x="{_LEFT}" y="{y - _WAVE}" width="{_PLOT}" height="{2 * _WAVE}" '
        'rx="4"/>'
    )
    yield f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}"/>'
    yield f'<text class="{side} name end" x="{_LEFT - 12}" y="{y + 5}">{name}</text>'


def _axis(x: _Scale, y: int, top: int, bottom: int) -> Iterator[str]:
    middle = y + _AXIS // 2
    for second in x.ticks():
        at = x(second)
        yield f'<line class="grid" x1="{at}" y1="{top}" x2="{at}" y2="{bottom}"/>'
        label = f"{second // 60}:{second % 60:02d}" if x.duration_s >= 120 else f"{second} s"
        yield f'<text class="soft small mid" x="{at}" y="{middle + 22}">{label}</text>'
    yield f'<line class="rule" x1="{_LEFT}" y1="{middle}" x2="{_WIDTH - _RIGHT}" y2="{middle}"/>'


def _markers(markers: Sequence[Marker], x: _Scale, top: int, bottom: int) -> Iterator[str]:
    """Draw flags; a label that would touch the one before it moves up, or is left to the hover."""
    taken = [float(-_WIDTH), float(-_WIDTH)]
    for marker in sorted(markers, key=lambda marker: marker.at_s):
        at = x(marker.at_s)
        width = _text_width(marker.label)
        near_edge = at + width > _WIDTH - _RIGHT
        start = at - width - 4 if near_edge else at + 4
        row = next((row for row in (0, 1) if taken[row] <= start), None)
        yield f'<g class="{marker.kind}"><title>{_text(marker.label)} {marker.at_s:.2f} s</title>'
        yield f'<line class="flag" x1="{at}" y1="{top - 8}" x2="{at}" y2="{bottom}"/>'
        if row is not None:
            taken[row] = start + width + 8
            edge = " end" if near_edge else ""
            shift = -4 if near_edge else 4
            yield (
                f'<text class="label {marker.kind}{edge}" x="{round(at + shift, 1)}" '
                f'y="{top - 15 * row}">{_text(marker.label)}</text>'
            )
        yield "</g>"


def _waves(timeline: Timeline, caller_y: int, agent_y: int) -> Iterator[str]:
    loudest = max(_peak(timeline.caller), _peak(timeline.agent), _QUIETEST_PEAK * 32768)
    scale = (_WAVE - 3) / loudest
    n_samples = timeline.duration_s * timeline.rate_hz
    for side, pcm, y in (("caller", timeline.caller, caller_y), ("agent", timeline.agent, agent_y)):
        if len(pcm):
            yield f'<path class="{side}" d="{_envelope_path(pcm, n_samples, y, scale)}"/>'


def _envelope_path(pcm: Pcm, n_samples: float, y: int, scale: float) -> str:
    """Return the outline of smallest and largest sample of each pixel column."""
    columns = max(1, round(_PLOT * len(pcm) / n_samples))
    edges = np.linspace(0, len(pcm), columns, endpoint=False).astype(np.intp)
    # The outline is never thinner than 1 px, so that silence is a line and not a hole.
    highs = np.maximum(np.maximum.reduceat(pcm, edges) * scale, 0.5)
    lows = np.minimum(np.minimum.reduceat(pcm, edges) * scale, -0.5)
    tops = (f"{_LEFT + i},{y - high:.1f}" for i, high in enumerate(highs))
    bottoms = (
        f"{_LEFT + i},{y - low:.1f}"
        for i, low in zip(range(columns)[::-1], lows[::-1], strict=True)
    )
    return f"M{' '.join(tops)} {' '.join(bottoms)}Z"


def _peak(pcm: Pcm) -> float:
    return max(float(pcm.max()), -float(pcm.min())) if len(pcm) else 0.0


def _bars(utterances: Sequence[Utterance], x: _Scale, side: str, y: int) -> Iterator[str]:
    for utterance in utterances:
        start = x(utterance.start_s)
        width = max(round(x(utterance.end_s) - start, 1), 2.0)
        span = f"{utterance.start_s:.2f} to {utterance.end_s:.2f} s"
        yield (
            f'<rect class="{side} bar" x="{start}" y="{y}" width="{width}" height="5" rx="2.5">'
            f"<title>{_text(utterance.text)} ({span})</title></rect>"
        )


def _turns(turns: Sequence[Turn], x: _Scale, y: int) -> Iterator[str]:
    """Draw the caller's waits on the axis; figures only where there is room for them."""
    free_from = 0.0
    middle = y + _AXIS // 2
    for turn in turns:
        start, end = x(turn.caller_end_s), x(turn.agent_start_s)
        yield (
            f"<g><title>{turn.latency_s:.2f} s from the end of the question to the answer</title>"
            f'<path class="wait" fill="none" d="M{start},{y + 6}V{middle}H{end}V{y + _AXIS - 6}"/>'
        )
        if start >= free_from:
            free_from = start + 52
            label = f"{turn.latency_s:.2f} s"
            yield f'<text class="waited" x="{start + 6:.1f}" y="{middle - 7}">{label}</text>'
        yield "</g>"


def _draw_bubbles(bubbles: Sequence[_Bubble], side: str, y: int, away: int) -> Iterator[str]:
    """Draw bubbles outwards from `y`: upwards with `away` -1, downwards with 1."""
    for bubble in bubbles:
        tip = y + away * (bubble.row * _ROW + 4)
        anchor = min(bubble.anchor + 1, _WIDTH - _RIGHT)
        yield f'<line class="lead" x1="{anchor}" y1="{y - away * 4}" x2="{anchor}" y2="{tip}"/>'
    for bubble in bubbles:
        height = len(bubble.lines) * _ROW - 3
        near = y + away * (bubble.row * _ROW + 4)
        top = near if away > 0 else near - height
        yield (
            f'<g><title>{_text(bubble.text)}</title><rect class="{side}box" x="{bubble.x:.1f}" '
            f'y="{top}" width="{bubble.width:.1f}" height="{height}" rx="6"/>'
        )
        for n, line in enumerate(bubble.lines):
            yield f'<text x="{bubble.x + 8:.1f}" y="{top + 12.5 + n * _ROW}">{_text(line)}</text>'
        yield "</g>"


def _text(text: str) -> str:
    """Escape a text for XML, without the control characters that XML cannot hold."""
    return escape("".join(max(c, " ") for c in text if c not in _NOT_XML))
