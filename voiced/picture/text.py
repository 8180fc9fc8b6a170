"""Words on paper: escaped, measured, wrapped, and divided into heard and not heard. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.picture.drawing import Passage

LINE_CHARACTERS = 36
MOST_LINES = 4
_MORE = " …"
_CHARACTER = 8.4
_NARROW = frozenset("iljtfrI.,:;!'|()[] ")
_BROAD = frozenset("mwMWOQG@%—…")
_NOT_XML = frozenset(map(chr, (*range(0xD800, 0xE000), 0xFFFE, 0xFFFF)))

Run: TypeAlias = tuple[str, str]
"""A piece of a line, and its class: "" for heard, "unheard", "unknown"."""


def xml_text(text: str) -> str:
    """Escape a text for XML, without the control characters that XML cannot hold."""
    return escape("".join(max(c, " ") for c in text if c not in _NOT_XML), {'"': "&quot;"})


def text_width(text: str) -> float:
    """Return about how wide a text is, px: a little too wide in most fonts, too narrow in none."""
    shares = (
        0.62 if c in _NARROW else 1.4 if c in _BROAD else 1.1 if c.isupper() else 1.0 for c in text
    )
    return _CHARACTER * sum(shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A passage's words in a few short lines, each a row of runs."""

    lines: tuple[tuple[Run, ...], ...]

    @property
    def width(self) -> float:
        """Return the width of the longest line, px."""
        return max(text_width("".join(text for text, _ in line)) for line in self.lines)


def words_of(passage: Passage) -> Words | None:
    """Return a passage's words; None if it has none."""
    lines = textwrap.wrap(
        passage.text,
        LINE_CHARACTERS,
        max_lines=MOST_LINES,
        placeholder=_MORE,
        break_on_hyphens=False,
    )
    if not lines:
        return None
    if passage.heard == "unknown":
        return Words(lines=tuple(((line, "unknown"),) for line in lines))
    return Words(lines=tuple(_divide(lines, _letters_heard(passage))))


def _letters_heard(passage: Passage) -> int:
    """Return of how many letters, spaces aside, the heard beginning of a passage consists."""
    if passage.heard in (None, "all"):
        return len(passage.text)
    return sum(map(len, passage.heard_text.split()))


def _divide(lines: list[str], heard: int) -> Iterator[tuple[Run, ...]]:
    """Yield lines as runs: the first `heard` letters of them all, spaces aside, were heard."""
    for line in lines:
        at = _after_letters(line, heard)
        heard -= sum(not c.isspace() for c in line[:at])
        runs = ((line[:at], ""), (line[at:], "unheard"))
        yield tuple((text, kind) for text, kind in runs if text)


def _after_letters(line: str, n: int) -> int:
    """Return where in `line` its first `n` letters, spaces aside, have ended."""
    for at, character in enumerate(line):
        if n == 0 and not character.isspace():
            return at
        n -= not character.isspace()
    return len(line)
