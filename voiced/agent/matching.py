"""What did the caller mean? Recognized text against phrase templates. Pure.

A recognizer for a closed domain makes three kinds of mistake: it swaps small words ("a" for "the"),
it hears words that were never said (breath, noise, "uh"), and it loses words. So a phrase is not
looked up but aligned, in order, with what was heard, like a spelling corrector does with letters:

* *recall*: which part of the phrase was heard, by weight. Small words weigh little, slots most; a
  word spelled nearly alike counts in part ("appointments"). Every required slot must be there.
* *precision*: which part of what was heard belongs to the phrase, by weight. It counts less, so
  that "uh on thursday i think" still is a day.

    score = recall * (0.7 + 0.3 * precision)

and a "not" outside the phrase halves it ("i do not want an appointment"). A score of 1 is the
phrase itself. The threshold, the weights and the halving were set on the table in
`tests/agent/test_matching.py`, which holds typical mishearings and near misses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

from voiced.agent.template import Slot, Token, Word, variants
from voiced.agent.wording import canonical, spoken_words, words_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voiced.agent.template import Node, Variant

THRESHOLD = 0.6
"""Least score of a match."""

_PRECISION_SHARE = 0.3
_SLOT_WEIGHT = 2.0
_SMALL_WEIGHT = 0.3
_FILLER_WEIGHT = 0.05
_NEGATION_FACTOR = 0.5
_OPTIONAL_SHARE = 0.1  # of a word's weight, in the alignment only: take optional words when at hand
_HOME_BONUS = 0.05  # a state's own answers before the global ones, unless those fit exactly
_LATER_BONUS = 1e-3  # per word position: of two mentions the later one ("monday, no, tuesday")
_LEAST_ALIKE = 0.75
_OTHER_FORM = 0.85
_ROUNDING = 1e-9
_WORD_ENDINGS = ("s", "es", "d", "ed", "ing", "'s")

_SMALL = frozenset(
    words_in(
        "a an the i we you he she it they me my your our us is am are was be been do does did have "
        "has had can could will would shall should may might to of on in at by for from with and "
        "or if this that there here what which when how want like need just some any so"
    )
)
_FILLERS = frozenset(
    words_in(
        "uh um er ah oh hm mm hmm well please okay hi hello hey thanks thank sorry maybe think "
        "guess actually then really"
    )
)
_NEGATIONS = frozenset({"not", "never"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotWords:
    """What fills a slot: `values` maps spoken words to the value they stand for."""

    values: Mapping[tuple[str, ...], str]

    @classmethod
    def of(cls, words: Iterable[str], aliases: Mapping[str, str] | None = None) -> SlotWords:
        """Make one of the words as they are written ("Thursday") and aliases for them."""
        said = {word: word for word in words} | dict(aliases or {})
        return cls(values={canonical(spoken_words(key)): value for key, value in said.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One thing a caller may say: `key` names it to the asker, `templates` are its wordings.

    `home` ones go before the others when the scores are close.
    """

    key: int
    templates: Sequence[Node]
    home: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The best reading of a text: whose (`key`), how well (`score`, 0..1), and the slot values.

    `phrase` is the wording that matched, with its slots filled, for reading back.
    """

    key: int
    score: float
    slots: Mapping[str, str]
    phrase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrase:
    """A variant in canonical words with what is needed to score it."""

    key: int
    home: bool
    tokens: Variant
    total: float  # weight of all required tokens
    required_slots: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """The words of one turn and where each slot's words stand in them."""

    words: tuple[str, ...]
    total: float
    found: Mapping[str, Mapping[int, tuple[int, str, float]]]  # slot: start: (length, value, alike)
    _best: dict[str, float] = field(default_factory=dict)

    def best_alike(self, text: str) -> float:
        """Return how alike the word is to the heard word nearest to it."""
        if text not in self._best:
            self._best[text] = max(_alike(text, word) for word in self.words)
        return self._best[text]


@dataclass(frozen=True, slots=True)
class _Alignment:
    """The best way to lay a phrase over the words from some position on."""

    gain: float = 0.0  # what the alignment maximizes
    recalled: float = 0.0  # weight of the required tokens found
    covered: float = 0.0  # weight of the heard words used
    negated: int = 0  # negations that belong to the phrase
    slots: tuple[tuple[str, str], ...] = ()


_NOTHING = _Alignment()


@dataclass(slots=True)
class Matcher:
    """Compares texts with a set of expected things; made once, then shared by all calls."""

    expected: Sequence[Expected]
    slots: Mapping[str, SlotWords]
    _phrases: list[_Phrase] = field(init=False)

    def __post_init__(self) -> None:
        self._phrases = [
            _phrase(one, variant)
            for one in self.expected
            for template in one.templates
            for variant in variants(template)
        ]

    def match(self, text: str) -> Match | None:
        """Return the best reading of `text`, or None when nothing fits well enough."""
        words = canonical(spoken_words(text))
        if not words:
            return None
        heard = _Heard(
            words=words,
            total=sum(map(_heard_weight, words)),
            found={name: _find_slot(slot, words) for name, slot in self.slots.items()},
        )
        best: Match | None = None
        best_rank = (0.0, 0.0)
        bounds = [(_best_possible(phrase, heard), phrase) for phrase in self._phrases]
        for bound, phrase in sorted(bounds, key=itemgetter(0), reverse=True):
            if bound < max(THRESHOLD, best_rank[0] - _HOME_BONUS) - _ROUNDING:
                break
            alignment = _align(phrase.tokens, heard)
            score = _score(phrase, alignment, heard)
            bonus = _HOME_BONUS if phrase.home and score < 1 else 0.0
            rank = (min(score + bonus, 1.0), alignment.gain)
            if score >= THRESHOLD and rank > best_rank:
                best, best_rank = _as_match(phrase, alignment, score), rank
        return best


def _phrase(one: Expected, variant: Variant) -> _Phrase:
    """Prepare one variant for scoring."""
    tokens: list[Token] = []
    for token in variant:
        match token.node:
            case Word(text):
                parts = canonical((text,))
                tokens += [Token(Word(part), token.optional) for part in parts]
            case Slot():
                tokens.append(token)
    required = [token for token in tokens if not token.optional]
    return _Phrase(
        key=one.key,
        home=one.home,
        tokens=tuple(tokens),
        total=sum(_token_weight(token) for token in required),
        required_slots=frozenset(t.node.name for t in required if isinstance(t.node, Slot)),
    )


def _token_weight(token: Token) -> float:
    """Return how much a token of a phrase says."""
    match token.node:
        case Slot():
            return _SLOT_WEIGHT
        case Word(text):
            return _SMALL_WEIGHT if text in _SMALL else 1.0


def _heard_weight(word: str) -> float:
    """Return how much a heard word asks to be explained by the phrase."""
    if word in _FILLERS:
        return _FILLER_WEIGHT
    return _SMALL_WEIGHT if word in _SMALL else 1.0


def _best_possible(phrase: _Phrase, heard: _Heard) -> float:
    """Return an upper bound of the phrase's score, cheaply: most phrases end here."""
    if any(not heard.found[name] for name in phrase.required_slots):
        return 0.0
    recalled = covered = 0.0
    for token in phrase.tokens:
        match token.node:
            case Slot(name):
                recalled += 0.0 if token.optional else _SLOT_WEIGHT
                covered += _widest(heard, name)
            case Word(text):
                alike = heard.best_alike(text)
                recalled += 0.0 if token.optional else alike * _token_weight(token)
                covered += alike
    precision = min(1.0, covered / heard.total)
    return recalled / phrase.total * (1 - _PRECISION_SHARE + _PRECISION_SHARE * precision)


def _widest(heard: _Heard, slot: str) -> int:
    """Return the number of words of the slot's longest find."""
    return max((length for length, _, _ in heard.found[slot].values()), default=0)


def _find_slot(slot: SlotWords, words: tuple[str, ...]) -> Mapping[int, tuple[int, str, float]]:
    """Return where the slot's words stand: start -> (number of words, value, alikeness).

    At each position the longest exact wording wins; else the most alike single word.
    """
    found: dict[int, tuple[int, str, float]] = {}
    for start in range(len(words)):
        candidates = [
            (alike, len(said), value)
            for said, value in slot.values.items()
            if (alike := _alike_words(said, words[start : start + len(said)]))
        ]
        if candidates:
            alike, length, value = max(candidates, key=lambda c: (c[0] == 1, c[1], c[0]))
            found[start] = (length, value, alike)
    return found


def _alike_words(said: tuple[str, ...], words: tuple[str, ...]) -> float:
    """Return how alike two runs of words are; 0 when their lengths differ or one word is off."""
    if len(said) != len(words) or not said:
        return 0.0
    return min(_alike(one, other) for one, other in zip(said, words, strict=True))


def _align(tokens: Variant, heard: _Heard) -> _Alignment:
    """Lay `tokens` in order over the heard words, for the greatest gain."""
    n = len(heard.words)
    row = [_NOTHING] * (n + 1)  # row[j]: the best for the tokens done so far and words[j:]
    for token in reversed(tokens):
        new = list(row)  # the token left out
        for j in reversed(range(n)):
            taken = _take(token, j, heard, row)
            best = new[j] if taken is None or taken.gain <= new[j].gain else taken
            new[j] = best if best.gain >= new[j + 1].gain else new[j + 1]
        row = new
    return row[0]


def _take(token: Token, j: int, heard: _Heard, row: Sequence[_Alignment]) -> _Alignment | None:
    """Return the alignment that puts `token` on word `j`, or None when it does not fit there."""
    length, alike = 1, 0.0
    slots: tuple[tuple[str, str], ...] = ()
    match token.node:
        case Slot(name) if j in heard.found[name]:
            length, value, alike = heard.found[name][j]
            slots = ((name, value),)
        case Word(text):
            alike = _alike(text, heard.words[j])
        case _:
            pass
    if not alike:
        return None
    rest = row[j + length]
    used = heard.words[j : j + length]
    worth = alike * _token_weight(token)
    return _Alignment(
        gain=rest.gain
        + worth * (_OPTIONAL_SHARE if token.optional else 1.0)
        + (j + length) * _LATER_BONUS,
        recalled=rest.recalled + (0.0 if token.optional else worth),
        covered=rest.covered + alike * sum(map(_heard_weight, used)),
        negated=rest.negated + sum(word in _NEGATIONS for word in used),
        slots=slots + rest.slots,
    )


def _score(phrase: _Phrase, alignment: _Alignment, heard: _Heard) -> float:
    """Return the score of the module's formula."""
    if not phrase.required_slots <= dict(alignment.slots).keys() or not alignment.covered:
        return 0.0
    recall = alignment.recalled / phrase.total
    precision = alignment.covered / heard.total
    score = recall * (1 - _PRECISION_SHARE + _PRECISION_SHARE * precision)
    outside = sum(word in _NEGATIONS for word in heard.words) - alignment.negated
    return score * (_NEGATION_FACTOR if outside else 1.0)


def _as_match(phrase: _Phrase, alignment: _Alignment, score: float) -> Match:
    """Return what the asker gets."""
    slots = dict(alignment.slots)
    spoken: list[str] = []
    for token in phrase.tokens:
        match token.node:
            case Slot(name) if name in slots:
                spoken.append(slots[name])
            case Word(text) if not token.optional:
                spoken.append(text)
            case _:
                pass
    return Match(key=phrase.key, score=score, slots=slots, phrase=" ".join(spoken))


@lru_cache(maxsize=65536)
def _alike(one: str, other: str) -> float:
    """Return 1 for the same word, 0.75..1 for another form or one spelled nearly so, else 0.

    Words under four letters must be the same, and under five they may differ in the ending only:
    among short ones another letter makes another word ("nine", "fine"). The bar
    keeps Monday from Sunday (0.67) and Tuesday from Thursday (0.63).
    """
    if one == other:
        return 1.0
    short, long = sorted((one, other), key=len)
    if len(short) < 4 or short[0] != long[0]:
        return 0.0
    if long.removeprefix(short) in _WORD_ENDINGS:
        return _OTHER_FORM
    if len(short) < 5:
        return 0.0
    alike = 1 - _edit_distance(one, other) / len(long)
    return alike if alike >= _LEAST_ALIKE else 0.0


def _edit_distance(one: str, other: str) -> int:
    """Return the number of single-letter edits between two words (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        corner, row[0] = row[0], i
        for j, its in enumerate(other, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (letter != its))
    return row[-1]
