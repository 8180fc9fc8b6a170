"""A model of your own on this machine: sherpa-onnx, one utterance at a time.

Needs `pip install 'voiced[sherpa]'` and a model's directory. Decoding runs in threads (sherpa-onnx
lets the GIL go meanwhile), as many at a time as `threads`; our detector cuts, so calls only wait
for each other when more of them fall silent at once than there are threads.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import trio
from pydantic import Field

from voiced.audio.frame import LINE_RATE_HZ
from voiced.errors import ConfigError, Problem, RecognizerFailed, StartupError
from voiced.recognizer.batch import open_batch
from voiced.recognizer.settings import BatchSettings
from voiced.recognizer.sherpa_files import Kind, find_files
from voiced.recognizer.worker_wire import Transcript

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.audio.frame import Pcm
    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.batch import BatchRecognizer
    from voiced.recognizer.silero import Network

PROVIDER = "sherpa"

UNTOLD = 0.9
"""Confidence of words: sherpa-onnx tells none of whole utterances."""

_TRANSDUCER_TYPES = {"transducer": "", "nemo_transducer": "nemo_transducer"}
_FULL_SCALE = np.float32(32768)


class SherpaSettings(BatchSettings):
    """Keys of `[recognizer]` with `provider = "sherpa"`."""

    model: str = Field(min_length=1, description="directory with the ONNX files and tokens.txt")
    kind: Kind = Field(description="what kind of model it is, as sherpa-onnx names it")
    language: str = Field(default="en", description="for whisper and sense_voice")
    threads: int = Field(default=1, ge=1, le=64, description="utterances decoded at a time")


class SherpaRecognizer:
    """`[recognizer] provider = "sherpa"`."""

    Settings = SherpaSettings

    @classmethod
    def check(cls, settings: SherpaSettings) -> None:
        """Raise ConfigError where the library or a file of the model is missing."""
        if find_spec("sherpa_onnx") is None:
            reason, remedy = "needs sherpa-onnx", "pip install 'voiced[sherpa]'"
            problem = Problem(
                key="recognizer.provider", value='"sherpa"', reason=reason, remedy=remedy
            )
            raise ConfigError([problem])
        try:
            find_files(Path(settings.model), settings.kind)
        except ValueError as error:
            shown = f'"{settings.model}"'
            problem = Problem(key="recognizer.model", value=shown, reason=str(error))
            raise ConfigError([problem]) from None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: SherpaSettings, *, network: Network | None = None
    ) -> AsyncIterator[BatchRecognizer]:
        """Load the model and yield the recognizer; `network` is for tests.

        Raises:
            ConfigError: the library or a file is missing.
            StartupError: the model cannot be loaded.
        """
        cls.check(settings)
        try:
            model = await trio.to_thread.run_sync(_load, settings)
        except (RuntimeError, ValueError) as error:
            raise StartupError(f"recognizer.model = {settings.model}: {error}") from error
        decoder = SherpaDecoder(model, trio.CapacityLimiter(settings.threads))
        async with open_batch(cls, settings, PROVIDER, decoder, network=network) as recognizer:
            yield recognizer


class SherpaDecoder:
    """Decodes in threads. Fits `Decoder`."""

    def __init__(self, model: Any, limiter: trio.CapacityLimiter) -> None:
        self._model = model
        self._limiter = limiter

    async def decode(self, pcm: Pcm, vocabulary: Vocabulary) -> Transcript:
        """Return the words of an utterance, 8 kHz; it is resampled by the model's own front end.

        Cancelled, the thread goes on to its end, and its words are dropped.

        Raises:
            RecognizerFailed: the model cannot cope with it.
        """
        del vocabulary
        try:
            text = await trio.to_thread.run_sync(
                self._decode, pcm, limiter=self._limiter, abandon_on_cancel=True
            )
        except RuntimeError as error:
            raise RecognizerFailed(PROVIDER, str(error)) from error
        return Transcript(text=text, confidence=UNTOLD if text else 0.0)

    def _decode(self, pcm: Pcm) -> str:
        stream = self._model.create_stream()
        stream.accept_waveform(LINE_RATE_HZ, pcm.astype(np.float32) / _FULL_SCALE)
        self._model.decode_stream(stream)
        return str(stream.result.text).strip()


def _load(settings: SherpaSettings) -> Any:
    import sherpa_onnx

    models = sherpa_onnx.OfflineRecognizer
    files = find_files(Path(settings.model), settings.kind)
    if settings.kind in _TRANSDUCER_TYPES:
        return models.from_transducer(**files, model_type=_TRANSDUCER_TYPES[settings.kind])
    if settings.kind in ("whisper", "sense_voice"):
        return getattr(models, f"from_{settings.kind}")(**files, language=settings.language)
    return getattr(models, f"from_{settings.kind}")(**files)
