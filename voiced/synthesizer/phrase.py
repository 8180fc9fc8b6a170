"""A text that has been spoken: its audio and its words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voiced.audio.level import normalize, sounding_part
from voiced.record.word_times import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voiced.audio.frame import Pcm

PIECE_S = 0.2
"""Audio is given in pieces of this length: cancelling takes effect between them."""

TRIM_BELOW_DB = 32.0
"""Silence is this much under the speech level. Measured at -20 dBFS speech: the voices' own noise
before the first sound lies at -56 (awb, kal16) to -80 (rms), a weak "th" or "f" at -47 to -38."""

KEEP_S = 0.040
"""Silence that is left at each end, so that no onset is cut into."""

_WORD_BYTES = 120  # what a word with its time takes in memory, about


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phrase:
    """What a synthesizer gives for one text; `pcm` is read-only, because it is shared."""

    pcm: Pcm
    words: tuple[Word, ...] = ()

    @property
    def n_bytes(self) -> int:
        """What it takes in memory, about."""
        return self.pcm.nbytes + _WORD_BYTES * len(self.words)


def make_phrase(raw: Pcm, rate_hz: int, level_dbfs: float, words: Sequence[Word] = ()) -> Phrase:
    """Return whole audio as a voice gives it, at the level and with the silence it should have.

    Args:
        raw: int16, shape (n,).
        rate_hz: of it.
        level_dbfs: RMS of speech; the peak stays below -1 dBFS whatever this says.
        words: with their times in `raw`.
    """
    loud = normalize(raw, level_dbfs)
    part = sounding_part(loud, rate_hz, level_dbfs - TRIM_BELOW_DB, KEEP_S)
    pcm = loud[part].copy()  # so that what is cut off does not stay alive
    pcm.flags.writeable = False
    start_s, length_s = part.start / rate_hz, len(pcm) / rate_hz
    shifted = (Word(w.text, min(max(0.0, w.end_s - start_s), length_s)) for w in words)
    return Phrase(pcm=pcm, words=tuple(shifted) if len(pcm) else ())


def pieces_of(pcm: Pcm, rate_hz: int) -> Iterator[Pcm]:
    """Give `pcm` in pieces of `PIECE_S`, the last one shorter."""
    n_samples = int(rate_hz * PIECE_S)
    for start in range(0, len(pcm), n_samples):
        yield pcm[start : start + n_samples]
