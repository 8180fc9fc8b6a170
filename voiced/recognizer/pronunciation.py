"""How a word may sound, for words that the pronouncing dictionary lacks (names, mostly).

A guess in ARPAbet, by the commonest sound of each English spelling. It is no match for a
dictionary, but a decoder that has some pronunciation often finds the word, and one that has none
never does. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WORD_LETTERS = 40

_SPELLINGS = {
    # longest first is settled below; a spelling maps to its phones, "" is mute
    "tion": "SH AH N", "sion": "ZH AH N", "cian": "SH AH N", "ture": "CH ER", "ough": "AO",
    "augh": "AO", "eigh": "EY", "tch": "CH", "dge": "JH", "igh": "AY", "sch": "SH", "cqu": "K W",
    "ear": "IH R", "eer": "IH R", "air": "EH R", "are": "EH R", "oor": "AO R", "our": "AO R",
    "ore": "AO R", "ire": "AY R", "ure": "Y UH R", "ing": "IH NG", "ank": "AE NG K",
    "ink": "IH NG K", "onk": "AA NG K", "unk": "AH NG K", "eau": "OW",
    "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "gh": "G", "ck": "K", "ng": "NG",
    "qu": "K W", "kn": "N", "wr": "R", "ps": "P S", "sc": "S K", "ci": "S IH", "ce": "S EH",
    "cy": "S IY", "ge": "JH EH", "gi": "JH IH", "gy": "JH IY", "zh": "ZH", "dj": "JH", "tz": "T S",
    "ee": "IY", "ea": "IY", "ie": "IY", "ei": "EY", "ey": "IY", "ai": "EY", "ay": "EY", "oa": "OW",
    "oe": "OW", "oo": "UW", "ou": "AW", "ow": "OW", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO",
    "eu": "Y UW", "ew": "UW", "ue": "UW", "ui": "UW",
    "ar": "AA R", "er": "ER", "ir": "ER", "or": "AO R", "ur": "ER",
    "bb": "B", "cc": "K", "dd": "D", "ff": "F", "gg": "G", "kk": "K", "ll": "L", "mm": "M",
    "nn": "N", "pp": "P", "rr": "R", "ss": "S", "tt": "T", "vv": "V", "zz": "Z",
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "Y", "z": "Z", "'": "",
}  # fmt: skip
_LONGEST = max(map(len, _SPELLINGS))

_LONG_VOWELS = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW"}  # before a mute final e
_FINAL_VOWELS = {"a": "AH", "e": "IY", "i": "IY", "o": "OW", "u": "UW", "y": "IY"}
_VOWELS = frozenset("aeiouy")
_HISSES = ("S", "Z", "SH", "ZH", "CH", "JH")
_VOICELESS = ("P", "T", "K", "F", "TH")


def guess_pronunciation(word: str, known: Callable[[str], str | None]) -> str:
    """Return a pronunciation of `word`, ARPAbet phones separated by spaces.

    Args:
        word: at least one letter of a-z, and apostrophes.
        known: looks a word up in the dictionary; None when it is not there.
    """
    return _possessive(word, known) or _compound(word, known) or _spelled(word)


def parts_worth_knowing(word: str) -> set[str]:
    """Return the words whose dictionary entries would help to guess `word`."""
    halves = {half for at in _splits(word) for half in (word[:at], word[at:])}
    return halves | {_without_possessive(word)}


def _without_possessive(word: str) -> str:
    return word.removesuffix("'s").removesuffix("'")


def _possessive(word: str, known: Callable[[str], str | None]) -> str | None:
    """`smith's` from `smith`: the plural's three endings."""
    stem = _without_possessive(word)
    phones = known(stem) if stem != word else None
    if phones is None or not word.endswith("'s"):
        return phones
    last = phones.split()[-1]
    if last in _HISSES:
        return f"{phones} IH Z"
    return f"{phones} S" if last in _VOICELESS else f"{phones} Z"


def _splits(word: str) -> range:
    """Return where `word` may be two words; the longest first half is the last."""
    return range(3, len(word) - 2)


def _compound(word: str, known: Callable[[str], str | None]) -> str | None:
    """`bookshelf` from `book` and `shelf`."""
    for at in reversed(_splits(word)):
        first, second = known(word[:at]), known(word[at:])
        if first is not None and second is not None:
            return f"{first} {second}"
    return None


def _spelled(word: str) -> str:
    """Sound the word out, the longest spelling first."""
    phones: list[str] = []
    at = 0
    while at < len(word):
        length, sound = _next_sound(word, at)
        phones += sound.split()
        at += length
    return " ".join(phones) or "AH"


def _next_sound(word: str, at: int) -> tuple[int, str]:
    """Return how many letters from `at` make the next sound, and the sound."""
    rest = word[at:]
    if len(word) > 2 and rest in _FINAL_VOWELS and not (rest == "e" and _VOWELS & set(word[:at])):
        return 1, _FINAL_VOWELS[rest]
    if rest == "e" and at:
        return 1, ""
    if len(rest) == 3 and rest[0] in _LONG_VOWELS and rest[1] not in _VOWELS and rest[2] == "e":
        return 1, _LONG_VOWELS[rest[0]]
    for length in range(min(_LONGEST, len(rest)), 0, -1):
        if rest[:length] in _SPELLINGS:
            return length, _SPELLINGS[rest[:length]]
    return 1, ""
