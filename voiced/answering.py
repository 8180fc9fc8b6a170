"""From ringing to streaming: answer the leg, wait for its media socket, read its `start`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.errors import CallGone, CommandFailed, MediaStreamClosed, RemoteProtocolError
from voiced.journal import CallAnswered
from voiced.leg import EndReason, LegEvent
from voiced.log import get_logger
from voiced.services import Media
from voiced.telnyx import commands
from voiced.telnyx.media import MediaFormat, MediaStream, Started, Stopped

if TYPE_CHECKING:
    from voiced.leg import Leg
    from voiced.services import CallFace, MediaSocket, Services
    from voiced.telnyx.ids import CallControlId

log = get_logger(__name__)


class Answering:
    """One leg's answer."""

    def __init__(
        self, call_id: CallControlId, leg: Leg, media_url: str, services: Services, call: CallFace
    ) -> None:
        """Answer so that Telnyx connects its media to `media_url`."""
        self._call_id = call_id
        self._leg = leg
        self._media_url = media_url
        self._telnyx = services.telnyx
        self._config = services.config
        self._call = call
        self._accepted = False
        self.confirmed = trio.Event()
        """Set by the call when Telnyx says that the leg is answered."""

    async def run(self, sockets: trio.MemoryReceiveChannel[MediaSocket]) -> Media | None:
        """Answer and return the media stream; None when the call has been ended instead.

        Raises:
            MediaStreamClosed, RemoteProtocolError: the socket came, and was of no use.
        """
        limit_s = self._config.call.answer_timeout_s
        with trio.move_on_after(limit_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_answer, name="answer")
                socket = await sockets.receive()
                nursery.cancel_scope.cancel()  # it proves that the answer was taken
            return await self._start_media(socket)
        if self._accepted:
            self._call.end(
                EndReason.NO_MEDIA, f"no media stream within {limit_s:g} s of the answer"
            )
        else:
            self._call.end(EndReason.NOT_ANSWERED, f"answer: not confirmed within {limit_s:g} s")
        return None

    async def _send_answer(self) -> None:
        try:
            await self._send_commands()
        except CallGone as gone:
            self._leg.apply(LegEvent.GONE)
            self._call.end(EndReason.CALLER_HUNG_UP, f"before the answer: {gone}")
        except CommandFailed as failed:
            self._call.end(EndReason.NOT_ANSWERED, str(failed))

    async def _send_commands(self) -> None:
        stream = self._stream_options()
        with_answer = self._config.media.starts_with_answer
        self._leg.apply(LegEvent.ANSWER_SENT)
        await self._telnyx.send(
            commands.Answer(
                call_control_id=self._call_id,
                stream=stream if with_answer else None,
                send_silence_when_idle=True,
            )
        )
        self._accepted = True
        if not with_answer:
            await self.confirmed.wait()
            await self._telnyx.send(
                commands.StreamingStart(call_control_id=self._call_id, stream=stream)
            )

    def _stream_options(self) -> commands.StreamOptions:
        media = self._config.media
        return commands.StreamOptions(
            url=self._media_url,
            codec=media.codec,
            bidirectional_codec=media.bidirectional_codec,
            bidirectional_sampling_rate=media.sample_rate,
            target_legs=media.target_legs,
        )

    async def _start_media(self, socket: MediaSocket) -> Media:
        media = self._config.media
        outbound = MediaFormat(encoding=media.bidirectional_codec, sample_rate=media.sample_rate)
        stream = MediaStream(outbound=outbound)
        while not isinstance(message := stream.receive(await socket.receive_text()), Started):
            if isinstance(message, Stopped):
                raise MediaStreamClosed(1000, "stop before start")
        if message.call_control_id != self._call_id:
            raise RemoteProtocolError("media socket: start.call_control_id is another call's")
        self._leg.apply(LegEvent.MEDIA_STARTED)
        self._call.note(CallAnswered(at=trio.current_time()))
        given = message.media_format
        log.info("media started", encoding=given.encoding, sample_rate=given.sample_rate)
        return Media(socket=socket, stream=stream, started=message)
