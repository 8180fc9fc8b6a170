"""The passages of one reply on their way to the caller: synthesized, marked, held and resumed.

One task speaks them in order. `hold` falls silent at once and keeps what was not heard, from the
next word on; `resume` goes on with that. Audio that was cleared is not sent again: Telnyx has
dropped it, so the rest is synthesized anew, as text of its own.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import trio

from voiced.audio.level import leading_silence_s
from voiced.record.heard import LETTERS_PER_S, HeardLedger, unheard_text
from voiced.synthesizer.base import speak

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.audio.frame import Pcm
    from voiced.media.outbound import Outbound, PlayoutMark
    from voiced.record.heard import HeardPiece
    from voiced.synthesizer.base import Synthesizer

MARK_GRACE_S = 3.0
"""How long a mark may lag behind the end of its audio before we go on without it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Passage:
    """A piece to speak in one go.

    The caller cannot interrupt a `protected` one. A `filler` bridges the wait for the answer.
    """

    text: str
    protected: bool = False
    filler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who is told of a reply's passages. None of these waits.

    Attributes:
        begins: a passage's first audio is about to be queued, with so much silence in front of it.
        heard: what is now known to have become of a passage.
        cleared: `clear` went out at this trio time ...
        silenced: ... and here is when the caller's buffer was known to be empty.
    """

    begins: Callable[[Passage, float], None]
    heard: Callable[[HeardPiece], None]
    cleared: Callable[[float], None]
    silenced: Callable[[float], None]


class Passages:
    """One reply's. `run` is its task; the other methods do not wait, but for `queue`, `wait_*`."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        outbound: Outbound,
        spoken: Callable[[str], str],
        listener: Listener,
        *,
        pause_s: float = 0.0,
    ) -> None:
        """Make an empty queue.

        `spoken` turns a text into what the synthesizer is given; `pause_s` of silence is put
        between two passages that follow each other.
        """
        self._synthesizer = synthesizer
        self._outbound = outbound
        self._spoken = spoken
        self._listener = listener
        self._pause = np.zeros(round(pause_s * synthesizer.rate_hz), np.int16)
        self._ledger = HeardLedger()
        self._unsaid: deque[Passage] = deque()
        self._in_work: Passage | None = None
        self._queued: deque[Passage] = deque()  # begun, and not known to be heard
        self._protected_s: list[tuple[float, float]] = []
        self._last_mark: PlayoutMark | None = None
        self.is_held = False
        """Whether it fell silent and may go on."""
        self._released = trio.Event()
        self._speaking = trio.CancelScope()
        self._waiting = trio.CancelScope()
        self._news = trio.lowlevel.ParkingLot()

    # -- the task --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Speak what is queued, until cancelled. Raises SynthesizerFailed."""
        while True:
            while self.is_held or not self._unsaid:
                await self._news.park()
            with trio.CancelScope() as self._speaking:
                breath_s = await self._breathe()
                await self._speak(self._unsaid[0], breath_s)

    async def _breathe(self) -> float:
        """Put silence behind what still plays; return where it begins."""
        breath_s = self._outbound.position_s
        if len(self._pause) and self._outbound.unplayed_s > 0:
            await self._outbound.play(self._pause, self._synthesizer.rate_hz)
            await (
                trio.lowlevel.checkpoint_if_cancelled()
            )  # held in the moment in which room was made
        return breath_s

    async def _speak(self, passage: Passage, breath_s: float) -> None:
        outbound, rate_hz = self._outbound, self._synthesizer.rate_hz
        self._in_work = passage
        start_s = outbound.position_s
        self._ledger.begin(passage.text, start_s, outbound.epoch)
        self._queued.append(passage)
        if passage.protected:
            self._protect(breath_s, float("inf"))
        begun = False

        async def sink(pcm: Pcm) -> None:
            nonlocal begun
            await self._released.wait()
            if not begun and len(pcm):
                begun = True
                self._listener.begins(passage, leading_silence_s(pcm, rate_hz))
            await outbound.play(pcm, rate_hz)

        if spoken := self._spoken(passage.text):
            await speak(self._synthesizer, spoken, sink, self._ledger.told)
        await self._released.wait()
        self._finish(passage, breath_s)

    def _finish(self, passage: Passage, breath_s: float) -> None:
        end_s = self._outbound.position_s
        if passage.protected:
            self._protect(breath_s, end_s)
        self._last_mark = self._outbound.mark(self._mark_played)
        plays_until = trio.current_time() + self._outbound.unplayed_s
        self._ledger.finish(end_s, self._last_mark.name, plays_until)
        self._in_work = None
        self._unsaid.popleft()
        self._news.unpark_all()

    def _protect(self, start_s: float, end_s: float) -> None:
        """Note where a protected passage plays: there may be one before it that still does."""
        played_s = self._outbound.played_s
        kept = [(a, b) for a, b in self._protected_s if b > played_s and a != start_s]
        self._protected_s = [*kept, (start_s, end_s)]

    def _mark_played(self, name: str) -> None:
        self._tell(self._ledger.played(name))

    def _tell(self, pieces: list[HeardPiece]) -> None:
        for piece in pieces:
            self._queued.popleft()
            self._listener.heard(piece)

    # -- for the reply ---------------------------------------------------------------------------

    async def queue(self, passage: Passage) -> None:
        """Queue a passage; returns when the audio of all that is queued is on its way."""
        self._unsaid.append(passage)
        self._news.unpark_all()
        while self._unsaid:
            await self._news.park()

    def put_first(self, passage: Passage) -> None:
        """Queue a passage in front of those of which nothing has been begun."""
        self._unsaid.insert(0 if self._in_work is None else 1, passage)
        self._news.unpark_all()

    async def wait_heard(self) -> None:
        """Wait until all that was queued was heard, or its mark is overdue."""
        await self._released.wait()
        while not await self._heard_all():
            while self.is_held or self._unsaid:
                await self._news.park()

    async def _heard_all(self) -> bool:
        with trio.CancelScope() as self._waiting:
            while self.is_held or self._unsaid:
                await self._news.park()
            if self._last_mark is not None:
                with trio.move_on_after(self._outbound.unplayed_s + MARK_GRACE_S):
                    await self._last_mark.played.wait()
                self._outbound.forget_mark(self._last_mark.name)
            await trio.lowlevel.checkpoint()
            return True
        return False  # held meanwhile

    async def released(self) -> None:
        """Wait until audio is let out."""
        await self._released.wait()

    def release(self) -> None:
        """Let audio out: the turn is certain."""
        self._released.set()

    @property
    def may_be_interrupted(self) -> bool:
        """Whether no protected passage is playing."""
        now_s = self._outbound.played_s
        return not any(start_s <= now_s < end_s for start_s, end_s in self._protected_s)

    @property
    def has_unsaid(self) -> bool:
        """Whether there are words of which not all audio has come."""
        return bool(self._unsaid)

    @property
    def rest_s(self) -> float:
        """About how much the caller has still to hear of what is queued, in seconds."""
        unsaid = sum(len(passage.text) for passage in self._unsaid)
        return unsaid / LETTERS_PER_S + self._outbound.unplayed_s

    @property
    def heard_text(self) -> str:
        """Everything that is known to have been heard."""
        return self._ledger.heard_text

    @property
    def pieces(self) -> tuple[HeardPiece, ...]:
        """What became of each passage, as far as it is known."""
        return self._ledger.settled

    def hold(self) -> None:
        """Fall silent at once, and keep what was not heard."""
        if self.is_held:
            return
        self.is_held = True
        self._speaking.cancel()
        self._waiting.cancel()
        self._protected_s = []
        if self._in_work is not None:
            self._unsaid.popleft()
            self._in_work = None
        queued = list(self._queued)
        pieces = self._ledger.cut(self._outbound.clear(self._listener), trio.current_time())
        rests = [
            replace(passage, text=rest)
            for passage, piece in zip(queued, pieces, strict=True)
            if (rest := unheard_text(piece))
        ]
        self._unsaid.extendleft(reversed(rests))
        self._tell(pieces)

    def resume(self) -> None:
        """Go on with what was not heard."""
        self.is_held = False
        self._news.unpark_all()

    def stop(self) -> None:
        """Fall silent for good; what is not known to be heard is cut."""
        self.hold()
        self._unsaid.clear()

    def drop(self) -> None:
        """Forget everything: nothing of it has sounded."""
        self._speaking.cancel()
        self._unsaid.clear()
        self._queued.clear()
        self._ledger = HeardLedger()
        self._outbound.clear()

    def lose(self) -> None:
        """The call is over: what is open stays unknown."""
        self._tell(self._ledger.lost())
