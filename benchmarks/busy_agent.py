"""An agent that works on the loop for every frame, as a bad plug-in would."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import thread_time
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from voiced.agent.echo import EchoAgent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trio

    from voiced.agent.base import AudioLine, CallInfo
    from voiced.audio.frame import Frame, Pcm


class BusySettings(BaseModel):
    """Keys of `[agent]`: `work_ms`, of the processor for each frame of 20 ms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work_ms: float = 2.0


class BusyAgent:
    """The echo, and work besides."""

    Settings: ClassVar[type[BaseModel]] = BusySettings
    rate_hz = EchoAgent.rate_hz
    repeatable = True

    def __init__(self, settings: BusySettings) -> None:
        self._echo = EchoAgent()
        self._work_s = settings.work_ms / 1000

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: BusySettings) -> AsyncIterator[BusyAgent]:
        """Return the agent; there is nothing to acquire."""
        yield cls(settings)

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Play every frame back, after a while of work; closes `frames`."""
        await self._echo.converse(call, frames, _BusyLine(line, self._work_s))  # type: ignore[arg-type]


class _BusyLine:
    """A line that costs."""

    def __init__(self, line: AudioLine, work_s: float) -> None:
        self._line = line
        self._work_s = work_s

    @property
    def unplayed_s(self) -> float:
        return self._line.unplayed_s

    async def play(self, pcm: Pcm, rate_hz: int) -> None:
        until = thread_time() + self._work_s
        while thread_time() < until:
            pass
        await self._line.play(pcm, rate_hz)
