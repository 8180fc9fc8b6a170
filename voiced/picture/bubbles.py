"""The words beside the waveforms: where there is room for them, and how they are drawn. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voiced.picture.drawing import LONGEST_UNHEARD_S
from voiced.picture.style import ROW
from voiced.picture.text import words_of, xml_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voiced.picture.drawing import Passage, Side
    from voiced.picture.style import Scale
    from voiced.picture.text import Run, Words

MOST_ROWS = 12
_SAID = {
    "all": "heard by the caller",
    "part": 'of which the caller heard "{heard}"',
    "none": "not heard by the caller",
    "unknown": "whether the caller heard it is not known",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """Words beside the waveform; `row` counts away from it."""

    passage: Passage
    words: Words
    x: float
    anchor: float
    width: float
    row: int

    @property
    def top(self) -> int:
        """Return the first row beyond it."""
        return self.row + len(self.words.lines)


def place_bubbles(passages: Sequence[Passage], x: Scale) -> list[Bubble]:
    """Put each text into the lowest rows that are free there; no room at all: no words."""
    free_from = [0.0] * MOST_ROWS
    bubbles = []
    for passage in passages:
        words = words_of(passage)
        if words is None:
            continue
        width = words.width + 18
        anchor = x(passage.start_s)
        left = min(anchor, x.right - width)
        height = len(words.lines)
        for row in range(MOST_ROWS - height + 1):
            rows = slice(row, row + height)
            if max(free_from[rows]) <= left:
                free_from[rows] = [left + width + 8] * height
                bubbles.append(
                    Bubble(
                        passage=passage, words=words, x=left, anchor=anchor, width=width, row=row
                    )
                )
                break
    return bubbles


def draw_bubbles(bubbles: Sequence[Bubble], side: Side, y: int, away: int, x: Scale) -> list[str]:
    """Draw bubbles outwards from `y`: upwards with `away` -1, downwards with 1."""
    leads = []
    for bubble in bubbles:
        tip = y + away * (bubble.row * ROW + 4)
        at = min(bubble.anchor + 1, x.right)
        leads.append(f'<line class="lead" x1="{at}" y1="{y - away * 4}" x2="{at}" y2="{tip}"/>')
    return [*leads, *(line for bubble in bubbles for line in _draw(bubble, side, y, away))]


def _draw(bubble: Bubble, side: Side, y: int, away: int) -> Iterator[str]:
    height = len(bubble.words.lines) * ROW - 3
    near = y + away * (bubble.row * ROW + 4)
    top = near if away > 0 else near - height
    dashed = " dashed" if bubble.passage.heard in ("none", "unknown") else ""
    yield (
        f'<g><title>{xml_text(describe(bubble.passage))}</title><rect class="{side}box{dashed}" '
        f'x="{bubble.x:.1f}" y="{top}" width="{bubble.width:.1f}" height="{height}" rx="6"/>'
    )
    for n, line in enumerate(bubble.words.lines):
        at = f'x="{bubble.x + 8:.1f}" y="{top + 13 + n * ROW}"'
        yield f"<text {at}>{''.join(map(_run, line))}</text>"
    yield "</g>"


def _run(run: Run) -> str:
    text, kind = run
    return f'<tspan class="{kind}">{xml_text(text)}</tspan>' if kind else xml_text(text)


def describe(passage: Passage) -> str:
    """Return what is said of a passage to who points at it."""
    span = f"{passage.start_s:.2f} to {passage.end_s:.2f} s"
    if passage.heard is None:
        return f"{passage.text} ({span})"
    heard = _SAID[passage.heard].format(heard=passage.heard_text)
    return f"{passage.text} ({span}; {heard})"


def draw_bars(passages: Sequence[Passage], side: Side, x: Scale, y: int) -> Iterator[str]:
    """Draw when a side spoke; behind what was cut, hollow, what was never heard.

    Hollow bars end where the side speaks again.
    """
    nexts = [*(passage.start_s for passage in passages[1:]), x.duration_s]
    for passage, next_s in zip(passages, nexts, strict=False):
        start, end = x(passage.start_s), x(passage.end_s)
        title = f"<title>{xml_text(describe(passage))}</title>"
        if passage.heard != "none":
            solid = "unheardbar" if passage.heard == "unknown" else f"{side} bar"
            width = max(round(end - start, 1), 2.0)
            yield _bar(solid, start, y, width, title)
        if passage.unheard_s:
            unheard_s = min(passage.unheard_s, LONGEST_UNHEARD_S)
            start = x(passage.start_s) if passage.heard == "none" else end
            width = x(min(passage.end_s + unheard_s, next_s)) - start
            if width >= 1:
                yield _bar("unheardbar", start, y, round(width, 1), title)


def _bar(kind: str, start: float, y: int, width: float, title: str) -> str:
    place = f'x="{start}" y="{y}" width="{width}" height="5" rx="2.5"'
    return f'<rect class="{kind}" {place}>{title}</rect>'
