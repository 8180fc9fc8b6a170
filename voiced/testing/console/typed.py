"""A recognizer for what is typed: each line is one utterance, said in no time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import trio

from voiced.recognizer.base import Final, SpeechEnded, SpeechStarted
from voiced.testing.providers import NoSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import BaseModel

    from voiced.audio.frame import Frame
    from voiced.recognizer.base import SpeechEvent, Vocabulary

MOST_LINES = 100
"""That may wait for an agent who does not listen."""


class TypedRecognizer:
    """Fits `voiced.recognizer.base.Recognizer`, for one call."""

    Settings: ClassVar[type[BaseModel]] = NoSettings
    rate_hz = 8000

    def __init__(self) -> None:
        self._in, self._lines = trio.open_memory_channel[str](MOST_LINES)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: NoSettings) -> AsyncIterator[TypedRecognizer]:
        """Yield one."""
        del settings
        yield cls()

    def say(self, line: str) -> bool:
        """Let the caller say `line`; False if too many wait."""
        try:
            self._in.send_nowait(line)
        except (trio.WouldBlock, trio.BrokenResourceError):
            return False
        return True

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Need nothing."""

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Give the lines as they come, until `frames` ends; what is heard does not matter."""
        del vocabulary
        with frames, events:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell, events, name="typed lines")
                async for _ in frames:
                    pass
                nursery.cancel_scope.cancel()

    async def _tell(self, events: trio.MemorySendChannel[SpeechEvent]) -> None:
        async for line in self._lines:
            now = trio.current_time()
            await events.send(SpeechStarted(at=now, voice_at=now))
            await events.send(SpeechEnded(at=now, last_voice_at=now))
            await events.send(Final(text=line, confidence=1.0, started_at=now, last_voice_at=now))
