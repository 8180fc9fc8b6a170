"""The way from the caller: media messages in, frames out. A task of the call.

The only reader of the media socket. Puts chunks in order, conceals gaps, decodes and resamples
inline as it reads, so that a frame takes one hop to its consumer. Waits for that consumer only
while it catches up with a burst, as comes after a stall of the network: if it stays half a second
behind, the call ends rather than the reader stalls (a stalled reader leaves pings unanswered and
fills Telnyx's buffers).
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import trio

from voiced.audio.frame import Frame, frame_samples
from voiced.audio.reorder import Reorder, total
from voiced.audio.resample import Resampler
from voiced.errors import ProviderTooSlow
from voiced.media.stream_errors import StreamErrors
from voiced.telnyx.media_messages import Dtmf, Mark, Media, Stopped, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from voiced.audio.codec import Decoder
    from voiced.audio.echo import AudioTap
    from voiced.audio.frame import Pcm
    from voiced.audio.reorder import ReorderStatistics
    from voiced.media.outbound import Outbound
    from voiced.telnyx.media import MediaStream

FRAMES_AHEAD = 25
"""Frames a consumer may lag behind: half a second."""

CATCH_UP_S = 0.5
"""How long a consumer may be so far behind without a break."""

MAX_CONCEALED = 5
"""Frames made up for one gap. Concealment is silence after 60 ms; a longer gap is left out, so that
the consumer never gets more at once than it can take."""


class TextReceiver(Protocol):
    """The receiving half of a media socket."""

    async def receive_text(self) -> str:
        """Return the next message.

        Raises:
            MediaStreamClosed: the socket has closed.
            RemoteProtocolError: the message was not text.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundStatistics:
    """A snapshot.

    `last_at` is the trio time of the last media message; `errors` says how often Telnyx could not
    use a message of ours, by its code.
    """

    frames: int
    chunks: ReorderStatistics
    last_at: float
    errors: Mapping[str, int] = field(default_factory=dict)


def _ignore_key(digit: str, occurred_at: datetime | None) -> None:
    """For those who do not care for keys."""


class Inbound:
    """One call's way from the caller."""

    def __init__(
        self,
        decoder: Decoder,
        rate_hz: int,
        tap: AudioTap | None = None,
        on_key: Callable[[str, datetime | None], None] = _ignore_key,
    ) -> None:
        """Make the way; `rate_hz` is what the consumer of the frames wants.

        `tap` is given the caller's audio; `on_key` every key that the socket
        tells of, and when it was pressed.
        """
        self._rate_hz = rate_hz
        self._tap = tap
        self._on_key = on_key
        self._past: list[ReorderStatistics] = []
        self._begin(decoder)
        self._frames = 0
        self._errors = StreamErrors()
        self._catch_up_until = math.inf
        self.last_at = trio.current_time()

    def restart(self, decoder: Decoder) -> None:
        """Begin with another stream of the same call."""
        self._past.append(self._reorder.statistics())
        self._begin(decoder)
        self.last_at = trio.current_time()

    def _begin(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._reorder = Reorder()
        self._concealer = decoder.concealment()
        self._resampler = Resampler(decoder.rate_hz, self._rate_hz)
        self._chunk_samples = frame_samples(decoder.rate_hz)

    async def run(
        self,
        socket: TextReceiver,
        stream: MediaStream,
        frames: trio.MemorySendChannel[Frame],
        outbound: Outbound,
    ) -> None:
        """Read until the stream's `stop`; closes `frames`.

        Raises:
            MediaStreamClosed: the socket closed without a `stop`.
            RemoteProtocolError: something came that cannot be accepted.
            ProviderTooSlow: the consumer of the frames is too far behind.
        """
        with frames:
            while True:
                message = stream.receive(await socket.receive_text())
                if isinstance(message, Media):
                    if message.track == "inbound":
                        await self._take(message, frames)
                elif isinstance(message, Mark):
                    outbound.mark_returned(message.name)
                elif isinstance(message, Dtmf):
                    self._on_key(message.digit, message.occurred_at)
                elif isinstance(message, Stopped):
                    return
                elif isinstance(message, StreamError):
                    self._errors.take(message)

    async def _take(self, media: Media, frames: trio.MemorySendChannel[Frame]) -> None:
        self.last_at = trio.current_time()
        n_lost = 0
        for payload in self._reorder.add(media.chunk, media.payload):
            if payload is not None:
                n_lost = 0
                pcm = self._concealer.good(self._decoder.decode(payload))
                self._chunk_samples = len(pcm)
                await self._give(pcm, frames, concealed=False)
            elif (n_lost := n_lost + 1) <= MAX_CONCEALED:
                pcm = self._concealer.lost(self._chunk_samples)
                await self._give(pcm, frames, concealed=True)

    async def _give(
        self, pcm: Pcm, frames: trio.MemorySendChannel[Frame], *, concealed: bool
    ) -> None:
        if self._tap is not None:
            self._tap.caller(pcm, self.last_at)
        pcm = self._resampler.process(pcm)
        pcm.setflags(write=False)
        frame = Frame(pcm=pcm, at=self.last_at, concealed=concealed)
        self._frames += 1
        try:
            frames.send_nowait(frame)
            self._catch_up_until = math.inf
        except trio.WouldBlock:
            await self._wait_for_room(frames, frame)
        except trio.BrokenResourceError:
            pass  # the consumer has ended; the call's own end is on its way

    async def _wait_for_room(self, frames: trio.MemorySendChannel[Frame], frame: Frame) -> None:
        self._catch_up_until = min(self._catch_up_until, trio.current_time() + CATCH_UP_S)
        with trio.move_on_at(self._catch_up_until), suppress(trio.BrokenResourceError):
            await frames.send(frame)
            return
        if trio.current_time() >= self._catch_up_until:
            raise ProviderTooSlow("recognizer", f"{FRAMES_AHEAD} frames behind the caller's audio")

    def statistics(self) -> InboundStatistics:
        """Return a snapshot."""
        chunks = total([*self._past, self._reorder.statistics()])
        return InboundStatistics(
            frames=self._frames, chunks=chunks, last_at=self.last_at, errors=self._errors.counts
        )
