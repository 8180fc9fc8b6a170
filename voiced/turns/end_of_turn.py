"""The end of the caller's turn: when to think of an answer, when to let it sound. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.turns import events as did
from voiced.turns.floor_state import Phase
from voiced.turns.timers import Timer

if TYPE_CHECKING:
    from voiced.turns.events import Said
    from voiced.turns.floor_state import FloorState
    from voiced.turns.our_side import OurSide

MIXED_S = 1.0
"""How long the words that come with a number are waited for once the number is whole."""


class EndOfTurn:
    """Looks for it after every event."""

    def __init__(self, floor: FloorState, ours: OurSide) -> None:
        self._floor = floor
        self._ours = ours

    def look(self) -> None:
        """Answer, or begin to think, if the caller's turn is over or may be."""
        floor = self._floor
        if floor.phase is not Phase.NOTHING or floor.turn.keys.is_collecting:
            return
        if not floor.utterances.any_heard:
            if not floor.turn.said.is_empty:
                self._may_be_over(floor.turn.said)
            return
        guess = floor.utterances.guess
        if guess is not None and guess.partial is not None:
            said = floor.turn.with_words(guess.partial)
            if guess.paused:
                self._may_be_over(said)
            else:
                self._think_ahead(said)
        elif floor.turn.said.digits and floor.timers.at(Timer.END) == float("inf"):
            floor.timers.set(Timer.END, floor.now + MIXED_S)

    def _may_be_over(self, said: Said) -> None:
        floor = self._floor
        over_at = floor.turn.over_at(said, floor.now)
        if over_at <= floor.now:
            floor.timers.stop(Timer.END)
            self._ours.answer(said, held_back=False)
            self._certain()
        else:
            floor.timers.set(Timer.END, over_at)
            self._think_ahead(said)

    def _think_ahead(self, said: Said) -> None:
        if self._floor.turn.is_worth_thinking(said):
            self._ours.answer(said, held_back=True)

    def _certain(self) -> None:
        """The turn is over: what is still in the air of it has been answered."""
        floor = self._floor
        floor.held_back = floor.was_cut = False
        guess = floor.utterances.guess
        if guess is not None and guess.partial is not None and not floor.turn.answering.digits:
            guess.taken = True
            floor.silence.words(floor.now)
            floor.note(guess, guess.partial.text, guess.partial.confidence)
        if floor.rules.fillers:
            words = floor.turn.answering.words
            since = words[-1].last_voice_at if words else floor.now
            floor.timers.set(Timer.FILL, since + floor.rules.filler_after_s)

    def is_stable(self) -> None:
        """The transcript has not changed for a while: think about it."""
        utterance = self._floor.utterances.last
        if utterance is not None:
            utterance.stable = True

    def is_due(self) -> None:
        """The caller has been silent for long enough."""
        floor = self._floor
        if floor.phase is Phase.THINKING and floor.held_back:
            floor.do(did.Release())
            self._certain()
        elif floor.turn.said.digits:
            floor.utterances.deafen()  # its words did not come in time
