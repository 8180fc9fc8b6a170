"""What a synthesizer is: text in, linear audio out.

Write one by fitting `Synthesizer` and naming the class in the entry-point group
`voiced.synthesizers`. `voiced.testing` holds the conformance kit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from pydantic import BaseModel

    from voiced.audio.frame import Pcm

PcmSink: TypeAlias = "Callable[[Pcm], Awaitable[None]]"
"""Takes pieces of audio in order; waits while enough is queued (backpressure)."""


class Synthesizer(Protocol):
    """One per daemon, shared by all calls.

    `Settings` is the pydantic model of the provider's own keys in `[synthesizer]`. `rate_hz` is the
    sample rate of all audio it gives.
    """

    Settings: ClassVar[type[BaseModel]]
    rate_hz: int

    @classmethod
    def open(cls, settings: Any) -> AbstractAsyncContextManager[Synthesizer]:
        """Acquire what lives as long as the daemon.

        Raises:
            StartupError: something is missing; the text says what to install.
        """
        ...

    async def synthesize(self, text: str, audio: PcmSink) -> None:
        """Speak `text` (one speakable piece, a sentence or so) into `audio` as it becomes ready.

        Cancelling it stops the work; nothing is given to `audio` afterwards. Leading and trailing
        silence is trimmed to at most 50 ms, and the level is about -20 dBFS RMS in speech.

        Raises:
            SynthesizerFailed: the text could not be spoken.
        """
        ...
