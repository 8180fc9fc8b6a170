"""Phrase templates of a dialogue: what callers may say, written compactly.

    i (want|would like) [to make] an appointment on {day}

Words stand for themselves, `(a|b)` is one of several, `[a]` may be left out (`[a|b]`: one of these
or nothing), `{day}` is any word of the slot `day`. A bare `a|b` at the top is a choice, too. Pure:
`voiced.agent.matching` compares templates with recognized text, `voiced.agent.vocabulary` turns
them into sample sentences.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_CHARS = 400
MAX_DEPTH = 10
MAX_VARIANTS = 500
"""Bounds of one template: characters, brackets inside brackets, ways to make its choices."""

_LEXEMES = re.compile(r"\s+|[a-z']+|\{[^{}]*\}|[()\[\]|]")
_SLOT_NAME = re.compile(r"\{[a-z][a-z0-9_]*\}")


class TemplateError(ValueError):
    """A template cannot be read; `position` is the offending character's index, from 0."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at character {position + 1}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Word:
    """One word: lower-case letters and apostrophes."""

    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """Any of the words of the slot `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """All `items`, one after the other; empty: nothing."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `options`; when `optional`, or nothing."""

    options: tuple[Node, ...]
    optional: bool = False


Node: TypeAlias = "Word | Slot | Chain | Choice"


@dataclass(frozen=True, slots=True)
class Token:
    """One place of a variant: a word or a slot; an `optional` one costs nothing when missing."""

    node: Word | Slot
    optional: bool


Variant: TypeAlias = "tuple[Token, ...]"
"""A template with its choices made but its optional parts and slots kept: what is matched."""


@lru_cache(maxsize=4096)  # a check asks for the same templates again and again
def parse_template(text: str) -> Node:
    """Read a template (any case; surrounding and repeated spaces do not matter).

    Raises:
        TemplateError: with the position and what is wrong there.
    """
    if len(text) > MAX_CHARS:
        raise TemplateError(f"longer than {MAX_CHARS} characters", MAX_CHARS)
    parser = _Parser(list(_lexemes(text.lower())), len(text))
    node = parser.choice()
    parser.expect_end()
    if (n := count_variants(node)) > MAX_VARIANTS:
        raise TemplateError(f"{n} variants (at most {MAX_VARIANTS}): split the template", 0)
    if any(all(token.optional for token in variant) for variant in variants(node)):
        raise TemplateError("a wording without any required word", 0)
    return node


def _lexemes(text: str) -> Iterator[tuple[str, int]]:
    """Yield the lexemes of `text` with their positions."""
    position = 0
    while position < len(text):
        found = _LEXEMES.match(text, position)
        if found is None:
            raise TemplateError(_complaint(text[position]), position)
        lexeme = found.group()
        if lexeme.startswith("{") and not _SLOT_NAME.fullmatch(lexeme):
            raise TemplateError(
                f"'{lexeme}' is no slot (write a name of letters, digits, _)", position
            )
        if not lexeme.isspace():
            yield lexeme, position
        position = found.end()


def _complaint(character: str) -> str:
    """Say why `character` cannot stand in a template."""
    if character.isdigit():
        return f"'{character}': write numbers as words"
    if character in "{}":
        return f"'{character}' without its partner"
    return f"'{character}' is not allowed (only letters, apostrophes and ( ) [ ] | {{ }})"


class _Parser:
    """Recursive descent over the lexemes; `end` is the position reported for a missing one."""

    def __init__(self, lexemes: list[tuple[str, int]], end: int) -> None:
        self._lexemes = lexemes
        self._end = end
        self._next = 0
        self._depth = 0

    def _peek(self) -> str:
        return self._lexemes[self._next][0] if self._next < len(self._lexemes) else ""

    def _position(self) -> int:
        return self._lexemes[self._next][1] if self._next < len(self._lexemes) else self._end

    def choice(self) -> Node:
        """Read `choice = sequence { "|" sequence }`."""
        options = [self._sequence()]
        while self._peek() == "|":
            self._next += 1
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        """Read `sequence = item { item }`."""
        start = self._position()
        items: list[Node] = []
        while self._peek() not in ("", "|", ")", "]"):
            items.append(self._item())
        if not items:
            raise TemplateError("a word is missing", start)
        return items[0] if len(items) == 1 else Chain(tuple(items))

    def _item(self) -> Node:
        """Read `item = word | slot | "(" choice ")" | "[" choice "]"`."""
        lexeme, position = self._lexemes[self._next]
        self._next += 1
        if lexeme.startswith("{"):
            return Slot(lexeme[1:-1])
        if lexeme not in ("(", "["):
            return Word(lexeme)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"more than {MAX_DEPTH} brackets inside each other", position)
        inner = self.choice()
        self._depth -= 1
        if self._peek() != {"(": ")", "[": "]"}[lexeme]:
            raise TemplateError(f"'{lexeme}' is never closed", position)
        self._next += 1
        if lexeme == "(":
            return inner
        if isinstance(inner, Choice) and not inner.optional:
            return Choice(inner.options, optional=True)
        return Choice((inner,), optional=True)

    def expect_end(self) -> None:
        """Refuse a closing bracket that nothing opened."""
        if self._peek():
            raise TemplateError(f"'{self._peek()}' without its opening partner", self._position())


def count_variants(node: Node) -> int:
    """Return how many variants `variants` gives."""
    match node:
        case Word() | Slot():
            return 1
        case Chain(items):
            return math.prod(count_variants(item) for item in items)
        case Choice(options):
            return sum(count_variants(option) for option in options)
        case _:
            assert_never(node)


def variants(node: Node) -> Iterator[Variant]:
    """Yield every way of making the choices of `node`; check `count_variants` first."""
    match node:
        case Word() | Slot():
            yield (Token(node, optional=False),)
        case Chain(items):
            yield from _sequence_variants(items)
        case Choice(options, optional):
            for option in options:
                for variant in variants(option):
                    yield tuple(Token(t.node, t.optional or optional) for t in variant)
        case _:
            assert_never(node)


def _sequence_variants(items: tuple[Node, ...]) -> Iterator[Variant]:
    """Yield the product of the variants of `items`."""
    if not items:
        yield ()
        return
    for head in variants(items[0]):
        for tail in _sequence_variants(items[1:]):
            yield head + tail


def slots_of(node: Node) -> set[str]:
    """Return the names of all slots in `node`."""
    return {token.node.name for v in variants(node) for token in v if isinstance(token.node, Slot)}


@lru_cache(maxsize=4096)
def certain_slots(node: Node) -> frozenset[str]:
    """Return the slots that are filled whenever `node` is matched."""
    per_variant = [
        {t.node.name for t in variant if isinstance(t.node, Slot) and not t.optional}
        for variant in variants(node)
    ]
    return frozenset(set.intersection(*per_variant))


def count_sentences(node: Node, slots: Mapping[str, Sequence[str]]) -> int:
    """Return how many different ways `sentence` can speak `node` (`slots`: words by slot name)."""
    match node:
        case Word():
            return 1
        case Slot(name):
            return len(slots[name])
        case Chain(items):
            return math.prod(count_sentences(item, slots) for item in items)
        case Choice(options, optional):
            return int(optional) + sum(count_sentences(option, slots) for option in options)
        case _:
            assert_never(node)


def sentence(node: Node, slots: Mapping[str, Sequence[str]], rank: int) -> str:
    """Return the sentence of number `rank`, 0 <= rank < count_sentences(node, slots)."""
    match node:
        case Word(text):
            return text
        case Slot(name):
            return slots[name][rank]
        case Chain(items):
            parts = []
            for item in items:
                rank, part = divmod(rank, count_sentences(item, slots))
                parts.append(sentence(item, slots, part))
            return " ".join(part for part in parts if part)
        case Choice(options):
            for option in options:
                n = count_sentences(option, slots)
                if rank < n:
                    return sentence(option, slots, rank)
                rank -= n
            return ""  # the rank after all options: the choice left out
        case _:
            assert_never(node)
