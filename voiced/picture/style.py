"""The colours of a picture, light and dark, and where in it things are. Pure.

Everything stands under the class `call-picture`, so that a picture inside a web page leaves the
page as it is. Nothing is told by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT, RIGHT = 96, 28
HEADER = 80
"""Height of title and subtitle; KEY is what is left without them."""
KEY = 22
FLAGS = 36
"""Height of two rows of labels of markers."""
WAVE = 58
"""Half the height of a waveform, px."""
AXIS = 58
"""Height of the band between the two waveforms."""
ROW = 20
"""Height of a line of words."""
GAP = 8
WAITS = 96
"""Height of the chart of waits."""

LEAST_WIDTH, MOST_WIDTH = 1600, 6400
_PX_PER_S = 16.0

_FONT = 'font:14px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif'

_PLAIN = (
    f"text{{{_FONT}}}",
    ".title{font-size:21px;font-weight:600}.small{font-size:12px}.name{font-weight:600}",
    ".end{text-anchor:end}.mid{text-anchor:middle}.bar{opacity:.85}",
    ".lead{stroke-dasharray:2 3}.wait{stroke-width:2}",
    ".waited{font-weight:600;font-size:12.5px}",
    ".flag{stroke-width:1.3;stroke-dasharray:5 4}",
    ".label{font-size:12.5px;font-weight:600}",
    ".halo{paint-order:stroke;stroke-width:4;stroke-linejoin:round}",
    ".unheard{text-decoration:line-through}.unknown{font-style:italic}",
    ".unheardbar{fill:none!important;stroke-width:1.2;stroke-dasharray:3 2}",
    ".dashed{stroke-dasharray:4 3}",
)

# Selector, then what it has in light and in dark colours.
_COLOURS = (
    ("text", "fill:#1d2733", "fill:#e4e9ef"),
    (".paper", "fill:#fff", "fill:#12171d"),
    (".lane", "fill:#f4f6f9", "fill:#1a2129"),
    (".soft,.unheard,.unknown", "fill:#5b6777", "fill:#93a1b1"),
    (".grid", "stroke:#dde3ea", "stroke:#2a333d"),
    (".rule,.lead", "stroke:#b9c3ce", "stroke:#465362"),
    (".band", "fill:#e7eaee", "fill:#252e38"),
    (".caller", "fill:#2f6fd0", "fill:#6ea6ff"),
    (".agent", "fill:#0f8f6c", "fill:#3fcf9f"),
    (".callerbox", "fill:#e8f0fc;stroke:#b7cff3", "fill:#1c2c46;stroke:#2f4d80"),
    (".agentbox", "fill:#e3f5ef;stroke:#a9dccb", "fill:#15342b;stroke:#21604c"),
    (".unheardbar", "stroke:#0f8f6c", "stroke:#3fcf9f"),
    (".wait", "stroke:#c2571a", "stroke:#f0935a"),
    (".waited", "fill:#b04c12", "fill:#f0935a"),
    (".answer,.silence", "stroke:#8a97a6;fill:#5b6777", "stroke:#7b8998;fill:#93a1b1"),
    (".barge-in,.gap,.trouble", "stroke:#c0292f;fill:#c0292f", "stroke:#ff7b80;fill:#ff7b80"),
    (".clear,.false-alarm", "stroke:#8e4bb0;fill:#8e4bb0", "stroke:#cf9bea;fill:#cf9bea"),
    (".transfer", "stroke:#96690a;fill:#8a5f06", "stroke:#e5b84b;fill:#e5b84b"),
    (".hangup", "stroke:#1d2733;fill:#1d2733", "stroke:#e4e9ef;fill:#e4e9ef"),
    (".endpointing", "fill:#9aa7b5", "fill:#7e8c9b"),
    (".recognizer", "fill:#3b78c9", "fill:#6ea6ff"),
    (".model", "fill:#c2571a", "fill:#f0935a"),
    (".synthesizer", "fill:#0f8f6c", "fill:#3fcf9f"),
    (".pacing", "fill:#8e4bb0", "fill:#cf9bea"),
    (".lead_in", "fill:#c9a227", "fill:#e5cf6b"),
    # The last: text that lies on lines, cut out of them.
    (".halo", "stroke:#fff", "stroke:#12171d"),
)


def _scoped(selectors: str) -> str:
    return ",".join(f".call-picture {selector}" for selector in selectors.split(","))


def _plain_rules() -> Iterator[str]:
    for line in _PLAIN:
        for rule in line.split("}"):
            if rule:
                selectors, _, body = rule.partition("{")
                yield f"{_scoped(selectors)}{{{body}}}"


def _make_style() -> str:
    light = (f"{_scoped(names)}{{{colours}}}" for names, colours, _ in _COLOURS)
    dark = (f"{_scoped(names)}{{{colours}}}" for names, _, colours in _COLOURS)
    night = "@media (prefers-color-scheme:dark){\n" + "\n".join(dark) + "\n}"
    return "\n".join([*_plain_rules(), *light, night])


STYLE = _make_style()
"""The style sheet; a picture carries it, unless the page that holds it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Seconds to pixels, on paper of a width."""

    duration_s: float
    width: int

    @property
    def right(self) -> int:
        """Return where the time axis ends."""
        return self.width - RIGHT

    @property
    def plot(self) -> int:
        """Return how wide the time axis is, px."""
        return self.right - LEFT

    @property
    def px_per_s(self) -> float:
        """Return how wide a second is."""
        return self.plot / self.duration_s

    def __call__(self, seconds: float) -> float:
        """Return where a moment is; what lies outside of the call is at its edge."""
        return round(LEFT + min(max(seconds, 0.0), self.duration_s) * self.px_per_s, 1)

    def ticks(self) -> Iterator[int]:
        """Yield the seconds that get a number: a round step, never closer than 60 px."""
        steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
        step = next((s for s in steps if s * self.px_per_s >= 60), 7200)
        yield from range(0, int(self.duration_s) + 1, step)


def width_for(duration_s: float) -> int:
    """Return how wide a picture is if nobody says: more for long calls, and never absurd."""
    return int(min(max(LEAST_WIDTH, duration_s * _PX_PER_S), MOST_WIDTH))
