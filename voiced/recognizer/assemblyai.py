"""AssemblyAI as the recognizer: Universal-Streaming over a socket."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from voiced.net.wire import INTERNET
from voiced.recognizer.assemblyai_wire import VARIABLE, AssemblyAiSettings, dialect
from voiced.recognizer.streaming import check_key, open_streaming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.net.wire import Wire
    from voiced.recognizer.silero import Network
    from voiced.recognizer.streaming import StreamingRecognizer


class AssemblyAiRecognizer:
    """`[recognizer] provider = "assemblyai"`."""

    Settings = AssemblyAiSettings

    @classmethod
    def check(cls, settings: AssemblyAiSettings) -> None:
        """Raise ConfigError where there is no key."""
        check_key(settings, VARIABLE)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: AssemblyAiSettings, *, wire: Wire = INTERNET, network: Network | None = None
    ) -> AsyncIterator[StreamingRecognizer]:
        """Yield the recognizer; `wire` and `network` are for tests. Raises ConfigError."""
        key = check_key(settings, VARIABLE).get_secret_value()
        spoken = partial(dialect, settings, key)
        async with open_streaming(cls, settings, spoken, wire=wire, network=network) as recognizer:
            yield recognizer
