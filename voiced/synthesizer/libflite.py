"""The C library flite (Debian's libflite1) by ctypes: one text in, one wave and its words out.

Blocks, some 4 ms per word for the clustergen voices; to be called in a thread.

Facts of flite 2.2 that this module relies on:

* A voice's features are linked into the utterance, not copied; a feature set on the utterance
  shadows them. So the pace is set per utterance, and nothing global changes after registration.
* Four threads at once on one voice gave what one thread gives, sample for sample (kal16,
  900 texts). ctypes releases the interpreter's lock while flite works.
* Its error handler ends the process. 3300 random texts of printable ASCII did not reach it; other
  bytes are not let in.
* Text without a word gives a wave of no samples.
* Its tokens are the words of the text, as they are written. A token's last word, that word's last
  syllable and that one's last segment say when it has sounded; all voices set these times.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from voiced.errors import StartupError, SynthesizerFailed
from voiced.record.word_times import Word

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

RATE_HZ = 16_000
"""Sample rate of the voices offered here."""

VoiceName: TypeAlias = Literal["rms", "slt", "awb", "kal16"]

_PROVIDER = "flite"
_STRETCH = b"duration_stretch"
_TOKEN_END = b"daughtern.R:SylStructure.daughtern.daughtern.R:Segment.end"


class _Wave(ctypes.Structure):
    """cst_wave: 16-bit samples; belongs to its utterance."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class _Utterance(ctypes.Structure):
    """cst_utterance, of which only the first member matters."""

    _fields_ = (("features", ctypes.c_void_p),)


_UtterancePointer = ctypes.POINTER(_Utterance)


class Voice:
    """A registered voice. Both methods may be called from several threads at once."""

    def __init__(self, name: VoiceName) -> None:
        """Load the libraries and register the voice (4 ms once its files are in memory).

        Raises:
            StartupError: a library is missing; the text says what to install.
        """
        self.name = name
        # Global symbols: the voices and the lexicon look theirs up in the libraries before them.
        self._flite = _load("libflite.so.1")
        _load("libflite_usenglish.so.1")
        _load("libflite_cmulex.so.1")
        register = getattr(_load(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
        register.restype = ctypes.c_void_p
        register.argtypes = (ctypes.c_char_p,)
        _declare(self._flite)
        self._flite.flite_init()
        self._voice: int = register(None)

    def speak(self, text: str, *, stretch: float = 1.0) -> Pcm:
        """Return `text` as `speak_timed` does, without its words."""
        return self.speak_timed(text, stretch=stretch)[0]

    def speak_timed(self, text: str, *, stretch: float = 1.0) -> tuple[Pcm, list[Word]]:
        """Return `text` (printable ASCII) as a fresh array at `RATE_HZ`, and its words.

        Both are empty, or nearly, for a text without words.

        Args:
            text: see `voiced.synthesizer.plain_text`.
            stretch: factor on the voice's own pace; above 1 is slower.

        Raises:
            SynthesizerFailed: flite gave no wave, or one of another format.
        """
        flite = self._flite
        utterance = flite.new_utterance()
        if not utterance:
            raise SynthesizerFailed(_PROVIDER, "out of memory")
        flite.utt_set_input_text(utterance, text.encode("ascii"))
        flite.utt_init(utterance, self._voice)
        features = utterance.contents.features
        pace = stretch * flite.flite_get_param_float(features, _STRETCH, 1.0)
        flite.feat_set_float(features, _STRETCH, pace)
        if not flite.utt_synth(utterance):  # frees nothing when it fails
            flite.delete_utterance(utterance)
            raise SynthesizerFailed(_PROVIDER, "the library could not speak a text")
        try:
            return _samples(flite.utt_wave(utterance).contents), _words(flite, utterance)
        finally:
            flite.delete_utterance(utterance)  # and its wave


def _samples(wave: _Wave) -> Pcm:
    """Copy the samples out of C memory."""
    if not wave.num_samples:
        return np.empty(0, np.int16)
    if (wave.sample_rate, wave.num_channels) != (RATE_HZ, 1):
        shape = f"{wave.sample_rate} Hz, {wave.num_channels} channels"
        raise SynthesizerFailed(_PROVIDER, f"the voice gives {shape}, not {RATE_HZ} Hz mono")
    return np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()


def _words(flite: ctypes.CDLL, utterance: Any) -> list[Word]:
    """Copy the tokens and the times at which they end."""
    words = []
    tokens = flite.utt_relation(utterance, b"Token")
    token = flite.relation_head(tokens) if tokens else None
    while token:
        name = flite.item_feat_string(token, b"name") or b""
        words.append(Word(name.decode("ascii"), flite.ffeature_float(token, _TOKEN_END)))
        token = flite.item_next(token)
    return words


def _load(library: str) -> ctypes.CDLL:
    """Open a shared library for good."""
    try:
        return ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise StartupError(
            f"synthesizer.voice: the library {library} cannot be loaded; "
            "install it: apt-get install libflite1"
        ) from error


def _declare(flite: ctypes.CDLL) -> None:
    """Tell ctypes the signatures of the functions used."""
    flite.new_utterance.restype = _UtterancePointer
    flite.utt_set_input_text.argtypes = (_UtterancePointer, ctypes.c_char_p)
    flite.utt_init.argtypes = (_UtterancePointer, ctypes.c_void_p)
    flite.utt_init.restype = ctypes.c_void_p
    flite.flite_get_param_float.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float)
    flite.flite_get_param_float.restype = ctypes.c_float
    flite.feat_set_float.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float)
    flite.feat_set_float.restype = None
    flite.utt_synth.argtypes = (_UtterancePointer,)
    flite.utt_synth.restype = ctypes.c_void_p
    flite.utt_wave.argtypes = (_UtterancePointer,)
    flite.utt_wave.restype = ctypes.POINTER(_Wave)
    flite.utt_relation.argtypes = (_UtterancePointer, ctypes.c_char_p)
    flite.utt_relation.restype = ctypes.c_void_p
    flite.relation_head.argtypes = flite.item_next.argtypes = (ctypes.c_void_p,)
    flite.relation_head.restype = flite.item_next.restype = ctypes.c_void_p
    flite.item_feat_string.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    flite.item_feat_string.restype = ctypes.c_char_p
    flite.ffeature_float.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    flite.ffeature_float.restype = ctypes.c_float
    flite.delete_utterance.argtypes = (_UtterancePointer,)
    flite.delete_utterance.restype = None
