"""The way to the caller: audio in from the agent, paced media messages out. A task of the call.

The only writer of messages on the media socket. It encodes inline as it paces, on absolute
deadlines (`voiced.media.pacing`). What is due when it comes is sent by whoever brings it, in the
same task step; the task here is woken for what is due later, and waits for a socket that is full.

`clear` does not queue behind audio: it empties the queue at once, and the next thing on the wire is
the `clear` message. A memory channel cannot say "bounded by seconds, and overtaken by clear", so
the agent's task calls methods here.

Marks carry an epoch that every `clear` raises, because Telnyx returns all marks on `clear`: one
that comes back from an older epoch proves nothing and is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import trio

from voiced.doorbell import Doorbell
from voiced.media.speech_queue import SpeechQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.audio.codec import Encoder
    from voiced.audio.echo import AudioTap
    from voiced.audio.frame import Pcm
    from voiced.media.pacing import Pacer, PacingStatistics
    from voiced.media.speech_queue import Taken
    from voiced.telnyx.media import MediaStream

AHEAD_S = 2.0
"""Audio kept waiting here before the producer is made to wait. Enough to bridge a slow synthesizer,
little enough to cost nothing when barge-in throws it away (2 s of 24 kHz audio: 96 kB)."""


_NOW = float("-inf")


class TextSender(Protocol):
    """The sending half of a media socket."""

    def send_text_nowait(self, text: str) -> bool:
        """Take one message; False: not all of it is out, and `flush` must come next."""
        ...

    async def flush(self) -> None:
        """Wait until every message is out; raises MediaStreamClosed when the far end has gone."""
        ...


@dataclass(slots=True, eq=False)
class PlayoutMark:
    """A named point of the caller's audio; `played` is set once Telnyx says it was reached."""

    name: str
    when_played: Callable[[str], None]
    played: trio.Event = field(default_factory=trio.Event)


class Clearing(Protocol):
    """Who is told what has become of a `clear`, with the trio time of it. Neither waits."""

    def cleared(self, at: float, /) -> None:
        """The message has gone out."""
        ...

    def silenced(self, at: float, /) -> None:
        """The caller's buffer is empty."""
        ...


class Outbound:
    """One call's way to the caller: the agent's handle and the task that serves it."""

    def __init__(self, encoder: Encoder, pacer: Pacer, tap: AudioTap | None = None) -> None:
        """Make the way; `tap` is told what the caller hears."""
        self._queue = SpeechQueue(encoder)
        self._pacer = pacer
        self._tap = tap
        self._doorbell = Doorbell()
        self._room: trio.Event | None = None
        self._marks: dict[str, PlayoutMark] = {}
        self._epoch = 0
        self._n_marks = 0
        self._clear_waits = False
        self._clearing: Clearing | None = None
        self._probe = ""  # name of the mark behind the last `clear`
        self._when_next_sent: Callable[[float], None] | None = None
        self._socket: TextSender | None = None  # None unless the task runs and is not flushing
        self._stream: MediaStream | None = None
        self._wakes_at = float("-inf")

    # -- the agent's side ------------------------------------------------------------------------

    async def play(self, pcm: Pcm, rate_hz: int) -> None:
        """Queue linear audio; waits while more than `AHEAD_S` is queued."""
        # First, so that a reply cancelled by barge-in cannot queue behind the clear.
        await trio.lowlevel.checkpoint_if_cancelled()
        self._queue.push(pcm, rate_hz)
        self._send_due()
        while self._queue.queued_s > AHEAD_S:
            if self._room is None:  # or somebody waits, or has given up waiting
                self._room = trio.Event()
            await self._room.wait()

    def mark(self, when_played: Callable[[str], None]) -> PlayoutMark:
        """Name the end of everything queued so far; it also ends the utterance (padding).

        `when_played` is called with the mark's name once Telnyx has played up to it; not at all if
        it is cleared before.
        """
        self._n_marks += 1
        mark = PlayoutMark(f"e{self._epoch}:{self._n_marks}", when_played)
        self._marks[mark.name] = mark
        self._queue.push_mark(mark.name)
        self._send_due()
        return mark

    def forget_mark(self, name: str) -> None:
        """Wait no longer for a mark, nor for those before it: if they do come, nobody cares."""
        self._take_marks(name)

    def clear(self, clearing: Clearing | None = None) -> float:
        """Drop all audio, here and at Telnyx, ahead of everything else.

        `clearing` is told when the message has gone out, and when Telnyx has obeyed it: with
        nothing queued a mark comes back at once, so one is sent behind it. Nothing is told if there
        is nothing at Telnyx to drop.

        Returns:
            The position on the playout timeline, in seconds, up to which audio was played.
        """
        now = trio.current_time()
        at_telnyx = self._pacer.buffered_s(now) > 0 or bool(self._marks)
        self._queue.clear()
        self._marks.clear()
        self._epoch += 1
        self._clear_waits = self._clear_waits or at_telnyx
        if at_telnyx:
            self._clearing = clearing
        self._when_next_sent = None
        self._make_room()
        if self._tap is not None:
            self._tap.cleared(now)
        played_s = self._pacer.cleared(now)
        self._send_due()
        return played_s

    def when_next_sent(self, note: Callable[[float], None]) -> None:
        """Call `note(trio time)` when the next audio goes out; a later call replaces this one."""
        self._when_next_sent = note

    @property
    def epoch(self) -> int:
        """Raised by all that makes audio vanish from Telnyx's buffer; marks are of one epoch."""
        return self._epoch

    @property
    def position_s(self) -> float:
        """Where audio queued now will begin on the playout timeline, in seconds."""
        return self._pacer.sent_s + self._queue.queued_s

    @property
    def played_s(self) -> float:
        """How far the caller has heard the playout timeline, in seconds."""
        return self._pacer.played_s(trio.current_time())

    @property
    def unplayed_s(self) -> float:
        """Seconds of audio that the caller has still to hear, here and at Telnyx."""
        return self._queue.queued_s + self._pacer.buffered_s(trio.current_time())

    def stream_lost(self) -> None:
        """Give up what Telnyx had buffered of a stream that has ended; what is queued here waits.

        Marks on their way will not come: what they would prove stays unknown.
        """
        now = trio.current_time()
        if self._pacer.buffered_s(now) > 0 or self._marks:
            self._epoch += 1
        self._pacer.cleared(now)
        self._clear_waits = False
        self._clearing = None
        lost, self._marks = self._marks, {}
        for mark in lost.values():
            mark.played.set()

    # -- inbound's side --------------------------------------------------------------------------

    def mark_returned(self, name: str) -> None:
        """Take note of a mark from the wire; unknown and outdated names are ignored.

        Playing goes in order: those before it were reached, too, although they were lost.
        """
        if self._clearing is not None and name == self._probe:
            clearing, self._clearing = self._clearing, None
            clearing.silenced(trio.current_time())
        for mark in self._take_marks(name):
            mark.played.set()
            mark.when_played(mark.name)

    def _take_marks(self, last: str) -> list[PlayoutMark]:
        """Take the mark `last` and all before it out of those that are waited for."""
        if last not in self._marks:
            return []
        names = list(self._marks)
        return [self._marks.pop(name) for name in names[: names.index(last) + 1]]

    # -- the task --------------------------------------------------------------------------------

    async def run(self, socket: TextSender, stream: MediaStream) -> None:
        """Send what is due until cancelled; raises MediaStreamClosed."""
        self._socket, self._stream = socket, stream
        try:
            while True:
                if self._send_due():
                    self._wakes_at = self._due_at() if stream.takes_audio else float("inf")
                    await self._doorbell.wait(self._wakes_at)
                else:
                    await socket.flush()
                    self._socket = socket
        finally:
            self._socket = None

    def _send_due(self) -> bool:
        """Send all that is due; the task is woken for the rest. False: it must flush first."""
        socket, stream = self._socket, self._stream
        if socket is None or stream is None:
            return False
        if not stream.takes_audio:
            return True
        now = trio.current_time()
        while (due_at := self._due_at()) <= now:
            if not self._send_next(socket, stream, now):
                self._socket = None  # until the task has flushed it
                self._doorbell.ring()
                return False
        if due_at < self._wakes_at:
            self._doorbell.ring()
        return True

    def _due_at(self) -> float:
        waiting = self._queue.waiting_frames
        if self._clear_waits or (waiting == 0 and not self._queue.is_idle):
            return _NOW  # `clear`, or a mark with no audio in front of it
        return self._pacer.due_at(waiting)

    def _send_next(self, socket: TextSender, stream: MediaStream, now: float) -> bool:
        """Send one message, and the marks behind it; tell whether the socket has taken them."""
        if self._clear_waits:
            return self._send_clear(socket, stream, now)
        taken = self._queue.take(max(1, self._pacer.message_frames(self._queue.waiting_frames)))
        if self._room is not None and self._queue.queued_s <= AHEAD_S:
            self._make_room()
        is_out = True
        if taken.frames:
            self._note_sent(taken, now)
            is_out = socket.send_text_nowait(stream.media_message(taken.payload))
        for name in taken.marks:
            is_out = socket.send_text_nowait(stream.mark_message(name)) and is_out
        return is_out

    def _send_clear(self, socket: TextSender, stream: MediaStream, now: float) -> bool:
        self._clear_waits = False
        is_out = socket.send_text_nowait(stream.clear_message())
        if self._clearing is not None:
            self._clearing.cleared(now)
            self._probe = f"c{self._epoch}"
            is_out = socket.send_text_nowait(stream.mark_message(self._probe)) and is_out
        return is_out

    def _note_sent(self, taken: Taken, now: float) -> None:
        more_waits = self._queue.waiting_frames > 0
        starts_at = self._pacer.sent(taken.frames, now, more_waits=more_waits)
        if self._tap is not None:
            self._tap.agent(taken.pcm, starts_at)
        if self._when_next_sent is not None:
            note, self._when_next_sent = self._when_next_sent, None
            note(now)

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    def statistics(self) -> PacingStatistics:
        """Return a snapshot of the pacing."""
        return self._pacer.statistics()
