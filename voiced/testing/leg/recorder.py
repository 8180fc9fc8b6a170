"""The recordings of one leg: made while it runs, saved and told a little after each has stopped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from voiced.testing.recordings import Recording, RecordingRules, StoredRecording
from voiced.testing.report import RecordingSeen
from voiced.testing.webhooks import derived_id, iso_time

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.testing.leg.context import LegContext


class LegRecorder:
    """Starts and stops recordings; several may run at once. `run` is a task."""

    def __init__(self, context: LegContext) -> None:
        self._context = context
        self._running: list[Recording] = []
        self._n_recordings = 0
        # Unbounded, but each entry is a command of the daemon.
        self._done_in, self._done = trio.open_memory_channel[tuple[float, Recording]](math.inf)

    @property
    def next_id(self) -> str:
        """Return the id that the next recording will have."""
        parties = self._context.parties
        return derived_id("recording", parties.call_control_id, self._n_recordings + 1)

    def start(self, rules: RecordingRules) -> None:
        """Record from now on."""
        recording = Recording(self.next_id, rules, started_at=trio.current_time())
        self._n_recordings += 1
        self._running.append(recording)

    def pause(self, recording_id: str, *, is_paused: bool) -> None:
        """Leave out what is said from now on, or take it in again; "" for all recordings."""
        for recording in self._named(recording_id):
            recording.is_paused = is_paused

    def stop(self, recording_id: str) -> None:
        """Stop a recording; "" for all."""
        for recording in self._named(recording_id):
            self._finish(recording)

    def frame(self, *, spoken: Pcm, heard: Pcm) -> None:
        """Take 20 ms of both sides."""
        for recording in tuple(self._running):
            if recording.frame(spoken=spoken, heard=heard):
                self._finish(recording)

    def close(self) -> None:
        """Stop all: the leg has ended."""
        self.stop("")
        self._done_in.close()

    async def run(self) -> None:
        """Save and tell what has stopped, until closed."""
        saved_s = self._context.services.latencies.recording_s
        async for stopped_at, recording in self._done:
            await trio.sleep_until(stopped_at + saved_s)
            self._save(recording, stopped_at)

    def _named(self, recording_id: str) -> list[Recording]:
        return [r for r in self._running if recording_id in ("", r.recording_id)]

    def _finish(self, recording: Recording) -> None:
        self._running.remove(recording)
        self._done_in.send_nowait((trio.current_time(), recording))

    def _save(self, recording: Recording, stopped_at: float) -> None:
        context, rules, audio = self._context, recording.rules, recording.audio()
        audio.flags.writeable = False
        now, wall = trio.current_time(), context.services.deliveries.wall()
        stored = StoredRecording(
            recording_id=recording.recording_id,
            parties=context.parties,
            file_format=rules.file_format,
            channels="dual" if audio.shape[1] == 2 else "single",
            audio=audio,
            started_at=wall - (now - recording.started_at),
            ended_at=wall - (now - stopped_at),
            saved_at=wall,
        )
        recordings = context.services.recordings
        recordings.keep(stored)
        context.ledger.recordings.append(
            RecordingSeen(
                recording_id=stored.recording_id,
                started_s=context.ledger.seconds(recording.started_at),
                ended_s=context.ledger.seconds(stopped_at),
                audio=audio,
            )
        )
        context.tell(
            "call.recording.saved",
            recording_id=stored.recording_id,
            format=stored.file_format,
            channels=stored.channels,
            recording_urls={stored.file_format: recordings.url(stored)},
            public_recording_urls={},
            recording_started_at=iso_time(stored.started_at),
            recording_ended_at=iso_time(stored.ended_at),
        )
