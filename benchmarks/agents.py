"""The work that voiced does in the benchmark, as audio agents; named in its configuration.

`voiced.agent.echo` is the echo workload as shipped. The others are small, but do what agents do.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import trio
from pydantic import BaseModel, ConfigDict

from benchmarks.audio import TALK_RATE_HZ
from voiced.agent.echo import MOST_DELAY_S
from voiced.audio.frame import Frame
from voiced.recognizer.embedded import EmbeddedSettings
from voiced.recognizer.silero import SileroNetwork
from voiced.recognizer.utterance import CutSettings, UtteranceCutter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.agent.base import AudioLine, CallInfo
    from voiced.audio.frame import Pcm
    from voiced.recognizer.silero import Network

_WIDE_HZ = 16_000


class TalkSettings(BaseModel):
    """Keys of `[agent]`: `audio`, a file of int16 samples at 24 kHz."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    audio: Path


class TalkAgent:
    """Speaks without end, a second at a time, while the caller's audio is taken at 16 kHz."""

    Settings: ClassVar[type[BaseModel]] = TalkSettings
    rate_hz = _WIDE_HZ

    def __init__(self, seconds: list[Pcm]) -> None:
        self._seconds = seconds

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: TalkSettings) -> AsyncIterator[TalkAgent]:
        """Read the audio."""
        pcm = np.frombuffer(await trio.Path(settings.audio).read_bytes(), np.int16)
        yield cls([pcm[at : at + TALK_RATE_HZ] for at in range(0, len(pcm), TALK_RATE_HZ)])

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Speak until `frames` ends."""
        del call
        with frames:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._speak, line)
                async for _ in frames:
                    pass
                nursery.cancel_scope.cancel()

    async def _speak(self, line: AudioLine) -> None:
        for second in cycle(self._seconds):
            await line.play(second, TALK_RATE_HZ)


class ListenSettings(BaseModel):
    """Keys of `[agent]`: none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ListenAgent:
    """Echoes, with the voice detector and the endpointer of the embedded recognizer at work.

    These take 8 kHz, and a 16 kHz frame is the caller's 8 kHz raised to twice the rate: every
    second sample of it holds all there is.
    """

    Settings: ClassVar[type[BaseModel]] = ListenSettings
    rate_hz = _WIDE_HZ

    def __init__(self, network: Network) -> None:
        self._network = network

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: ListenSettings) -> AsyncIterator[ListenAgent]:
        """Load the detector's network."""
        del settings
        yield cls(SileroNetwork())

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Play every frame back and cut the caller's audio into utterances, until `frames` ends."""
        del call
        cutter = UtteranceCutter(
            self._network, EmbeddedSettings().endpoint_settings(), CutSettings()
        )
        with frames:
            async for frame in frames:
                if line.unplayed_s < MOST_DELAY_S:
                    await line.play(frame.pcm, _WIDE_HZ)
                for _ in cutter.cut(Frame(pcm=frame.pcm[::2], at=frame.at)):
                    pass
