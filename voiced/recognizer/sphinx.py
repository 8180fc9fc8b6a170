"""The decoder: one utterance of telephone audio in, words and a confidence out (pocketsphinx).

It holds the GIL for up to 0.3 s at a time, which no call survives: in the daemon it runs in
`worker`, a process of its own. Only tests and replay run it in-process.

What decides its accuracy on the telephone, all measured: the utterance is decoded whole, so that
the cepstral mean is its own and not a wideband default (word errors 2 % instead of 70 %); it is
brought to the 16 kHz the acoustic model was trained on, never decoded at 8 kHz (2 % instead of
70 %); and the grammar is the dialogue's own. Tried and left out: some of the mirror image in the
empty upper band (better for one voice in four, worse for two), digital silence round the utterance
(no difference), the second, flat pass (40 % slower, no difference).
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pocketsphinx

from voiced.recognizer.grammar import build_grammar
from voiced.recognizer.worker_wire import Loaded, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from voiced.audio.frame import Pcm

MAX_VOCABULARIES = 4
"""Loaded at a time in one process; each holds 4-12 MB."""

MIN_SAMPLES = 800
"""Below 0.1 s of audio there is no word to find, and pocketsphinx has no frame to decode."""

_LANGUAGE_WEIGHT = 9.5  # 6.5 (stock) got 89 % of the words in noise right, this 92 %
_HALF_TAPS = 24
_NOTHING = Transcript(text="", confidence=0.0)


class SphinxDecoder:
    """Decoders for the vocabularies in use, the least recently used one making room."""

    def __init__(self) -> None:
        self._decoders: OrderedDict[str, tuple[Any, Loaded]] = OrderedDict()

    def load(self, key: str, sentences: Sequence[str]) -> Loaded:
        """Build the decoder of a vocabulary (0.05-0.1 s), unless it is loaded already."""
        if key not in self._decoders:
            self._decoders[key] = _build(sentences)
            while len(self._decoders) > MAX_VOCABULARIES:
                self._decoders.popitem(last=False)
        self._decoders.move_to_end(key)
        return self._decoders[key][1]

    def __contains__(self, key: str) -> bool:
        """Say whether vocabulary `key` is loaded."""
        return key in self._decoders

    def decode(self, key: str, pcm: Pcm) -> Transcript:
        """Return the words of one utterance.

        Args:
            key: a loaded vocabulary.
            pcm: int16, 8 kHz, with some tenths of a second of silence round the speech.
        """
        self._decoders.move_to_end(key)
        decoder, _ = self._decoders[key]
        if decoder is None or len(pcm) < MIN_SAMPLES:
            return _NOTHING
        decoder.reinit_feat()  # or the noise of the caller before would be taken out of this one
        decoder.start_utt()
        decoder.process_raw(upsample(pcm).tobytes(), no_search=False, full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        words = _posteriors(decoder)
        if hypothesis is None or not words:
            return _NOTHING
        return Transcript(
            text=hypothesis.hypstr, confidence=sum(words) / len(words), last_word=words[-1]
        )


def _build(sentences: Sequence[str]) -> tuple[Any, Loaded]:
    grammar = build_grammar(sentences, _read_dictionary)
    loaded = Loaded(words=len(grammar.words), guessed=grammar.guessed, unusable=grammar.unusable)
    return _make_decoder(grammar.arpa, grammar.dictionary), loaded


def _posteriors(decoder: Any) -> list[float]:
    """Return each word's posterior probability, fillers (`<sil>`, `[NOISE]`) left out."""
    words = (segment for segment in decoder.seg() if segment.word[0] not in "<[")
    return [min(max(float(word.prob), 0.0), 1.0) for word in words]


def _dictionary_path() -> Path:
    return Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"


def _read_dictionary() -> Iterator[str]:
    with _dictionary_path().open(encoding="utf-8") as lines:
        yield from lines


def _make_decoder(arpa: str, dictionary: str) -> Any:
    """Return a decoder, or None for a vocabulary without a word."""
    if not arpa:
        return None
    pocketsphinx.set_loglevel("FATAL")
    with tempfile.TemporaryDirectory(prefix="voiced-") as folder:
        model, words = Path(folder) / "lm.arpa", Path(folder) / "words.dict"
        model.write_text(arpa, encoding="utf-8")
        words.write_text(dictionary, encoding="utf-8")
        return pocketsphinx.Decoder(
            lm=str(model),
            dict=str(words),
            samprate=16000,
            lw=_LANGUAGE_WEIGHT,
            fwdflat=False,
            loglevel="FATAL",
        )


def upsample(pcm: Pcm) -> Pcm:
    """Return a whole utterance at twice its rate, aligned with the original.

    A half-band filter leaves every sample where it is and puts a new one in each gap, with an
    error 63 dB or more below a tone of up to 3.6 kHz.
    """
    silence = np.zeros(_HALF_TAPS, np.float32)
    between = np.convolve(np.concatenate((silence, pcm, silence)), _HALFBAND, "valid")
    out = np.empty(2 * len(pcm), np.int16)
    out[0::2] = pcm
    out[1::2] = np.clip(np.rint(between[1 : len(pcm) + 1]), -32768, 32767)
    return out


def _halfband() -> NDArray[np.float32]:
    """Return the odd taps of a Kaiser-windowed sinc that interpolates midway between samples."""
    offsets = np.arange(-_HALF_TAPS, _HALF_TAPS) + 0.5
    window = np.i0(6.0 * np.sqrt(1 - (offsets / _HALF_TAPS) ** 2)) / np.i0(6.0)
    taps = np.sinc(offsets) * window
    return np.array(taps / taps.sum(), np.float32)


_HALFBAND = _halfband()
