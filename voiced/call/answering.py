"""From ringing to streaming: answer a leg that came in, wait for its media socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.call.opening import StreamStarter
from voiced.errors import CallGone, CommandFailed
from voiced.leg.leg import EndReason, LegEvent
from voiced.telnyx import commands
from voiced.telnyx.events import CallAnswered

if TYPE_CHECKING:
    from voiced.leg.leg import Leg
    from voiced.services.services import CallFace, LentSocket, Media, Services
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx_recording import LegRecording


class Answering:
    """One incoming leg's answer. Fits `voiced.call.opening.Opening`."""

    def __init__(
        self,
        leg: Leg,
        media_url: str,
        services: Services,
        call: CallFace,
        recording: LegRecording,
    ) -> None:
        """Answer so that Telnyx connects its media to `media_url`, and records if it shall."""
        self._recording = recording
        self._leg = leg
        self._streams = StreamStarter(leg, media_url, services, call)
        self._telnyx = services.telnyx
        self._config = services.config
        self._call = call
        self._accepted = False
        self._confirmed = trio.Event()

    def webhook(self, event: WebhookEvent) -> None:
        """Take note that Telnyx says the leg is answered."""
        if isinstance(event, CallAnswered):
            self._confirmed.set()

    async def run(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media | None:
        """Answer and return the media stream; None when the call has been ended instead."""
        limit_s = self._config.call.answer_timeout_s + self._recording.consent_limit_s
        with trio.move_on_after(limit_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_answer, name="answer")
                lent = await sockets.receive()
                nursery.cancel_scope.cancel()  # it proves that the answer was taken
            return await self._streams.started(lent)
        if self._accepted:
            self._call.end(
                EndReason.NO_MEDIA, f"no media stream within {limit_s:g} s of the answer"
            )
        else:
            self._call.end(EndReason.NOT_ANSWERED, f"answer: not confirmed within {limit_s:g} s")
        return None

    async def restart(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media:
        """Start the stream anew, after a socket that was lost or a transfer that failed."""
        return await self._streams.restart(sockets)

    async def _send_answer(self) -> None:
        try:
            await self._send_commands()
        except CallGone as gone:
            self._leg.apply(LegEvent.GONE)
            self._call.hung_up(f"before the answer: {gone}")
        except CommandFailed as failed:
            self._call.end(EndReason.NOT_ANSWERED, str(failed))

    async def _send_commands(self) -> None:
        with_answer = self._config.media.starts_with_answer
        assert self._leg.id is not None
        self._leg.apply(LegEvent.ANSWER_SENT)
        await self._telnyx.send(
            commands.Answer(
                call_control_id=self._leg.id,
                stream=self._streams.options if with_answer else None,
                record=self._recording.options,
                send_silence_when_idle=True,
                webhook_url=self._config.call_webhook_url,
            )
        )
        self._accepted = True
        if not with_answer:
            await self._confirmed.wait()
            await self._recording.after_answer()
            await self._streams.start()
