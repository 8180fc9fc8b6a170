"""The recognizer in the box: no account, no network, no model to fetch.

    frames -> cutter (voice detector, endpointer) -> utterances -> decoder workers -> finals
                                                  -> pauses ----> decoder workers -> partials

The detector runs inline, a tenth of a millisecond per 32 ms of audio. Decoding is batch work in
other processes, and a second task of the call waits for it, so that frames are read on meanwhile:
a caller who goes on speaking is noticed at once. What was said before a pause is decoded then, so
that whoever waits for the end of the turn has the words already; if nothing follows, they are the
final ones, and nothing is decoded twice. It is a closed-domain recognizer: it knows the
words of its vocabulary and no others, and says by its confidence how sure it is.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import resources
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, assert_never

import structlog
import trio
from pydantic import BaseModel, ConfigDict, Field, model_validator

from voiced.audio.frame import LINE_RATE_HZ
from voiced.errors import RecognizerFailed, StartupError
from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechResumed, SpeechStarted
from voiced.recognizer.endpoint import EndpointSettings, Resumed, Started
from voiced.recognizer.pool import open_pool
from voiced.recognizer.silero import SileroNetwork
from voiced.recognizer.utterance import CutSettings, SoFar, Utterance, UtteranceCutter
from voiced.recognizer.worker_process import PROVIDER
from voiced.recognizer.worker_wire import Transcript

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from voiced.audio.frame import Frame, Pcm
    from voiced.recognizer.base import SpeechEvent, Vocabulary
    from voiced.recognizer.silero import Network
    from voiced.recognizer.utterance import Cut
    from voiced.recognizer.worker_wire import Loaded

log = structlog.get_logger(__name__)

MAX_BACKLOG = 8
"""Utterances of one call waiting to be decoded: each takes a caller 0.7 s at the least."""

FAILURES_TOLERATED = 2
"""In a row. A lost utterance is a `Final` without words; after more the call cannot go on."""

_NOTHING = Transcript(text="", confidence=0.0)


class Decoder(Protocol):
    """Turns whole utterances into words: `DecoderPool` in a daemon, `InlineDecoder` in tests."""

    async def prepare(self, vocabulary: Vocabulary) -> Loaded | None:
        """Get ready for `vocabulary`; None when it was ready. Raises RecognizerFailed."""
        ...

    async def decode(self, pcm: Pcm, vocabulary: Vocabulary) -> Transcript:
        """Return the words of one utterance, int16 at 8 kHz. Raises RecognizerFailed."""
        ...


class EmbeddedSettings(BaseModel):
    """Keys of `[recognizer]` with `provider = "embedded"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int = Field(
        default=1, ge=1, le=64, description="decoder processes; each does 25 s of speech per second"
    )
    max_waiting: int = Field(
        default=32, ge=1, le=1000, description="utterances of all calls that may wait for a worker"
    )
    decode_timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="from the end of an utterance to its words, seconds"
    )
    silence_ms: int = Field(
        default=600, ge=200, le=5000, description="silence that ends an utterance, milliseconds"
    )
    pause_ms: int = Field(
        default=320,
        ge=0,
        le=5000,
        description="pause after which the words so far are told, milliseconds; 0: never",
    )
    min_speech_ms: int = Field(
        default=64, ge=32, le=1000, description="unbroken voice that starts one, milliseconds"
    )
    max_utterance_s: float = Field(
        default=20.0, ge=1, le=60, description="longer utterances are cut there, seconds"
    )
    threshold: float = Field(
        default=0.5, gt=0, lt=1, description="probability of voice from which it begins"
    )
    release: float = Field(
        default=0.35, gt=0, lt=1, description="probability below which it stops; under threshold"
    )

    @model_validator(mode="after")
    def _check_hysteresis(self) -> EmbeddedSettings:
        if self.release > self.threshold:
            raise ValueError(
                f"release ({self.release:g}) must not be above threshold ({self.threshold:g})"
            )
        return self

    def endpoint_settings(self) -> EndpointSettings:
        """Return what concerns the endpointer, in its units."""
        return EndpointSettings(
            threshold=self.threshold,
            release=self.release,
            min_speech_s=self.min_speech_ms / 1000,
            silence_s=self.silence_ms / 1000,
            max_utterance_s=self.max_utterance_s,
            pause_s=self.pause_ms / 1000 if self.pause_ms else math.inf,
        )


class EmbeddedRecognizer:
    """Silero VAD and pocketsphinx behind the `Recognizer` protocol.

    Args:
        settings: how to endpoint and how long to wait.
        decoder: turns utterances into words.
        network: the detector's network, shared by all calls; None to be given it later by `warm`.
    """

    Settings = EmbeddedSettings
    rate_hz = LINE_RATE_HZ

    def __init__(
        self, settings: EmbeddedSettings, decoder: Decoder, network: Network | None = None
    ) -> None:
        self._settings = settings
        self._decoder = decoder
        self._network = network
        self._warmed = trio.Event()
        if network is not None:
            self._warmed.set()

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: EmbeddedSettings) -> AsyncIterator[EmbeddedRecognizer]:
        """Start the decoder workers and load the network, and wait for neither: calls do.

        Raises:
            StartupError: a part of the installation is missing.
        """
        _check_installation()
        async with (
            open_pool(settings.workers, max_waiting=settings.max_waiting) as pool,
            trio.open_nursery() as nursery,
        ):
            recognizer = cls(settings, pool)
            nursery.start_soon(recognizer.warm, name="load voice detector")
            yield recognizer
            nursery.cancel_scope.cancel()

    async def warm(self) -> None:
        """Load the network in a thread: importing onnxruntime and the model take 0.1 s."""
        self._network = await trio.to_thread.run_sync(SileroNetwork)
        self._warmed.set()

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Wait for the network and have `vocabulary` loaded by every worker.

        Warns of words that cannot be recognized well. Raises RecognizerFailed.
        """
        await self._warmed.wait()
        loaded = await self._decoder.prepare(vocabulary)
        if loaded is not None:
            _warn_of_words(loaded)

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Turn one call's frames into speech events until `frames` ends; closes both ends.

        Each utterance gives SpeechStarted, SpeechEnded and Final, in this order. Where the caller
        starts again while one is being decoded, that one's Final comes after the next one's
        SpeechStarted (or SpeechEnded); Finals keep the order of the utterances. Utterances that
        have ended when `frames` ends are decoded to the end, one still going on is dropped.

        An utterance that could not be decoded gives a Final without words.

        Raises:
            RecognizerFailed: that has happened too often in a row, or too many are waiting.
        """
        with frames, events:
            await self._warmed.wait()
            assert self._network is not None
            hearing = _Hearing(self._settings, self._decoder, self._network, events, vocabulary)
            await hearing.run(frames)


@dataclass(slots=True, kw_only=True, eq=False)
class _Pause:
    """A pause within an utterance, and what was recognized up to there.

    `is_told`: there was a Partial of it. `is_over`: the caller has gone on.
    """

    so_far: SoFar
    transcript: Transcript | None = None
    is_told: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Whole:
    """An utterance that has ended, with the pause after which nothing more was said, if any."""

    utterance: Utterance
    pause: _Pause | None


class _Hearing:
    """One call's recognition: a task that cuts utterances and one that has them decoded."""

    def __init__(
        self,
        settings: EmbeddedSettings,
        decoder: Decoder,
        network: Network,
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        self._cutter = UtteranceCutter(network, settings.endpoint_settings(), CutSettings())
        self._decode_timeout_s = settings.decode_timeout_s
        self._decoder = decoder
        self._events = events
        self._vocabulary = vocabulary
        self._failures = 0  # utterances lost in a row
        self._pause: _Pause | None = None  # in which the caller is now

    async def run(self, frames: trio.MemoryReceiveChannel[Frame]) -> None:
        """Recognize until `frames` ends. Raises RecognizerFailed."""
        to_decode, utterances = trio.open_memory_channel[_Whole | _Pause](MAX_BACKLOG)
        failure: RecognizerFailed | None = None

        async def until_failure(task: Callable[[], Awaitable[None]]) -> None:
            nonlocal failure
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                await task()
            except RecognizerFailed as failed:
                failure = failed
                nursery.cancel_scope.cancel()
            except trio.BrokenResourceError:  # nobody listens any more; whoever stopped says why
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_failure, partial(self._decode_all, utterances))
            nursery.start_soon(until_failure, partial(self._cut_all, frames, to_decode))
        if failure is not None:
            raise failure

    async def _cut_all(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        to_decode: trio.MemorySendChannel[_Whole | _Pause],
    ) -> None:
        """Report starts and ends as they are decided; hand utterances on and never wait for them.

        Closes `to_decode`.
        """
        with to_decode:
            async for frame in frames:
                for cut in self._cutter.cut(frame):
                    await self._report(cut, to_decode)

    async def _report(self, cut: Cut, to_decode: trio.MemorySendChannel[_Whole | _Pause]) -> None:
        now = trio.current_time()
        match cut:
            case Started(started_at=voice_at):
                await self._events.send(SpeechStarted(at=now, voice_at=voice_at))
            case SoFar():
                self._pause = _Pause(so_far=cut)
                with suppress(trio.WouldBlock):  # then the final words have to do
                    to_decode.send_nowait(self._pause)
            case Resumed():
                pause, self._pause = self._pause, None
                if pause is not None:
                    pause.is_over = True
                    if pause.is_told:
                        await self._events.send(SpeechResumed(at=now))
            case Utterance(ended=ended):
                pause, self._pause = self._pause, None
                last_voice_at = ended.last_voice_at
                await self._events.send(SpeechEnded(at=now, last_voice_at=last_voice_at))
                _hand_on(_Whole(utterance=cut, pause=pause if ended.paused else None), to_decode)
            case _:
                assert_never(cut)

    async def _decode_all(self, waiting: trio.MemoryReceiveChannel[_Whole | _Pause]) -> None:
        """Send a Final for each utterance, in their order, and Partials. Closes `waiting`."""
        with waiting:
            async for item in waiting:
                if isinstance(item, _Pause):
                    await self._decode_pause(item)
                else:
                    transcript = await self._transcribe(item)
                    await self._events.send(_final(item.utterance, transcript))

    async def _decode_pause(self, pause: _Pause) -> None:
        """Tell what was said before a pause, unless the caller has gone on meanwhile."""
        await trio.lowlevel.checkpoint()
        if pause.is_over or not self._vocabulary.sentences:
            return
        with suppress(RecognizerFailed), trio.move_on_after(self._decode_timeout_s):
            pause.transcript = await self._decoder.decode(pause.so_far.pcm, self._vocabulary)
        if pause.transcript is not None and pause is self._pause:
            pause.is_told = True
            await self._events.send(
                Partial(
                    text=pause.transcript.text,
                    confidence=pause.transcript.confidence,
                    last_voice_at=pause.so_far.last_voice_at,
                )
            )

    async def _transcribe(self, whole: _Whole) -> Transcript:
        """Return the words of an utterance: those of its last pause, if nothing came after it."""
        if whole.pause is not None and whole.pause.transcript is not None:
            await trio.lowlevel.checkpoint()
            self._failures = 0
            return whole.pause.transcript
        return await self._decode(whole.utterance)

    async def _decode(self, utterance: Utterance) -> Transcript:
        """Return the words, or none where they could not be had; raises when that is too often."""
        await trio.lowlevel.checkpoint()
        if utterance.ended.too_short or not self._vocabulary.sentences:
            return _NOTHING
        try:
            with trio.fail_after(self._decode_timeout_s):
                transcript = await self._decoder.decode(utterance.pcm, self._vocabulary)
        except trio.TooSlowError:
            reason = f"no words within {self._decode_timeout_s:g} s"
            return self._lose(RecognizerFailed(PROVIDER, reason))
        except RecognizerFailed as failed:
            return self._lose(failed)
        self._failures = 0
        return transcript

    def _lose(self, failed: RecognizerFailed) -> Transcript:
        self._failures += 1
        log.warning("utterance lost", reason=str(failed), failures_in_a_row=self._failures)
        if self._failures > FAILURES_TOLERATED:
            raise failed
        return _NOTHING


def _hand_on(whole: _Whole, to_decode: trio.MemorySendChannel[_Whole | _Pause]) -> None:
    try:
        to_decode.send_nowait(whole)
    except trio.WouldBlock:
        reason = f"{MAX_BACKLOG} utterances of this call wait to be decoded"
        raise RecognizerFailed(PROVIDER, reason) from None


def _final(utterance: Utterance, transcript: Transcript) -> Final:
    return Final(
        text=transcript.text,
        confidence=transcript.confidence,
        started_at=utterance.ended.started_at,
        last_voice_at=utterance.ended.last_voice_at,
    )


def _check_installation() -> None:
    for package in ("onnxruntime", "pocketsphinx"):
        if find_spec(package) is None:
            raise StartupError(
                f"the embedded recognizer needs {package}: install it (`pip install {package}`) "
                "or name another [recognizer] provider"
            )
    model = resources.files("voiced.recognizer") / "models" / "silero_vad.onnx"
    if not model.is_file():
        raise StartupError(f"the voice detector's model is missing: {model}; install voiced anew")


def _warn_of_words(loaded: Loaded) -> None:
    """Tell the author of the vocabulary about words that will not work as they hope."""
    if not loaded.words:
        log.warning("the vocabulary is empty: no word will be recognized")
    if loaded.guessed:
        log.warning(
            "words missing from the dictionary; their pronunciation is guessed",
            words=loaded.guessed,
        )
    if loaded.unusable:
        log.warning(
            "words that cannot be recognized; spell them out in letters", words=loaded.unusable
        )
