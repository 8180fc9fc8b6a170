"""When outbound audio may go to Telnyx, and how much of it the caller has heard.

Telnyx plays what we send from a buffer, in 20 ms steps. We keep that buffer filled ahead of real
time by a bounded *lead*: enough that our own jitter is never heard, little enough that barge-in
stays crisp and that "heard" stays a fact. The model is one number, `ends_at`: the instant at which
the buffer runs dry.

* Sending d seconds moves it: `ends_at = max(ends_at, now) + d`. Within an utterance this is an
  absolute schedule, start + n·d, so lateness is never carried forward and nothing drifts.
* A message may go once it would not raise the lead over its bound: `now >= ends_at + d - lead`.
* If `ends_at` has passed while more audio was waiting, the caller heard a gap: an underrun.

Telnyx takes 20 ms to 30 s in one message. We send `message_frames` (100 ms by default) at once:
a fifth of the messages of a 20 ms stream, while the first audio still leaves immediately and a
`clear` never has more than the lead to throw away. Live audio (echo) goes frame by frame, because
never more than one frame is waiting.

Pure: time is an argument, in seconds of any one clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from voiced.audio.frame import PTIME_S

_NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingStatistics:
    """A snapshot.

    `max_lead_s` is how far ahead the buffer was at most; gaps are what callers heard;
    `worst_late_s` is how long after its time a message went out that had waited for it.
    """

    sent_s: float
    messages: int
    underruns: int
    gap_s: float
    max_lead_s: float
    worst_late_s: float


class Pacer:
    """The schedule of one call's outbound audio and the model of the caller's playback buffer."""

    def __init__(self, *, lead_s: float, message_frames: int) -> None:
        self._lead_s = lead_s
        self._message_frames = message_frames
        self._ends_at = float("-inf")
        self._hungry = False
        self._sent_at = float("-inf")
        self._sent_s = 0.0
        self._messages = 0
        self._underruns = 0
        self._gap_s = 0.0
        self._max_lead_s = 0.0
        self._worst_late_s = 0.0

    def message_frames(self, waiting_frames: int) -> int:
        """Return how many frames the next message takes of those that wait."""
        return min(waiting_frames, self._message_frames)

    def due_at(self, waiting_frames: int) -> float:
        """Return when the next message may go: in the past for "now", inf if nothing waits."""
        if waiting_frames == 0:
            return _NEVER
        return self._ends_at + min(waiting_frames, self._message_frames) * PTIME_S - self._lead_s

    def sent(self, frames: int, now: float, *, more_waits: bool) -> float:
        """Note that `frames` went out at `now`; `more_waits`: further audio is ready behind it.

        Returns:
            When the caller begins to hear them.
        """
        duration_s = frames * PTIME_S
        if self._hungry:
            late_s = now - max(self._sent_at, self._ends_at + duration_s - self._lead_s)
            if late_s > self._worst_late_s:
                self._worst_late_s = late_s
            if now > self._ends_at:
                self._underruns += 1
                self._gap_s += now - self._ends_at
        starts_at = max(now, self._ends_at)
        self._ends_at = starts_at + duration_s
        self._sent_s += duration_s
        self._messages += 1
        self._hungry = more_waits
        self._sent_at = now
        if self._ends_at - now > self._max_lead_s:
            self._max_lead_s = self._ends_at - now
        return starts_at

    def cleared(self, now: float) -> float:
        """Forget what Telnyx has dropped on `clear`; return seconds of audio played until `now`."""
        played_s = self.played_s(now)
        self._sent_s = played_s
        self._ends_at = min(self._ends_at, now)
        self._hungry = False
        return played_s

    def buffered_s(self, now: float) -> float:
        """Return how much audio the caller's buffer still holds."""
        return max(0.0, self._ends_at - now)

    def played_s(self, now: float) -> float:
        """Return how much of all audio sent has been played, net of what was cleared."""
        return self._sent_s - self.buffered_s(now)

    @property
    def sent_s(self) -> float:
        """Seconds of audio sent, net of what was cleared."""
        return self._sent_s

    def statistics(self) -> PacingStatistics:
        """Return a snapshot."""
        return PacingStatistics(
            sent_s=self._sent_s,
            messages=self._messages,
            underruns=self._underruns,
            gap_s=self._gap_s,
            max_lead_s=self._max_lead_s,
            worst_late_s=self._worst_late_s,
        )
