"""Recognizers over a socket, whoever provides them: one for all calls, and how one is opened."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from voiced.errors import RecognizerFailed
from voiced.net.helpers import open_helpers
from voiced.net.peer import Peer
from voiced.net.secrets import provider_key
from voiced.net.socket import open_provider_socket
from voiced.net.spares import Spares
from voiced.net.wire import INTERNET
from voiced.recognizer.base import NO_VOCABULARY
from voiced.recognizer.network import NetworkLoader, check_detector
from voiced.recognizer.streaming import AudioFormat, StreamHearing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    import trio
    from pydantic import BaseModel

    from voiced.audio.frame import Frame
    from voiced.net.socket import ProviderSocket
    from voiced.net.wire import Wire
    from voiced.recognizer.base import SpeechEvent, Vocabulary
    from voiced.recognizer.dialect import Dialect
    from voiced.recognizer.settings import StreamingSettings
    from voiced.recognizer.silero import Network

Speaking: TypeAlias = "Callable[[Vocabulary], Dialect]"


class StreamingRecognizer:
    """A provider's recognizer; made by `SocketRecognizer`. Fits `Recognizer`."""

    def __init__(
        self,
        kind: type[Any],
        settings: StreamingSettings,
        dialect: Speaking,
        audio: AudioFormat,
        network: NetworkLoader,
        wire: Wire,
        helpers: trio.Nursery,
    ) -> None:
        self.Settings, self.open = kind.Settings, kind.open
        self.rate_hz = audio.rate_hz
        self._speaking = dialect
        self.dialect = dialect(NO_VOCABULARY)
        self.audio = audio
        self.settings = settings
        self.peer = Peer(self.dialect.provider, RecognizerFailed)
        self.network = network
        self._wire = wire
        self._spares = Spares(helpers, self._open_socket, self.dialect.keep_alive)

    def anticipate_words(self, vocabulary: Vocabulary) -> None:
        """Open a socket for a call that rings and will use `vocabulary`."""
        self._spares.expect(self._speaking(vocabulary).url)

    @asynccontextmanager
    async def connect(self, vocabulary: Vocabulary) -> AsyncIterator[ProviderSocket]:
        """Yield a socket: one that waits, or a new one. Raises RecognizerFailed."""
        url = self._speaking(vocabulary).url
        async with self._spares.borrow(url) as spare:
            if spare is not None:
                yield spare
                return
        async with self._open_socket(url) as socket:
            yield socket

    def _open_socket(self, url: str) -> AbstractAsyncContextManager[ProviderSocket]:
        return open_provider_socket(
            url,
            peer=self.peer,
            headers=self.dialect.headers,
            connect_s=self.settings.connect_timeout_s,
            wire=self._wire,
        )

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Wait for the voice detector."""
        del vocabulary  # the provider knows all words, and is given hints by its socket
        await self.network.wait()

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Turn one call's frames into speech events until `frames` ends; closes both ends.

        Raises:
            RecognizerFailed: the provider refuses, or could not be reached for `reconnect_s`;
                `kind` is that of the last failure.
        """
        with frames, events:
            hearing = StreamHearing(self, await self.network.wait(), events, vocabulary)
            await hearing.run(frames)


S = TypeVar("S", bound="StreamingSettings")


class SocketRecognizer(Generic[S]):
    """A recognizer over a socket, given its keys and `dialect`; opens a `StreamingRecognizer`."""

    Settings: ClassVar[type[BaseModel]]
    variable: ClassVar[str]
    """Of the environment, that may hold the key."""

    @classmethod
    def dialect(cls, settings: S, key: str, vocabulary: Vocabulary) -> Dialect:
        """Return how the provider is spoken with; `vocabulary` is of its URL only. No I/O."""
        raise NotImplementedError

    @classmethod
    def check(cls, settings: S) -> None:
        """Raise ConfigError where there is no key."""
        cls._key(settings)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: S, *, wire: Wire = INTERNET, network: Network | None = None
    ) -> AsyncIterator[StreamingRecognizer]:
        """Yield the recognizer; `wire` and `network` (of the detector) are for tests.

        Raises:
            ConfigError: there is no key.
            StartupError: the voice detector lacks something.
        """
        spoken = partial(cls.dialect, settings, cls._key(settings))
        if network is None:
            check_detector()
        audio = AudioFormat(encoding=settings.encoding, rate_hz=settings.sample_rate)
        loader = NetworkLoader(network)
        async with open_helpers() as helpers:
            helpers.start_soon(loader.load, name="load voice detector")
            yield StreamingRecognizer(cls, settings, spoken, audio, loader, wire, helpers)

    @classmethod
    def _key(cls, settings: S) -> str:
        key = provider_key(settings.api_key, variable=cls.variable, role="recognizer")
        return key.get_secret_value()
