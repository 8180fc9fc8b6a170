"""Deepgram as the recognizer: streaming over a socket, mu-law as it comes from the telephone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from voiced.net.secrets import provider_key
from voiced.net.wire import INTERNET
from voiced.recognizer.deepgram_wire import VARIABLE, DeepgramSettings, dialect
from voiced.recognizer.streaming import AudioFormat, open_streaming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import SecretStr

    from voiced.net.wire import Wire
    from voiced.recognizer.silero import Network
    from voiced.recognizer.streaming import StreamingRecognizer


class DeepgramRecognizer:
    """`[recognizer] provider = "deepgram"`."""

    Settings = DeepgramSettings

    @classmethod
    def check(cls, settings: DeepgramSettings) -> None:
        """Raise ConfigError where there is no key."""
        _key(settings)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: DeepgramSettings, *, wire: Wire = INTERNET, network: Network | None = None
    ) -> AsyncIterator[StreamingRecognizer]:
        """Yield the recognizer; `wire` and `network` are for tests.

        Raises:
            ConfigError: there is no key.
        """
        spoken = dialect(settings, _key(settings).get_secret_value())
        audio = AudioFormat(encoding=settings.encoding, rate_hz=settings.sample_rate)
        async with open_streaming(
            settings, spoken, audio, wire=wire, network=network
        ) as recognizer:
            yield recognizer


def _key(settings: DeepgramSettings) -> SecretStr:
    return provider_key(settings.api_key, variable=VARIABLE, role="recognizer")
