"""From the order to streaming: place a call, wait for the callee's answer and for media.

Telnyx may connect the media socket while the phone still rings; `start` comes with the answer. The
webhook of the new leg may come before the reply to our command, and either may be lost: whichever
tells the leg's id first is believed (`Call.identify`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import trio

from voiced.call.opening import StreamStarter
from voiced.errors import CommandFailed, MediaStreamClosed
from voiced.leg.leg import EndReason
from voiced.services.services import CallFace
from voiced.telnyx import commands
from voiced.telnyx.events import CallAnswered
from voiced.telnyx.outcome import refused_dial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.leg.leg import Leg
    from voiced.services.services import LentSocket, Media, Services
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.machine import DetectionMode
    from voiced.telnyx.outcome import Outcome
    from voiced.telnyx_recording import LegRecording

RING_GRACE_S = 10.0
"""Beyond the ring time: Telnyx gives up by itself, and its webhook may be late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOrder:
    """A call to be placed.

    Attributes:
        to: E.164 number or SIP URI.
        caller_id: what the callee sees, E.164.
        key: what makes this order the same as another: Telnyx dials a key once.
        ref: what we call the call, 16 characters of a-z and 0-9; "" for a new name.
        line: whose agent talks; "" for that of all calls.
        variables: what the agent is told of the call.
        detection: of answering machines; None for what `[outbound]` says.
    """

    to: str = field(repr=False)
    caller_id: str = field(repr=False)
    key: str
    ref: str = ""
    line: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    detection: DetectionMode | Literal["disabled"] | None = None


class DialledCall(CallFace, Protocol):
    """A call whose leg has no id yet."""

    def identify(self, ids: Mapping[str, Any]) -> None:
        """Learn the leg's ids, `call_control_id` and others, from Telnyx's reply."""
        ...

    def came_to(self, outcome: Outcome) -> None:
        """Learn what has become of the call."""
        ...


class Dialing:
    """One outgoing leg. Fits `voiced.call.opening.Opening`."""

    def __init__(
        self,
        order: DialOrder,
        leg: Leg,
        media_url: str,
        client_state: str,
        services: Services,
        call: DialledCall,
        recording: LegRecording,
    ) -> None:
        """Dial so that Telnyx connects its media to `media_url`, and records if it shall."""
        self._recording = recording
        self._order = order
        self._leg = leg
        self._streams = StreamStarter(leg, media_url, services, call)
        self._client_state = client_state
        self._telnyx = services.telnyx
        self._config = services.config
        self._call = call
        self._ring_s = services.config.outbound.ring_timeout_s
        self._limit = trio.CancelScope()
        self._answered = trio.Event()

    @property
    def is_answered(self) -> bool:
        """Whether the callee has answered."""
        return self._answered.is_set()

    @property
    def _media_limit_s(self) -> float:
        """From the answer until media flows; what must be told before has its own time."""
        return self._config.call.answer_timeout_s + self._recording.consent_limit_s

    def webhook(self, event: WebhookEvent) -> None:
        """Take note of the answer: from then on media must come."""
        if isinstance(event, CallAnswered) and not self.is_answered:
            self._answered.set()
            self._limit.deadline = trio.current_time() + self._media_limit_s

    async def run(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media | None:
        """Dial and return the media stream; None when the call has been ended instead."""
        with self._limit:
            self._limit.deadline = trio.current_time() + self._ring_s + RING_GRACE_S
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._dial, name="dial")
                media = await self._first_media(sockets)
                nursery.cancel_scope.cancel()
            return media
        if self.is_answered:
            evidence = f"no media stream within {self._media_limit_s:g} s of the answer"
            self._call.end(EndReason.NO_MEDIA, evidence)
        else:
            self._call.end(EndReason.UNREACHED, f"nobody answered within {self._ring_s} s")
        return None

    async def restart(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media:
        """Start the stream anew, after a socket that was lost or a transfer that failed."""
        return await self._streams.restart(sockets)

    async def _first_media(self, sockets: trio.MemoryReceiveChannel[LentSocket]) -> Media:
        """Wait for a stream that starts; sockets of a phone that only rang come to nothing."""
        while True:
            lent = await sockets.receive()
            try:
                return await self._streams.started(lent)
            except MediaStreamClosed:
                lent.release()
                if self.is_answered:
                    raise

    async def _dial(self) -> None:
        config = self._config
        detection = self._order.detection or config.outbound.answering_machine_detection
        command = commands.Dial(
            connection_id=config.telnyx.connection_id,
            to=self._order.to,
            from_=self._order.caller_id,
            purpose=self._order.key,
            client_state=self._client_state,
            timeout_secs=self._ring_s,
            time_limit_secs=max(30, config.call.max_duration_s),
            answering_machine_detection=None if detection == "disabled" else detection,
            stream=None if self._recording.must_be_told else self._streams.options,
            record=self._recording.options,
            send_silence_when_idle=True,
            webhook_url=config.call_webhook_url,
        )
        try:
            data = await self._telnyx.send(command)
        except CommandFailed as failed:
            if self._leg.id is None:
                self._call.came_to(refused_dial(status=failed.status, code=failed.code))
                self._call.end(EndReason.DIAL_FAILED, str(failed))
                return
        else:  # otherwise the leg is there: only the reply was lost
            self._call.identify(data)
        await self._tell_and_stream()

    async def _tell_and_stream(self) -> None:
        """If the callee must be told that it is recorded, the stream begins after that."""
        if not self._recording.must_be_told:
            return
        await self._answered.wait()
        await self._recording.after_answer()
        try:
            await self._streams.start()
        except CommandFailed as failed:
            self._call.end(EndReason.NO_MEDIA, str(failed))
