"""The model's speech on its way to the caller, and the record of what was heard of it.

The API sends faster than it plays: pieces wait here until the line has room, so that whoever
listens to the API never waits. `cut` falls silent at once.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING

import trio

from voiced.agent.memory import AgentSpoke
from voiced.agent.realtime.spoken import RATE_HZ, Spoken
from voiced.agent.realtime.wire import AudioDone, AudioPiece, WordsDone
from voiced.audio.g711 import decode_ulaw
from voiced.record.journal import AgentHeard, AgentSpeaking, BargeIn, Cleared

if TYPE_CHECKING:
    from voiced.agent.base import AudioLine
    from voiced.agent.realtime.spoken import Outcome
    from voiced.agent.realtime.wire import WordsPiece

MARK_GRACE_S = 3.0
"""How long a mark may lag behind the end of its audio before we go on without it."""

SOUNDS_S = 0.005
"""Less than that is not heard, and may be an error of rounding."""

MOST_SAMPLES = 600 * RATE_HZ
"""Speech that may wait here: ten minutes, more than any answer has."""


class Player:
    """One call's. `run` is its task; nothing else waits, but for `all_heard`."""

    def __init__(self, line: AudioLine) -> None:
        self._line = line
        self._spoken = Spoken()
        self._waiting: deque[AudioPiece | AudioDone] = deque()
        self._n_waiting = 0
        self._unfinished: dict[str, None] = {}  # items whose audio has not come to its end
        self._begun: set[str] = set()  # responses that are not done
        self._dropped: set[str] = set()  # of those, whose speech nobody shall hear any more
        self._n_done = 0
        self._news = trio.lowlevel.ParkingLot()
        self.answers_since: float | None = None
        """When the caller stopped to speak whom the next audio answers."""

    # -- from the API ----------------------------------------------------------------------------

    def response_began(self, response_id: str) -> None:
        """A response is being made."""
        self._begun.add(response_id)

    def response_done(self, response_id: str) -> bool:
        """Nothing more of it comes; was it one that the caller shall hear?"""
        is_wanted = response_id not in self._dropped
        self._begun.discard(response_id)
        self._dropped.discard(response_id)
        self._n_done += 1
        self._news.unpark_all()
        return is_wanted

    @property
    def is_making(self) -> bool:
        """Whether a response is being made, wanted or not: the API makes one at a time."""
        return bool(self._begun)

    @property
    def is_responding(self) -> bool:
        """Whether a response is being made that the caller shall hear."""
        return bool(self._begun - self._dropped)

    def session_lost(self) -> None:
        """No response of this session will be done; what has come of them is played on."""
        self._begun.clear()
        self._dropped.clear()
        for item_id in self._spoken.no_more_words():
            self._tell_begun(item_id)
        self._waiting.extend(AudioDone(response_id="", item_id=name) for name in self._unfinished)
        self._unfinished.clear()
        self._news.unpark_all()

    async def quiet(self) -> None:
        """Wait until no response is being made."""
        while self._begun:
            await self._news.park()

    async def next_response(self) -> None:
        """Wait until one more response has been made."""
        n_done = self._n_done
        while self._n_done == n_done:
            await self._news.park()

    def take(self, event: AudioPiece | AudioDone) -> bool:
        """Queue speech; False if nobody shall hear it, or more waits than can be."""
        if event.response_id in self._dropped or self._n_waiting > MOST_SAMPLES:
            return False
        self._waiting.append(event)
        if isinstance(event, AudioPiece):
            self._n_waiting += len(event.payload)
            self._unfinished[event.item_id] = None
        else:
            self._unfinished.pop(event.item_id, None)
        self._news.unpark_all()
        return True

    def words(self, event: WordsPiece | WordsDone) -> None:
        """Note words of an item."""
        if event.response_id in self._dropped:
            return
        if isinstance(event, WordsDone):
            self._spoken.all_words(event.item_id, event.text)
            self._tell_begun(event.item_id)
        else:
            self._spoken.words(event.item_id, event.text)

    # -- the task --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Play what comes, until cancelled."""
        while True:
            event = await self._next()
            if isinstance(event, AudioPiece):
                await self._play(event)
            else:
                self._line.mark(partial(self._played, event.item_id))
                self._news.unpark_all()

    async def _next(self) -> AudioPiece | AudioDone:
        while not self._waiting:
            await self._news.park()
        return self._waiting.popleft()

    async def _play(self, piece: AudioPiece) -> None:
        line, n_samples = self._line, len(piece.payload)
        self._n_waiting -= n_samples
        begins_at = trio.current_time() + line.unplayed_s
        self._spoken.queued(
            piece.item_id, piece.content_index, n_samples, line.position_s, begins_at
        )
        self._tell_begun(piece.item_id)
        await line.play(decode_ulaw(piece.payload), RATE_HZ)

    # -- what was heard --------------------------------------------------------------------------

    def cut(self) -> list[Outcome]:
        """The caller speaks: fall silent at once; return what was not heard to its end."""
        now = trio.current_time()
        self._dropped |= self._begun
        unheard: Counter[str] = Counter()
        for event in self._waiting:
            unheard[event.item_id] += len(event.payload) if isinstance(event, AudioPiece) else 0
        self._waiting.clear()
        self._n_waiting = 0
        self._unfinished.clear()
        self._news.unpark_all()
        if not (self._spoken.is_open or unheard):
            return []
        self._line.note(BargeIn(at=now))
        played_s = self._line.clear()
        self._line.note(Cleared(at=now))
        outcomes = self._spoken.cut(played_s, unheard)
        for outcome in outcomes:
            self._tell_heard(outcome)
        return [outcome for outcome in outcomes if outcome.heard != "all"]

    async def all_heard(self) -> None:
        """Wait until the caller has heard all that there is, or its mark is overdue."""
        while self.is_responding or self._waiting:
            await self._news.park()
        with trio.move_on_after(self._line.unplayed_s + MARK_GRACE_S):
            while self._spoken.is_open:
                await self._news.park()

    @property
    def is_silent(self) -> bool:
        """Whether nothing is being made, waits or plays."""
        return not (self.is_responding or self._waiting or self._line.unplayed_s > SOUNDS_S)

    def lose(self) -> None:
        """The conversation is over: what is open stays unknown."""
        for outcome in self._spoken.lost():
            self._tell_heard(outcome)

    def _played(self, item_id: str, name: str) -> None:
        del name
        outcome = self._spoken.played(item_id)
        if outcome is not None:
            self._tell_heard(outcome)
        self._news.unpark_all()

    def _tell_begun(self, item_id: str) -> None:
        begun = self._spoken.begun(item_id)
        if begun is not None:
            self._note_begun(*begun)

    def _note_begun(self, text: str, at: float) -> None:
        since, self.answers_since = self.answers_since, None
        latency_s = None if since is None else max(0.0, at - since)
        self._line.note(AgentSpeaking(text=text, at=at, latency_s=latency_s))

    def _tell_heard(self, outcome: Outcome) -> None:
        if outcome.is_new:
            self._note_begun(outcome.text, outcome.began_at)
        self._line.note(
            AgentHeard(
                text=outcome.text,
                heard=outcome.heard,
                heard_text=outcome.heard_text,
                at=trio.current_time(),
            )
        )
        rest = outcome.text.removeprefix(outcome.heard_text).strip()
        if outcome.heard == "unknown":
            self._line.past.append(AgentSpoke(heard="", doubtful=outcome.text))
        elif outcome.heard_text or rest:
            self._line.past.append(AgentSpoke(heard=outcome.heard_text, unheard=rest))
