"""Words to expect, as recognizers take them that know all words anyway. Pure.

They help with names and with words of a trade. Common words do harm, as the providers say: what is
common already is heard more often than it is said. So of what an agent expects only that is told
which has a word in it that is not common, and no more than a provider takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

_COMMON = frozenset(
    """
    a about actually after afternoon again all already alright also always am an and another
    any anything appointment are around as ask at available away back be because been before
    best better between bit book both bring but buy by bye call called came can can't cancel
    card change check close come could couldn't day days did didn't do does doesn't doing
    don't done down each eight either else end enough even evening ever every everything few
    find fine first five for four friday from get give go going good goodbye got great had
    half has have haven't he hello help her here hey hi him his hour hours how how's i i'd
    i'll i'm i've if in information instead into is isn't it it's its just keep kind know last
    later least leave less let let's like little long look lot made make many matter may maybe
    me mean mind minute minutes monday more morning most much my name need never new next nice
    night nine no none noon not nothing now number o'clock of off often oh ok okay on once one
    only open or order other our out over own paid part pay people perhaps person phone place
    please possible price put question quite rather ready really right said same saturday say
    second see send seven she should since six some somebody someone something soon sorry
    speak start still stop such sunday sure take talk tell ten than thank thanks that that's
    the their them then there there's these they thing things think third this those three
    through thursday time times to today tomorrow tonight too try tuesday two uh um under
    until up us use very wait want was wasn't way we we'd we'll we're we've wednesday week
    weekend well were what what's when where which while who why will with without won't word
    work would wouldn't wrong yeah year yes yesterday yet you you'd you'll you're you've your
    """.split()  # noqa: SIM905 - a list of 300 strings is no easier to read
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a provider takes of hints.

    Attributes:
        n_terms: so many.
        term_chars: the longest.
        chars: all of them together.
        forbidden: characters that none may have.
    """

    n_terms: int = 100
    term_chars: int = 100
    chars: int = 10_000
    forbidden: str = ""

    def checked(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """Return `terms` as they are. Raises ValueError with what the provider would not take."""
        for term in terms:
            if fault := self.fault_of(term):
                raise ValueError(f"{term!r} {fault}")
        if len(terms) > self.n_terms:
            raise ValueError(f"has {len(terms)} terms; the provider takes {self.n_terms}")
        if (n_chars := sum(map(len, terms))) > self.chars:
            raise ValueError(f"has {n_chars} characters; the provider takes some {self.chars}")
        return terms

    def fault_of(self, term: str) -> str:
        """Return why the provider would not take a term; "" if it would."""
        if not term.strip() or not term.isprintable():
            return "is no word or phrase of one line"
        if len(term) > self.term_chars:
            return f"has {len(term)} characters; the provider takes {self.term_chars}"
        for sign in self.forbidden:
            if sign in term:
                return f"has a {sign!r}, which the provider does not take"
        return ""


def hints(own: Sequence[str], expected: Iterable[str], room: Room) -> tuple[str, ...]:
    """Return what a provider is told.

    Args:
        own: terms of the configuration, which go first.
        expected: what the agent expects to hear (`Vocabulary.terms`).
        room: there is for both; what does not fit is left out.
    """
    found: dict[str, str] = {}
    n_chars = 0
    for given in (*own, *(term for term in expected if is_telling(term))):
        term = " ".join(given.split())
        fits = len(found) < room.n_terms and n_chars + len(term) <= room.chars
        if fits and not room.fault_of(term) and term.casefold() not in found:
            found[term.casefold()] = term
            n_chars += len(term)
    return tuple(found.values())


def is_telling(term: str) -> bool:
    """Say whether a term has a word that is not common."""
    return any(word not in _COMMON for word in _WORD.findall(term.casefold().replace("’", "'")))


def telling_words(terms: Iterable[str]) -> tuple[str, ...]:
    """Return the words of `terms` that are not common, once each, for who takes no phrases."""
    found: dict[str, str] = {}
    for word in (word for term in terms for word in _WORD.findall(term)):
        if is_telling(word):
            found.setdefault(word.casefold(), word)
    return tuple(found.values())
