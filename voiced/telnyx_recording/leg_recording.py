"""Telnyx's recording of one leg: when it begins, pauses and stops. A part of the call.

A recording that cannot be begun or stopped is logged, and the call goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.errors import CommandFailed
from voiced.leg.goodbye import speaking_limit_s
from voiced.log import get_logger
from voiced.telnyx import commands
from voiced.telnyx.events import SpeakEnded
from voiced.telnyx_recording.wanted import Wanted

if TYPE_CHECKING:
    from voiced.config import RecordingConfig
    from voiced.telnyx.events import WebhookEvent
    from voiced.telnyx.ids import CallControlId
    from voiced.telnyx.rest import TelnyxClient
    from voiced.telnyx_recording.fetcher import RecordingFetcher

log = get_logger(__name__)


class LegRecording:
    """One leg's recordings, as `[recording] telnyx` says or as the agent asks."""

    def __init__(
        self,
        config: RecordingConfig,
        telnyx: TelnyxClient,
        fetcher: RecordingFetcher,
        *,
        directory: str,
        at: float,
        begins_by_command: bool = False,
    ) -> None:
        """Prepare; nothing is sent before `identified`.

        Args:
            config: `[recording]`.
            telnyx: takes the commands.
            fetcher: gets the files.
            directory: name of the call's directory below `[records] path`.
            at: wall time at which the call began, unix seconds.
            begins_by_command: no `answer` and no `dial` can begin it (TeXML): `begin` does.
        """
        self._begins_by_command = begins_by_command
        self._config = config
        self._telnyx = telnyx
        self._fetcher = fetcher
        self._directory = directory
        self._at = at
        self._call_control_id: CallControlId | None = None
        self._call_leg_id = ""
        self._n_commands = 0
        self._is_on = False
        self._spoken = trio.Event()

    @property
    def options(self) -> commands.RecordOptions | None:
        """What `answer` and `dial` take: a recording from the answer on, if nobody must be told."""
        config = self._config
        if config.telnyx != "from_answer" or config.consent or self._begins_by_command:
            return None
        return commands.RecordOptions(
            format=config.telnyx_format,
            channels=config.telnyx_channels,
            max_length=config.telnyx_max_length_s,
        )

    @property
    def is_on(self) -> bool:
        """Whether Telnyx records, or has been told to begin with the answer; paused ones count."""
        return self._is_on

    @property
    def consent_limit_s(self) -> float:
        """How long `after_answer` may take to tell that the call is recorded; 0 for not at all."""
        return speaking_limit_s(self._config.consent) if self.must_be_told else 0.0

    @property
    def must_be_told(self) -> bool:
        """Whether a text comes between the answer and the media stream."""
        return self._config.telnyx == "from_answer" and bool(self._config.consent)

    async def identified(self, call_control_id: CallControlId, call_leg_id: str) -> None:
        """Learn the leg's ids: before the answer of an incoming leg, after the dial of ours."""
        self._call_control_id, self._call_leg_id = call_control_id, call_leg_id
        if self.options is not None:
            self._is_on = await self._expect()

    async def begin(self) -> None:
        """Begin what is to be recorded from the answer on, where no other command has done so."""
        if self._begins_by_command and self._config.telnyx == "from_answer":
            await self.start()

    async def after_answer(self) -> None:
        """Tell that the call is recorded, wait until that was spoken, and begin to record.

        For the time between the answer and the media stream: nobody else may speak then. Returns
        at once if there is nothing to tell.
        """
        if not self.must_be_told or self._call_control_id is None:
            return
        speak = commands.Speak(
            call_control_id=self._call_control_id,
            payload=self._config.consent,
            voice=self._config.consent_voice,
            purpose="consent",
        )
        with trio.move_on_after(self.consent_limit_s):
            if await self._send(speak):
                await self._spoken.wait()
                await self.start()
                return
        log.error("not recorded: that it is recorded could not be told")

    async def start(self) -> bool:
        """Begin a recording; False if there is one, or it cannot be begun."""
        if self._call_control_id is None or self._is_on or self._config.telnyx == "off":
            return False
        if not await self._expect():
            return False
        config = self._config
        self._is_on = await self._send(
            commands.RecordStart(
                call_control_id=self._call_control_id,
                format=config.telnyx_format,
                channels=config.telnyx_channels,
                max_length=config.telnyx_max_length_s,
                purpose=self._purpose("record"),
            )
        )
        if not self._is_on:
            self._fetcher.retract(self._call_leg_id)
        return self._is_on

    async def pause(self) -> bool:
        """Pause, as while a card number is told; False if it is not known to be paused."""
        if self._call_control_id is None or not self._is_on:
            return False
        purpose = self._purpose("pause")
        return await self._send(
            commands.RecordPause(call_control_id=self._call_control_id, purpose=purpose)
        )

    async def resume(self) -> bool:
        """Go on after a pause; False if it is not known to go on."""
        if self._call_control_id is None or not self._is_on:
            return False
        purpose = self._purpose("resume")
        return await self._send(
            commands.RecordResume(call_control_id=self._call_control_id, purpose=purpose)
        )

    async def stop(self) -> bool:
        """Stop; the file comes soon. Another recording may be begun."""
        if self._call_control_id is None or not self._is_on:
            return False
        purpose = self._purpose("stop")
        command = commands.RecordStop(call_control_id=self._call_control_id, purpose=purpose)
        self._is_on = not await self._send(command)
        return not self._is_on

    def webhook(self, event: WebhookEvent) -> None:
        """Take note of a fact about the leg. Never waits, never raises."""
        if isinstance(event, SpeakEnded):
            self._spoken.set()

    def ended(self, *, was_answered: bool) -> None:
        """Told when the call's record is written: what comes now is added to it."""
        if self.options is not None and not was_answered:
            self._fetcher.retract(self._call_leg_id)
        self._fetcher.ended(self._call_leg_id)

    async def _expect(self) -> bool:
        return await self._fetcher.expect(
            Wanted(
                call_leg_id=self._call_leg_id,
                call_control_id=self._call_control_id or "",
                directory=self._directory,
                at=self._at,
            )
        )

    def _purpose(self, name: str) -> str:
        self._n_commands += 1
        return f"{name} {self._n_commands}"

    async def _send(self, command: commands.Command) -> bool:
        try:
            await self._telnyx.send(command)
        except CommandFailed as failed:
            log.error("recording: command failed", action=failed.action, code=failed.code)
            return False
        return True
