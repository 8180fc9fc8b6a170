"""The agent `echo`: sends the caller's audio straight back, to test a line.

No recognizer and no synthesizer is in the way: what comes back late or broken was made so by the
path (resampling to 16 kHz and back, encoding, pacing, Telnyx, the line).
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trio

    from voiced.agent.base import AudioLine, CallInfo
    from voiced.audio.frame import Frame

_RATE_HZ = 16_000

MOST_DELAY_S = 0.2


class EchoSettings(BaseModel):
    """Keys of `[agent]` for `provider = "echo"`: none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EchoAgent:
    """An audio agent that plays each frame as it comes."""

    Settings: ClassVar[type[BaseModel]] = EchoSettings
    rate_hz = _RATE_HZ
    repeatable = True

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: EchoSettings) -> AsyncIterator[EchoAgent]:
        """Return the agent; there is nothing to acquire."""
        del settings
        yield cls()

    async def converse(
        self, call: CallInfo, frames: trio.MemoryReceiveChannel[Frame], line: AudioLine
    ) -> None:
        """Play every frame back until `frames` ends; closes `frames`.

        Frames pile up in front of the caller when the line stalls or the caller's clock is the
        faster one: beyond `MOST_DELAY_S` they are left out, so that the echo stays prompt.
        """
        del call
        with frames:
            async for frame in frames:
                if line.unplayed_s < MOST_DELAY_S:
                    await line.play(frame.pcm, _RATE_HZ)
