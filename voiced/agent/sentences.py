"""Text cut into speakable pieces: whole sentences, neither tiny nor endless.

Pure. A synthesizer speaks piece by piece, so that the first is heard while the next is made; a
piece should be a sentence, because intonation spans one. A full stop is an end unless it belongs to
an abbreviation ("Dr.", "e.g.", "U.S."), an initial ("J. Smith"), a number ("9.30") or is followed
by a lower-case word.

How the incremental splitter can promise the same pieces however a text arrives in chunks: a cut is
only made when nothing that may still come could change it, which needs the end of the word after
the stop. White space is folded as it arrives (none, one or two line breaks are told apart), and
folding twice equals folding once.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from voiced.agent.wording import words_in

MAX_CHARS = 240
"""Longest piece: about 15 s of speech."""

MIN_CHARS = 14
"""A shorter sentence ("Sure.") is spoken together with the next one."""

_MAX_WORD = 24  # letters of the next word that are waited for
_BLANK = re.compile(r"\s+")
_STOP = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s|$)|(?=\n\n)""")
_LAST_TOKEN = re.compile(r"""[^\s("'“‘\[]*$""")
_NEXT_WORD = re.compile(r"""\s+["'“‘(\[]{0,3}([^\W\d_]*)(.?)""", re.DOTALL)
_BREAK = re.compile(r"[,;:—–](?=\s)|\s-(?=\s)")

# Never the end of a sentence: something named follows.
_TITLES = frozenset(
    words_in(
        "dr mr mrs ms prof st rev gen sen rep gov capt lt col sgt hon mt ft vs etc e.g i.e approx "
        "dept ext fig est tel appt min max ave blvd rd jr sr inc ltd co corp"
    )
)
_NUMBERED = frozenset({"no", "nos", "p", "pp", "vol", "ch", "sec", "room", "rm"})  # "No. 5"
_HALF_DAYS = frozenset({"a.m", "p.m", "am", "pm"})  # an end, unless a day's name follows
_DAYS = frozenset(
    words_in(
        "monday tuesday wednesday thursday friday saturday sunday eastern central mountain pacific "
        "est cst mst pst"
    )
)
_ACRONYM = re.compile(r"(?:[A-Za-z]\.)*[A-Za-z]")  # "U.S", "J": the last stop is not part of it


class _Verdict(Enum):
    """Whether a sentence ends at a stop."""

    END = auto()
    NO_END = auto()
    UNKNOWN = auto()  # more text is needed


def split_sentences(text: str, *, max_chars: int = MAX_CHARS) -> list[str]:
    """Return the speakable pieces of `text`; each has at most `max_chars` characters.

    >>> split_sentences("Dr. Lee is in at 9.30. Shall I book that?")
    ['Dr. Lee is in at 9.30.', 'Shall I book that?']
    """
    splitter = SentenceSplitter(max_chars=max_chars)
    return splitter.feed(text) + splitter.flush()


class SentenceSplitter:
    """Cuts a text that arrives in chunks (a model's stream); the chunks' borders do not matter.

    Holds at most one piece and one word.
    """

    def __init__(self, *, max_chars: int = MAX_CHARS) -> None:
        if max_chars < 2 * MIN_CHARS:
            raise ValueError(f"max_chars must be at least {2 * MIN_CHARS}, not {max_chars}")
        self._max_chars = max_chars
        self._text = ""

    def feed(self, text: str) -> list[str]:
        """Take the next chunk; return the pieces that are settled by it."""
        self._text = _BLANK.sub(_fold, self._text + text)
        return self._cut(final=False)

    def flush(self) -> list[str]:
        """Return what is left, and be ready for the next text."""
        pieces = self._cut(final=True)
        self._text = ""
        return pieces

    def _cut(self, *, final: bool) -> list[str]:
        """Take all settled pieces off the front of the text."""
        pieces: list[str] = []
        start = _skip_blank(self._text, 0)
        while (end := _next_cut(self._text, start, self._max_chars, final=final)) is not None:
            piece = " ".join(self._text[start:end].split())
            if any(character.isalnum() for character in piece):
                pieces.append(piece)
            start = _skip_blank(self._text, end)
        self._text = self._text[start:]
        return pieces


def _fold(blank: re.Match[str]) -> str:
    """Fold white space to a blank, a line break or an empty line."""
    return ("\n" * min(2, blank.group().count("\n"))) or " "


def _skip_blank(text: str, start: int) -> int:
    """Return where the next word starts."""
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _next_cut(text: str, start: int, max_chars: int, *, final: bool) -> int | None:
    """Return where the piece that begins at `start` ends, or None while that is open."""
    if start == len(text):
        return None
    limit = start + max_chars
    short: int | None = None  # the end of the tiny sentences before this one
    for stop in _STOP.finditer(text, start):
        if stop.end() > limit:
            break
        verdict = _judge(text, start, stop, final=final)
        if verdict is _Verdict.UNKNOWN:
            return None
        if verdict is _Verdict.END:
            if stop.end() - start >= MIN_CHARS:
                return stop.end()
            short = stop.end()
    if len(text) <= limit:
        return len(text) if final else None
    return short or _break_before(text, start, limit)


def _judge(text: str, start: int, stop: re.Match[str], *, final: bool) -> _Verdict:
    """Decide whether the sentence ends at `stop`."""
    following = _NEXT_WORD.match(text, stop.end())
    if following is None or not following[2]:  # the next word may still grow
        if not final and (following is None or len(following[1]) < _MAX_WORD):
            return _Verdict.UNKNOWN
        if following is None or not text[stop.end() :].strip():
            return _Verdict.END
    assert following is not None
    if text.startswith("\n\n", stop.end()):
        return _Verdict.END
    word = following[1][:_MAX_WORD]
    token = _LAST_TOKEN.search(text[start : stop.start()])
    if stop.group().startswith(("!", "?")):
        return _Verdict.END
    return _judge_full_stop(token.group() if token else "", word, following[2])


def _judge_full_stop(token: str, word: str, after: str) -> _Verdict:
    """Decide by the word before the stop, the word after it, and the character after that."""
    lower = token.lower()
    if word[:1].islower():
        return _Verdict.NO_END
    if lower in _HALF_DAYS:
        return _Verdict.NO_END if word.lower() in _DAYS else _Verdict.END
    if lower in _NUMBERED:
        return _Verdict.NO_END if not word and after.isdigit() else _Verdict.END
    if lower in _TITLES or _ACRONYM.fullmatch(token):
        return _Verdict.NO_END
    return _Verdict.END


def _break_before(text: str, start: int, limit: int) -> int:
    """Return the best place to break a sentence that is too long: comma, blank, anywhere."""
    breaks = [b.end() for b in _BREAK.finditer(text, start, limit)]
    if breaks and breaks[-1] - start >= MIN_CHARS:
        return breaks[-1]
    blank = max(text.rfind(" ", start, limit + 1), text.rfind("\n", start, limit + 1))
    return blank if blank > start else limit
