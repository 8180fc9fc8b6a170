"""What the caller truly heard of a reply.

A reply is spoken in pieces (sentences). Each lies on the playout timeline, in seconds of audio
given to Telnyx, and is followed by a mark. A mark that comes back in its own epoch proves that its
piece was played. `clear` makes Telnyx return *all* marks, so a mark of an older epoch proves
nothing; what was heard then follows from how far playing had come: by the times of its words where
the synthesizer tells them (`voiced.record.word_times`), by its letters elsewhere.

That position is our own reckoning: it goes on although nobody plays (a socket that is half open).
So where a mark is overdue, it proves nothing either, and what became of the piece is not known.

Pure: positions and times are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from voiced.record.word_times import word_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiced.record.word_times import Word

Heard: TypeAlias = Literal["all", "part", "none", "unknown"]
"""How much of a piece reached the caller; "unknown": its mark never came back when it should."""

MARK_OVERDUE_S = 0.5
"""How much later than its audio a mark may be: the way there and back, and a buffer between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardPiece:
    """One spoken piece: what was said and what of it was heard."""

    text: str
    heard: Heard
    heard_text: str


@dataclass(slots=True, kw_only=True)
class _Piece:
    text: str
    start_s: float
    end_s: float
    begun_in: str = ""
    mark: str = ""
    mark_due_at: float = float("inf")
    words: list[Word] = field(default_factory=list)
    result: HeardPiece | None = None


LETTERS_PER_S = 14.0
"""How fast speech is taken to be until a piece has been synthesized to its end."""


class HeardLedger:
    """The pieces of one reply and what became of each."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def begin(self, text: str, start_s: float, epoch: int = 0) -> None:
        """Note a piece whose audio will begin at `start_s` on the playout timeline."""
        end_s = start_s + max(1, len(text)) / LETTERS_PER_S
        piece = _Piece(text=text, start_s=start_s, end_s=end_s, begun_in=f"e{epoch}")
        self._pieces.append(piece)

    def told(self, words: Sequence[Word]) -> None:
        """Note when the next words of the last piece begun have sounded, counted from its start."""
        self._pieces[-1].words += words

    def finish(self, end_s: float, mark: str, plays_until: float = float("inf")) -> None:
        """Note that the last piece begun ends at `end_s` and is followed by `mark`.

        `plays_until` is when that should be, on the clock of `cut`.
        """
        piece = self._pieces[-1]
        piece.end_s = max(end_s, piece.start_s)
        piece.mark = mark
        piece.mark_due_at = plays_until + MARK_OVERDUE_S

    def played(self, mark: str) -> list[HeardPiece]:
        """Note that `mark` came back in its epoch; return the pieces that this settles, in order.

        Playing goes in order, so that what lies before the mark was played, too: a mark that was
        lost on the way leaves no doubt once a later one has come. Not so when the stream was lost
        between them, and with it what its buffer held.
        """
        marks = [piece.mark for piece in self._pieces]
        if not mark or mark not in marks:
            return []
        until = self._pieces[: marks.index(mark) + 1]
        return [_prove(piece, mark) for piece in until if piece.result is None]

    def cut(self, played_s: float, now: float = float("-inf")) -> list[HeardPiece]:
        """Playing stopped at `played_s`: settle every open piece and return them."""
        pieces = [piece for piece in self._pieces if piece.result is None]
        if any(played_s >= piece.end_s and now > piece.mark_due_at for piece in pieces):
            return [_doubt(piece, played_s) for piece in pieces]
        return [_cut(piece, played_s) for piece in pieces]

    def lost(self) -> list[HeardPiece]:
        """No mark will come any more: what is open stays unknown."""
        return [_settle(p, "unknown", "") for p in self._pieces if p.result is None]

    @property
    def settled(self) -> tuple[HeardPiece, ...]:
        """What is known of the pieces, in order."""
        return tuple(piece.result for piece in self._pieces if piece.result is not None)

    @property
    def heard_text(self) -> str:
        """Everything of this reply that is known to have been heard."""
        texts = (piece.result.heard_text for piece in self._pieces if piece.result is not None)
        return " ".join(text for text in texts if text)


def _settle(piece: _Piece, heard: Heard, text: str) -> HeardPiece:
    piece.result = HeardPiece(text=piece.text, heard=heard, heard_text=text)
    return piece.result


def _prove(piece: _Piece, mark: str) -> HeardPiece:
    """Settle a piece by a mark that came back: its own, or a later one."""
    epoch = mark.partition(":")[0]
    if piece.begun_in == piece.mark.partition(":")[0] == epoch:
        return _settle(piece, "all", piece.text)
    return _settle(piece, "unknown", "")


def _doubt(piece: _Piece, played_s: float) -> HeardPiece:
    """Settle a piece without believing that what should have been played was."""
    if played_s <= piece.start_s:
        return _settle(piece, "none", "")
    return _settle(piece, "unknown", "")


def _cut(piece: _Piece, played_s: float) -> HeardPiece:
    if played_s <= piece.start_s:
        return _settle(piece, "none", "")
    if played_s >= piece.end_s and (piece.mark or not piece.words):
        return _settle(piece, "all", piece.text)
    text = _heard_words(piece, played_s - piece.start_s)
    if text == " ".join(piece.text.split()):
        return _settle(piece, "all", piece.text)  # what is left of it is silence
    return _settle(piece, "part" if text else "none", text)


def _heard_words(piece: _Piece, at_s: float) -> str:
    """Return the words of `piece` that had sounded `at_s` after its start."""
    words = piece.text.split()
    ends = word_ends(piece.text, piece.words, complete=bool(piece.mark))
    heard = sum(end_s <= at_s for end_s in ends)
    if heard < len(ends) or heard == len(words):
        return " ".join(words[:heard])
    rest, known_s = " ".join(words[heard:]), ends[-1] if ends else 0.0
    rest_s = piece.end_s - piece.start_s - known_s
    if not piece.mark:
        rest_s = max(rest_s, len(rest) / LETTERS_PER_S)
    share = (at_s - known_s) / rest_s if rest_s > 0 else 0.0
    return " ".join([*words[:heard], *words_within(rest, share).split()])


def unheard_text(piece: HeardPiece) -> str:
    """Return the words of a piece that was cut which the caller has not heard; "" for none."""
    return " ".join(piece.text.split()[len(piece.heard_text.split()) :])


def words_within(text: str, share: float) -> str:
    """Return the words of `text` that were whole after `share` (0..1) of its audio.

    Time within a sentence is taken as proportional to its letters, which is right to about a word.
    """
    words = text.split()
    limit = share * sum(len(word) + 1 for word in words)
    spoken = 0.0
    whole: list[str] = []
    for word in words:
        spoken += len(word) + 1
        if spoken > limit + 1e-9:
            break
        whole.append(word)
    return " ".join(whole)
