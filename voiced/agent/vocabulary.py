"""What callers may say, as sample sentences: the recognizer's language model learns from them.

Pure and deterministic. Each thing a caller may say gets the same number of sentences, whether its
templates can be spoken in one way ("yes") or in thousands, because a model counts: were every
wording listed once, the short answers would be drowned by the long ones.
"""

from __future__ import annotations

import math
from itertools import cycle, islice
from typing import TYPE_CHECKING

from voiced.agent.template import count_sentences, sentence
from voiced.agent.wording import spoken_words
from voiced.recognizer.base import NO_VOCABULARY, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from voiced.agent.template import Node

SENTENCES_PER_ANSWER = 60
MAX_SENTENCES = 6000
"""Bounds of a vocabulary. A trigram model of 6000 short sentences took 0.13 s to build."""

_LEAD_INS = ("uh", "um", "well", "yes", "okay", "oh", "hello", "so")
_LEAD_OUTS = ("please", "thank you", "thanks", "i think")
_BARE_EACH = 2  # of three sentences two are bare, one has something around it


def build_vocabulary(
    answers: Iterable[Sequence[Node]], slots: Mapping[str, Sequence[str]]
) -> Vocabulary:
    """Return sample sentences for `answers` (each: its templates).

    Args:
        answers: what callers may say; repeated answers count once.
        slots: spoken words by slot name, aliases included, in any writing.

    Returns:
        vocabulary: the same number of sentences for each answer, evenly taken from its wordings,
            a third of them with the small words that people put around; then every slot word by
            itself. At most `MAX_SENTENCES`. Its terms are the slot words as they are written.
    """
    spoken = {
        name: tuple(" ".join(spoken_words(w)) for w in words) for name, words in slots.items()
    }
    different = list(dict.fromkeys(tuple(templates) for templates in answers))
    singles = list(dict.fromkeys(word for words in spoken.values() for word in words))
    room = max(0, MAX_SENTENCES - len(singles)) // max(1, len(different))
    quota = min(SENTENCES_PER_ANSWER, room)
    sentences = [
        text for templates in different for text in islice(_around(templates, spoken), quota)
    ]
    terms = dict.fromkeys(word for words in slots.values() for word in words)
    return Vocabulary(tuple((sentences + singles)[:MAX_SENTENCES]), tuple(terms))


def join_vocabularies(vocabularies: Iterable[Vocabulary]) -> Vocabulary:
    """Return one for several agents of which each may hold the conversation.

    Sentences of the shorter ones come again and again, so that none is drowned by the others: as
    many as the longest has, or an even share of `MAX_SENTENCES`. None is left out.
    """
    different = list(dict.fromkeys(one for one in vocabularies if one.sentences or one.terms))
    if len(different) <= 1:
        return different[0] if different else NO_VOCABULARY
    spoken = [one.sentences for one in different if one.sentences]
    room = MAX_SENTENCES // max(1, len(spoken))
    even = min(room, max((len(one) for one in spoken), default=0))
    sentences = [text for one in spoken for text in islice(cycle(one), max(len(one), even))]
    terms = dict.fromkeys(term for one in different for term in one.terms)
    return Vocabulary(tuple(sentences), tuple(terms))


def _around(templates: Sequence[Node], slots: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the wordings in turn without end, every third with a lead-in or a lead-out."""
    surroundings = cycle(
        [f"{word} {{}}" for word in _LEAD_INS] + [f"{{}} {word}" for word in _LEAD_OUTS]
    )
    for i, text in enumerate(_wordings(templates, slots)):
        yield text if i % (_BARE_EACH + 1) < _BARE_EACH else next(surroundings).format(text)


def _wordings(templates: Sequence[Node], slots: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield one wording of each template in turn, each template's ranks evenly spread."""
    sources = [_spread(template, slots) for template in templates]
    for source in cycle(sources):
        yield next(source)


def _spread(template: Node, slots: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield all wordings of `template` again and again, distant ones after each other.

    Ranks advance by the golden section of their number: any first k are spread evenly over the
    whole, and because the step shares no factor with the number, all come before one comes twice.
    """
    n = count_sentences(template, slots)
    step = max(1, round(n * 0.618))
    while math.gcd(step, n) != 1:
        step += 1
    rank = 0
    while True:
        yield sentence(template, slots, rank)
        rank = (rank + step) % n
