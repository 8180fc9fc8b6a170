"""The way to and from the caller, over as many media streams as the call takes. A task of the call.

One stream is the rule. A second follows when the socket was lost while the leg is still up (a proxy
was restarted, TeXML's `enableReconnect`), or when a transfer failed for which Telnyx had stopped
the stream. What was queued for the caller waits; what Telnyx had buffered is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from voiced.audio.codec import open_decoder, open_encoder
from voiced.audio.echo import EchoGuard, tap_of
from voiced.audio.l16 import ByteOrder
from voiced.errors import CallGone, CommandFailed, MediaStreamClosed
from voiced.leg.leg import EndReason, LegEvent
from voiced.log import get_logger
from voiced.media.inbound import Inbound
from voiced.media.outbound import Outbound
from voiced.media.pacing import Pacer
from voiced.record.record import counters_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from voiced.audio.codec import Decoder
    from voiced.audio.frame import Frame
    from voiced.call.opening import Opening
    from voiced.config import MediaConfig
    from voiced.leg.leg import Leg
    from voiced.recording.stereo_timeline import StereoTimeline
    from voiced.services.services import CallFace, LentSocket, Media

log = get_logger(__name__)

START_S = 5.0
"""For a stream that the agent has stopped and wants back, where lost ones are not started anew."""


class MediaPath:
    """One call's audio, both ways. `outbound` is the agent's handle."""

    def __init__(
        self,
        media: Media,
        *,
        opening: Opening,
        sockets: trio.MemoryReceiveChannel[LentSocket],
        leg: Leg,
        call: CallFace,
        config: MediaConfig,
        rate_hz: int,
        timeline: StereoTimeline | None,
        guards_echo: bool,
        on_key: Callable[[str, datetime | None], None],
    ) -> None:
        """Begin with `media`; frames are given at `rate_hz`, keys of the socket to `on_key`.

        `guards_echo`: keep what it takes to answer `hears_echo`.

        Raises:
            UnsupportedCodec: Telnyx sends an encoding that we cannot read.
            CodecNotInstalled: we could, with its library.
        """
        self._media = media
        self._opening = opening
        self._sockets = sockets
        self._leg = leg
        self._call = call
        self._config = config
        self._transfer_settled = trio.Event()
        self._byte_order = ByteOrder(config.l16_byte_order)
        sent = media.stream.outbound
        encoder = open_encoder(sent.encoding, sent.sample_rate, byte_order=self._byte_order)
        message_frames = min(config.message_ms // 20, encoder.max_frames)
        pacer = Pacer(lead_s=config.lead_ms / 1000, message_frames=message_frames)
        decoder = self._open_decoder(media)
        self._echo = EchoGuard(caller_hz=decoder.rate_hz, agent_hz=encoder.rate_hz)
        tap = tap_of(timeline, self._echo if guards_echo else None)
        self.outbound = Outbound(encoder, pacer, tap)
        self._inbound = Inbound(decoder, rate_hz, tap, on_key)
        self._restarts = 0
        self._is_stopped = False
        self._wanted = trio.Event()
        self._wanted.set()

    async def run(self, frames: trio.MemorySendChannel[Frame]) -> None:
        """Carry audio until the call ends, or until its streams are over; closes `frames`.

        Raises:
            MediaStreamClosed: the socket was lost, and no other came in time.
            RemoteProtocolError: something came that cannot be accepted.
            ProviderTooSlow: the consumer of the frames is too far behind.
        """
        with frames:
            media: Media | None = self._media
            while media is not None:
                try:
                    lost = await self._carry(media, frames)
                finally:
                    media.lent.release()
                media = await self._next_stream(lost)

    async def watch_stall(self) -> None:
        """End the call when nothing comes on an open socket for `[media] stall_timeout_s`."""
        limit_s = self._config.stall_timeout_s
        while not self._leg.is_bridged:
            # Wakes once per limit, not once per frame: the frame path only notes the time.
            now = trio.current_time()
            expected = self._wanted.is_set() and not self._leg.is_being_transferred
            if expected and now >= self._inbound.last_at + limit_s:
                evidence = f"no media for {limit_s:g} s on an open socket"
                self._call.end(EndReason.MEDIA_STALLED, evidence)
            await trio.sleep_until(max(self._inbound.last_at, now - limit_s / 2) + limit_s)

    def hears_echo(self) -> bool:
        """Say whether what came from the caller last is our own voice."""
        return self._echo.is_echo()

    def transfer_begins(self) -> None:
        """From now on a stream that ends does not end the call."""
        self._transfer_settled = trio.Event()

    def transfer_has_settled(self) -> None:
        """The leg is bridged, or the caller is back: then a stream that was stopped starts anew."""
        self._transfer_settled.set()

    def stop_begins(self) -> None:
        """The agent has the stream stopped: its end is no hangup, and `start_again` follows."""
        self._is_stopped = True
        self._wanted = trio.Event()

    def start_again(self) -> None:
        """The agent wants the stream back."""
        self._wanted.set()

    def counters(self) -> dict[str, Any]:
        """Return the media counters so far, as a record holds them."""
        return counters_of(
            self._inbound.statistics(), self.outbound.statistics(), restarts=self._restarts
        )

    async def _carry(
        self, media: Media, frames: trio.MemorySendChannel[Frame]
    ) -> MediaStreamClosed | None:
        """Carry one stream to its end: None after a `stop`, else how it was lost."""
        lost: MediaStreamClosed | None = None
        socket, stream = media.lent.socket, media.stream
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                nonlocal lost
                try:
                    await self.outbound.run(socket, stream)
                except MediaStreamClosed as closed:
                    lost = lost or closed
                    nursery.cancel_scope.cancel()

            nursery.start_soon(send, name="outbound")
            try:
                await self._inbound.run(socket, stream, frames.clone(), self.outbound)
            except MediaStreamClosed as closed:
                lost = lost or closed
            nursery.cancel_scope.cancel()
        return lost

    async def _next_stream(self, lost: MediaStreamClosed | None) -> Media | None:
        """Return the stream that follows; None when there is none to wait for."""
        was_transferred = self._leg.is_being_transferred
        if was_transferred:
            await self._transfer_settled.wait()
        if self._leg.is_bridged:
            return None
        if self._is_stopped:
            await self._wanted.wait()
            self._is_stopped = False
            stopped = MediaStreamClosed(1000, "stopped by the agent")
            return await self._restart(stopped, self._config.reconnect_s or START_S)
        if lost is None and not was_transferred:
            self._call.hung_up("stop on the media socket")
            return None
        lost = lost or MediaStreamClosed(1000, "stopped for a transfer")
        return await self._restart(lost, self._config.reconnect_s)

    async def _restart(self, lost: MediaStreamClosed, limit_s: float) -> Media:
        if limit_s == 0 or not self._leg.is_up:
            raise lost
        log.info("starting another media stream", code=lost.code, reason=lost.reason)
        self._restarts += 1
        self.outbound.stream_lost()
        try:
            with trio.fail_after(limit_s):
                media = await self._opening.restart(self._sockets)
        except CallGone as gone:
            self._leg.apply(LegEvent.GONE)
            self._call.hung_up(f"{lost}; {gone}")
            raise lost from gone
        except (CommandFailed, MediaStreamClosed, trio.TooSlowError) as error:
            raise lost from error
        decoder = self._open_decoder(media)
        self._inbound.restart(decoder)
        self._echo.restart(caller_hz=decoder.rate_hz)
        return media

    def _open_decoder(self, media: Media) -> Decoder:
        given = media.started.media_format
        return open_decoder(
            given.encoding,
            given.sample_rate,
            channels=given.channels,
            byte_order=self._byte_order,
        )
