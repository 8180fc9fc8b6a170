"""Everything that records one call, paused and resumed together: while a card number is told.

Recorders are Telnyx (`voiced.telnyx_recording`), `audio.wav`, the call's record (words) and the
flight recorder. That one ends for good with the first pause: a flight with a hole would replay
another call.

Pauses are counted: whoever asks for one has it until he lets go of it, whatever others do. When in
doubt nothing is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from voiced.errors import CommandFailed
from voiced.record.journal import RecordingPaused, RecordingResumed

if TYPE_CHECKING:
    from voiced.record.journal import Note
    from voiced.recording.recording import Recording
    from voiced.services.flights import CallFlight
    from voiced.telnyx_recording import LegRecording


class RecordingControl:
    """One call's. Fits `voiced.leg.phone.Recordings`."""

    def __init__(
        self, telnyx: LegRecording, audio: Recording | None, flight: CallFlight, note: Note
    ) -> None:
        """Control Telnyx's recording and our own `audio`, if there is one."""
        self._telnyx = telnyx
        self._audio = audio
        self._flight = flight
        self._note = note
        self._n_pauses = 0
        self._telnyx_is_paused: bool | None = False  # None: not known
        self._lock = trio.Lock()

    async def start(self) -> bool:
        """Have Telnyx record; False if it does already, or cannot, or all is paused."""
        async with self._lock:
            return self._n_pauses == 0 and await self._telnyx.start()

    async def stop(self) -> bool:
        """Stop Telnyx's recording; False if there is none, or it goes on."""
        async with self._lock:
            has_stopped = await self._telnyx.stop()
            if has_stopped:
                self._telnyx_is_paused = False
            return has_stopped

    async def pause(self) -> None:
        """Let nothing be recorded from now on.

        Cancelled, the pause holds all the same: take it back.

        Raises:
            CommandFailed: Telnyx may go on recording. Then there is no pause.
        """
        self._n_pauses += 1
        if self._n_pauses == 1:
            self._begin()
        try:
            await self.settle()
        except CommandFailed:
            self.unpause()
            raise

    def unpause(self) -> None:
        """Take one pause back; `settle` lets Telnyx go on, too."""
        if self._n_pauses == 0:
            return
        self._n_pauses -= 1
        if self._n_pauses == 0:
            at = trio.current_time()
            if self._audio is not None:
                self._audio.timeline.unmute(at)
            self._note(RecordingResumed(at=at))

    def _begin(self) -> None:
        at = trio.current_time()
        if self._audio is not None:
            self._audio.timeline.mute(at)
        self._flight.break_off("the recording was paused")
        self._note(RecordingPaused(at=at))

    async def settle(self) -> None:
        """Bring Telnyx to where we are; raises CommandFailed if that is not known to be done."""
        async with self._lock:
            paused = self._n_pauses > 0
            if paused == self._telnyx_is_paused or not self._telnyx.is_on:
                return
            self._telnyx_is_paused = None
            if not await (self._telnyx.pause() if paused else self._telnyx.resume()):
                action = "record_pause" if paused else "record_resume"
                raise CommandFailed(action, "Telnyx is not known to have done it", status=None)
            self._telnyx_is_paused = paused
