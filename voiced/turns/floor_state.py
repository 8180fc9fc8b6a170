"""What is known of a call's floor: shared by the rules of both sides. Pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from voiced.turns.callers_turn import CallersTurn
from voiced.turns.events import Line, Understood
from voiced.turns.silence import SilenceClock
from voiced.turns.timers import Timers
from voiced.turns.utterances import OpenUtterances

if TYPE_CHECKING:
    from voiced.turns.events import Action
    from voiced.turns.rules import TurnRules
    from voiced.turns.utterances import Utterance


class Phase(Enum):
    """What our side does."""

    NOTHING = "nothing"
    """It is the caller's go."""
    THINKING = "thinking"
    """A reply is in the making; nothing of it can be heard."""
    SOUNDING = "sounding"
    """The caller hears us."""
    HELD = "held"
    """We fell silent because somebody speaks, and may go on."""


class FloorState:
    """One call's. Whoever decides something changes it, and says what is to be done.

    Attributes:
        phase: what our side does.
        may_withdraw: the reply in the making may be; an opening or a warning may not.
        held_back: it must not sound yet: the caller may go on.
        was_cut: since the last answer; sounds without words are then a turn.
        line: what the line is like at the present event.
        actions: what is to be done because of it, in order.
    """

    def __init__(self, rules: TurnRules) -> None:
        self.rules = rules
        self.timers = Timers()
        self.utterances = OpenUtterances()
        self.turn = CallersTurn(rules)
        self.silence = SilenceClock(rules)
        self.phase = Phase.NOTHING
        self.may_withdraw = self.held_back = self.was_cut = False
        self.line = Line(now=0.0)
        self.actions: list[Action] = []

    def open(self, now: float) -> None:
        """Begin, or begin anew: an opening is in the making."""
        self.timers.clear()
        self.utterances.forget()
        self.turn.forget()
        self.silence.restart(now)
        self.silence.prompts = 0
        self.phase = Phase.THINKING
        self.may_withdraw = self.held_back = self.was_cut = False

    @property
    def now(self) -> float:
        """The time of the present event."""
        return self.line.now

    def do(self, action: Action) -> None:
        """Have something done."""
        self.actions.append(action)

    def note(self, utterance: Utterance, text: str, confidence: float) -> None:
        """Have told what was understood of an utterance, once."""
        if utterance.noted != text:
            utterance.noted = text
            self.do(Understood(text, confidence))
