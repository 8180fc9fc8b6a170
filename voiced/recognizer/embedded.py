"""The recognizer in the box: no account, no network, no model to fetch.

Utterances are cut by the voice detector (`hearing`) and decoded in worker processes. It is a
closed-domain recognizer: it knows the words of its vocabulary and no others, and says by its
confidence how sure it is.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import structlog
import trio
from pydantic import Field

from voiced.audio.frame import LINE_RATE_HZ
from voiced.errors import StartupError
from voiced.recognizer.hearing import Decoder, Hearing, HearingRules
from voiced.recognizer.network import NetworkLoader, check_detector
from voiced.recognizer.pool import open_pool
from voiced.recognizer.settings import BatchSettings
from voiced.recognizer.worker_process import PROVIDER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.audio.frame import Frame
    from voiced.recognizer.base import SpeechEvent, Vocabulary
    from voiced.recognizer.silero import Network
    from voiced.recognizer.worker_wire import Loaded

log = structlog.get_logger(__name__)


class EmbeddedSettings(BatchSettings):
    """Keys of `[recognizer]` with `provider = "embedded"`."""

    workers: int = Field(
        default=1, ge=1, le=64, description="decoder processes; each does 25 s of speech per second"
    )
    max_waiting: int = Field(
        default=32, ge=1, le=1000, description="utterances of all calls that may wait for a worker"
    )


class PreparedDecoder(Decoder, Protocol):
    """Turns whole utterances into words: `DecoderPool` in a daemon, `InlineDecoder` in tests."""

    async def prepare(self, vocabulary: Vocabulary) -> Loaded | None:
        """Get ready for `vocabulary`; None when it was ready. Raises RecognizerFailed."""
        ...


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
        self, settings: EmbeddedSettings, decoder: PreparedDecoder, network: Network | None = None
    ) -> None:
        self._rules = HearingRules(
            provider=PROVIDER,
            endpointing=settings.endpoint_settings(),
            decode_timeout_s=settings.decode_timeout_s,
            needs_vocabulary=True,
        )
        self._decoder = decoder
        self._network = NetworkLoader(network)

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
        """Load the network, in a thread."""
        await self._network.load()

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Wait for the network and have `vocabulary` loaded by every worker.

        Warns of words that cannot be recognized well. Raises RecognizerFailed.
        """
        await self._network.wait()
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
            network = await self._network.wait()
            hearing = Hearing(self._rules, self._decoder, network, events, vocabulary)
            await hearing.run(frames)


def _check_installation() -> None:
    for package in ("onnxruntime", "pocketsphinx"):
        if find_spec(package) is None:
            raise StartupError(
                f"the embedded recognizer needs {package}: install it (`pip install {package}`) "
                "or name another [recognizer] provider"
            )
    check_detector()


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
