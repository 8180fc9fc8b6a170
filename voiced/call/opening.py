"""How a call comes to its media stream: what answering, dialling and TeXML have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from voiced.errors import MediaStreamClosed, RemoteProtocolError
from voiced.leg.leg import LegEvent
from voiced.log import get_logger
from voiced.services.services import Media
from voiced.telnyx import commands
from voiced.telnyx.media import MediaStream
from voiced.telnyx.media_messages import MediaFormat, Started, Stopped

if TYPE_CHECKING:
    import trio

    from voiced.leg.leg import Leg
    from voiced.services.services import CallFace, LentSocket, Services
    from voiced.telnyx.events import WebhookEvent

log = get_logger(__name__)


class Opening(Protocol):
    """One leg's way to its media stream."""

    def webhook(self, event: WebhookEvent) -> None:
        """Take note of a fact about the leg. Never waits, never raises."""
        ...

    async def run(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media | None:
        """Return the media stream; None when the call has been ended instead.

        Raises:
            MediaStreamClosed, RemoteProtocolError: the socket came, and was of no use.
        """
        ...

    async def restart(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media:
        """Return a new media stream of the same leg; the deadline is the caller's.

        Raises:
            CommandFailed: Telnyx does not start one.
            MediaStreamClosed, RemoteProtocolError: the socket came, and was of no use.
        """
        ...


class StreamStarter:
    """Starts the media streams of a leg that Call Control answered or dialled."""

    def __init__(self, leg: Leg, url: str, services: Services, call: CallFace) -> None:
        self._leg = leg
        self._telnyx = services.telnyx
        self._media = services.config.media
        self._call = call
        self.outbound = MediaFormat(
            encoding=self._media.bidirectional_codec, sample_rate=self._media.sample_rate
        )
        """How our own audio is encoded, as `options` declare it."""
        self._starts = 0
        self.options = commands.StreamOptions(
            url=url,
            codec=self._media.codec,
            bidirectional_codec=self._media.bidirectional_codec,
            bidirectional_sampling_rate=self._media.sample_rate,
            target_legs=self._media.target_legs,
        )
        """The stream arguments, for a command that starts the stream by the way."""

    async def start(self) -> None:
        """Start a stream on the answered leg; raises CommandFailed."""
        assert self._leg.id is not None
        self._starts += 1
        await self._telnyx.send(
            commands.StreamingStart(
                call_control_id=self._leg.id,
                stream=self.options,
                purpose=f"stream {self._starts}",
            )
        )

    async def restart(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media:
        """Start another stream after one that was lost or stopped, as `Opening.restart`."""
        await self.start()
        return await self.started(await sockets.receive())

    async def started(self, lent: LentSocket) -> Media:
        """Wait for the `start` of the stream on `lent`, as `start_media`."""
        return await start_media(lent, self.outbound, self._leg, self._call)


async def start_media(lent: LentSocket, outbound: MediaFormat, leg: Leg, call: CallFace) -> Media:
    """Wait for the stream's `start`; the deadline is the caller's. We send as `outbound` says.

    Raises:
        MediaStreamClosed: the stream ended before it began.
        RemoteProtocolError: it is another call's, or no media stream at all.
    """
    stream = MediaStream(outbound=outbound)
    while not isinstance(message := stream.receive(await lent.socket.receive_text()), Started):
        if isinstance(message, Stopped):
            raise MediaStreamClosed(1000, "stop before start")
    if message.call_control_id != leg.id:
        raise RemoteProtocolError("media socket: start.call_control_id is another call's")
    leg.apply(LegEvent.MEDIA_STARTED)
    given = message.media_format
    log.info("media started", encoding=given.encoding, sample_rate=given.sample_rate)
    return Media(lent=lent, stream=stream, started=message)
