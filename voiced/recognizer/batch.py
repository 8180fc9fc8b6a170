"""Recognizers of whole utterances: our detector cuts them, a decoder turns them into words."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from voiced.audio.frame import LINE_RATE_HZ
from voiced.net.helpers import open_helpers
from voiced.recognizer.hearing import Hearing, HearingRules
from voiced.recognizer.network import NetworkLoader, check_detector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import trio

    from voiced.audio.frame import Frame
    from voiced.recognizer.base import SpeechEvent, Vocabulary
    from voiced.recognizer.hearing import Decoder
    from voiced.recognizer.settings import BatchSettings
    from voiced.recognizer.silero import Network


class BatchRecognizer:
    """Fits `Recognizer`; made by `open_batch`.

    Args:
        kind: the provider's class.
        settings: the keys.
        provider: its name.
        decoder: turns utterances into words.
        network: the detector's.
        anticipate: called when a call rings.
    """

    rate_hz = LINE_RATE_HZ

    def __init__(
        self,
        kind: type[Any],
        settings: BatchSettings,
        provider: str,
        decoder: Decoder,
        network: NetworkLoader,
        anticipate: Callable[[], None],
    ) -> None:
        self.Settings, self.open = kind.Settings, kind.open
        self.anticipate = anticipate
        self._rules = HearingRules(
            provider=provider,
            endpointing=settings.endpoint_settings(),
            decode_timeout_s=settings.decode_timeout_s,
        )
        self._decoder = decoder
        self._network = network

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Wait for the voice detector."""
        del vocabulary
        await self._network.wait()

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Turn one call's frames into speech events until `frames` ends; closes both ends.

        An utterance that could not be decoded gives a Final without words.

        Raises:
            RecognizerFailed: that has happened too often in a row, or too many are waiting.
        """
        with frames, events:
            network = await self._network.wait()
            await Hearing(self._rules, self._decoder, network, events, vocabulary).run(frames)


def _need_nothing() -> None:
    """Get ready for a call: nothing takes time."""


@asynccontextmanager
async def open_batch(
    kind: type[Any],
    settings: BatchSettings,
    provider: str,
    decoder: Decoder,
    *,
    network: Network | None = None,
    anticipate: Callable[[], None] = _need_nothing,
) -> AsyncIterator[BatchRecognizer]:
    """Yield a recognizer; `network` is the detector's, None for the one in the box.

    Raises:
        StartupError: the voice detector lacks something.
    """
    if network is None:
        check_detector()
    loader = NetworkLoader(network)
    async with open_helpers() as helpers:
        helpers.start_soon(loader.load, name="load voice detector")
        yield BatchRecognizer(kind, settings, provider, decoder, loader, anticipate)
