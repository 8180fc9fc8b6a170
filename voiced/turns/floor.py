"""Whose go it is: events with their times in, what is to be done out. Pure.

Our side is in one of four phases:

    NOTHING --turn over, silence--> THINKING --first audio--> SOUNDING --heard--> NOTHING
                                       │                      │     ▲
                       the caller      │   somebody speaks    ▼     │ no words came of it
                       goes on ────────┘   over us           HELD ──┘
                       (withdraw)                             │ words, or long speech, or a key
                                                              ▼ (cut)
                                                           NOTHING

* *Turn over*: by how the words end (`wording`), counted from the caller's last voice. With
  `speculate` thinking begins before that, and the reply is held back until the turn is certain.
* *Somebody speaks over us*: we fall silent at once, which costs nothing if it was a cough, because
  we go on from the same word. Only words that are no back-channel ("mhm"), speech that goes on, or
  a key end the reply. A protected passage, our own echo, and a caller who may not interrupt do
  nothing; what is said then is no turn. Keys are kept.
* *The caller goes on* before our reply has sounded: it was not the end of the turn. The reply is
  withdrawn, and the words are put together.
* *Silence*: the clock stands still while either side speaks. Sounds without words reset nothing.

The state is in `floor_state`, the rules are in `caller_side` (voice, words, keys), `our_side` (the
reply) and `end_of_turn`; here is who hears of what, and in which order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechResumed, SpeechStarted
from voiced.turns import events as did
from voiced.turns.caller_side import CallerSide
from voiced.turns.end_of_turn import EndOfTurn
from voiced.turns.floor_state import FloorState, Phase
from voiced.turns.our_side import OurSide
from voiced.turns.timers import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.turns.events import Line
    from voiced.turns.expect import Expectation
    from voiced.turns.rules import TurnRules


class Floor:
    """One call's turn-taking. Every method returns at once; times are trio times."""

    def __init__(self, rules: TurnRules) -> None:
        self._state = FloorState(rules)
        self._ours = OurSide(self._state)
        self._caller = CallerSide(self._state, self._ours)
        self._end = EndOfTurn(self._state, self._ours)
        self._must_warn = False
        self._serve: dict[Timer, Callable[[], None]] = {
            Timer.ECHO: self._caller.look_at_echo,
            Timer.HOLD: self._ours.hold,
            Timer.SURE: self._ours.cut,
            Timer.FALSE_ALARM: self._ours.resume,
            Timer.DIGITS: self._caller.presses_no_more,
            Timer.STABLE: self._end.is_stable,
            Timer.END: self._end.is_due,
            Timer.FILL: self._ours.fill,
            Timer.WARN: self._time_is_short,
            Timer.IDLE: self._nobody_speaks,
            Timer.WORDLESS: self._nobody_speaks,
        }

    @property
    def phase(self) -> Phase:
        """What our side does."""
        return self._state.phase

    @property
    def wake_at(self) -> float:
        """When `TimePassed` is wanted; inf for never."""
        return self._state.timers.next_at

    @property
    def silences(self) -> int:
        """Prompts in a row that brought no word."""
        return self._state.silence.prompts

    @property
    def suspects_echo(self) -> bool:
        """Whether the line's `echo` is wanted with the next event."""
        return self._caller.suspects_echo

    def open(self, now: float, warn_at: float = float("inf")) -> None:
        """Begin, or begin anew after a transfer: an opening is in the making.

        From `warn_at` on the agent is to be told, once and when it is nobody's go, that time is
        short.
        """
        self._state.open(now)
        self._state.timers.set(Timer.WARN, warn_at)
        self._must_warn = False

    def expect(self, what: Expectation) -> None:
        """Note what our present reply lets the caller answer."""
        self._state.turn.expect(what)

    def take(self, event: did.Event, line: Line) -> list[did.Action]:
        """Take the next event; return what is to be done, in order."""
        self._state.line = line
        self._state.actions = []
        self._tell(event)
        if not isinstance(event, did.TimePassed):
            self._state.timers.stop(Timer.IDLE, Timer.WORDLESS)  # set anew below
        while (timer := self._state.timers.take_due(line.now)) is not None:
            self._serve[timer]()
        self._end.look()
        self._watch_silence()
        return self._state.actions

    def _tell(self, event: did.Event) -> None:
        match event:
            case SpeechStarted():
                self._caller.starts()
            case SpeechResumed():
                self._caller.resumes()
            case SpeechEnded():
                self._caller.stops()
            case Partial():
                self._caller.is_partly_understood(event)
            case Final():
                self._caller.is_understood(event)
            case did.KeyPressed(key):
                self._caller.presses(key)
            case did.ReplySounds():
                self._ours.sounds()
            case did.ReplyOver():
                self._ours.is_over()
            case did.TimePassed():
                pass
            case _:
                assert_never(event)

    # -- silence ---------------------------------------------------------------------------------

    def _time_is_short(self) -> None:
        self._must_warn = True

    def _watch_silence(self) -> None:
        """Let the clock of silence run while it is nobody's go."""
        state = self._state
        state.timers.stop(Timer.IDLE, Timer.WORDLESS)
        waiting = state.phase is Phase.NOTHING and state.turn.said.is_empty
        if not waiting or state.turn.keys.is_collecting:
            return
        if self._must_warn and not state.utterances.any:
            self._must_warn = False
            state.do(did.Warn())
            self._ours.begin_unasked(may_withdraw=False)
        else:
            state.silence.set(state.timers, state.turn.expected, sounds=state.utterances.any)

    def _nobody_speaks(self) -> None:
        goes_on = self._state.silence.prompted(self._state.now)
        self._ours.begin_unasked(may_withdraw=True)
        self._state.do(did.Prompt(self.silences) if goes_on else did.GiveUp())
