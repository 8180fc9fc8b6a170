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
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, assert_never

from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechResumed, SpeechStarted
from voiced.turns import events as did
from voiced.turns.callers_turn import CallersTurn
from voiced.turns.events import Line, Said, Words
from voiced.turns.expect import ExpectYesNo
from voiced.turns.silence import SilenceClock
from voiced.turns.timers import Timer, Timers
from voiced.turns.utterances import OpenUtterances, Utterance
from voiced.turns.wording import is_one_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.turns.expect import Expectation
    from voiced.turns.rules import TurnRules

ECHO_AGAIN_S = 0.1
"""What is taken for our echo is looked at again so often, while it lasts."""

MIXED_S = 1.0
"""How long the words that come with a number are waited for once the number is whole."""


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


class Floor:
    """One call's turn-taking. Every method returns at once; times are trio times."""

    def __init__(self, rules: TurnRules) -> None:
        self._rules = rules
        self._timers = Timers()
        self._open = OpenUtterances()
        self._turn = CallersTurn(rules)
        self._silence = SilenceClock(rules)
        self.phase = Phase.NOTHING
        self._may_withdraw = False  # opening and filler are not withdrawn
        self._held_back = False
        self._must_warn = False
        self._was_cut = False  # since the last answer: sounds without words are then a turn
        self._fills = 0
        self._line = Line(now=0.0)
        self._actions: list[did.Action] = []

    @property
    def wake_at(self) -> float:
        """When `TimePassed` is wanted; inf for never."""
        return self._timers.next_at

    def open(self, now: float, warn_at: float = float("inf")) -> None:
        """Begin, or begin anew after a transfer: an opening is in the making.

        From `warn_at` on the agent is to be told, once and when it is nobody's go, that time is
        short.
        """
        self._timers.clear()
        self._timers.set(Timer.WARN, warn_at)
        self._must_warn = False
        self._open.forget()
        self._turn.forget()
        self._held_back = self._may_withdraw = self._was_cut = False
        self._silence.restart(now)
        self._silence.prompts = 0
        self.phase = Phase.THINKING

    def expect(self, what: Expectation) -> None:
        """Note what our present reply lets the caller answer."""
        self._turn.expect(what)

    @property
    def silences(self) -> int:
        """Prompts in a row that brought no word."""
        return self._silence.prompts

    def take(self, event: did.Event, line: Line) -> list[did.Action]:
        """Take the next event; return what is to be done, in order."""
        self._line = line
        self._actions = []
        match event:
            case SpeechStarted():
                self._caller_starts(self._open.start(line.now))
            case SpeechResumed():
                self._caller_resumes()
            case SpeechEnded():
                self._caller_stops()
            case Partial():
                self._partly_understood(event)
            case Final():
                self._understood(event)
            case did.KeyPressed(key):
                self._key_pressed(key)
            case did.ReplySounds():
                self._reply_sounds()
            case did.ReplyOver():
                self._reply_over()
            case did.TimePassed():
                self._serve_due()
            case _:
                assert_never(event)
        self._look_for_the_end()
        self._watch_silence()
        return self._actions

    def _do(self, action: did.Action) -> None:
        self._actions.append(action)

    # -- the caller speaks -----------------------------------------------------------------------

    def _caller_starts(self, utterance: Utterance) -> None:
        match self.phase:
            case Phase.NOTHING:
                self._timers.stop(Timer.END, Timer.STABLE)
            case Phase.THINKING:
                if self._may_withdraw:
                    self._withdraw()
                else:
                    utterance.deaf = True
            case Phase.SOUNDING:
                self._speaks_over(utterance)
            case Phase.HELD:
                self._timers.stop(Timer.FALSE_ALARM)
                self._timers.set(Timer.SURE, self._line.now + self._rules.sure_s)

    def _caller_resumes(self) -> None:
        """The caller goes on in an utterance in which he had paused."""
        utterance = self._open.last
        if utterance is None or utterance.deaf:
            return
        utterance.partial = None
        if self.phase in (Phase.NOTHING, Phase.THINKING):
            utterance.taken = False
            self._caller_starts(utterance)
        elif self.phase is Phase.SOUNDING and utterance.taken:
            utterance.taken = False
            utterance.started_at = self._line.now
            self._speaks_over(utterance)

    def _speaks_over(self, utterance: Utterance) -> None:
        utterance.echo = False
        if self._line.protected or not self._rules.barge_in:
            utterance.deaf = True
        elif self._line.echo:
            utterance.echo = True
            self._timers.set(Timer.ECHO, self._line.now + ECHO_AGAIN_S)
        else:
            utterance.over = True
            if self._rules.interrupt_words == 0:
                self._timers.set(Timer.HOLD, self._line.now + self._rules.interrupt_after_s)
                self._serve_due()

    def _caller_stops(self) -> None:
        self._silence.sound(self._line.now)
        self._open.end()
        if self._open.speaking is None:
            self._timers.stop(Timer.HOLD, Timer.SURE)
            if self.phase is Phase.HELD:
                self._timers.set(Timer.FALSE_ALARM, self._line.now + self._rules.false_alarm_s)

    # -- the caller is understood ----------------------------------------------------------------

    def _partly_understood(self, partial: Partial) -> None:
        utterance = self._open.last
        if utterance is None or utterance.deaf or utterance.echo or utterance.taken:
            return
        if not partial.text:
            return
        changed = utterance.partial is None or utterance.partial.text != partial.text
        utterance.paused = partial.last_voice_at is not None
        utterance.partial = Words(
            text=partial.text,
            confidence=partial.confidence,
            last_voice_at=partial.last_voice_at or self._line.now,
        )
        if self._interrupts(utterance, partial.text):
            self._cut()
        elif changed and self.phase is Phase.THINKING and self._may_withdraw:
            self._withdraw()
        if changed:
            utterance.stable = False
            self._timers.set(Timer.STABLE, self._line.now + self._rules.stable_s)

    def _interrupts(self, utterance: Utterance, text: str) -> bool:
        """Say whether words over our reply end it."""
        if self.phase is Phase.SOUNDING and not utterance.over:
            return False
        if self.phase not in (Phase.SOUNDING, Phase.HELD):
            return False
        if len(words_of(text)) < max(1, self._rules.interrupt_words):
            return False
        if self._line.closing and is_one_of(text, self._rules.farewell):
            return False
        answers = self._line.nearly_over or isinstance(self._turn.expected, ExpectYesNo)
        return answers or not is_one_of(text, self._rules.back_channel)

    def _understood(self, final: Final) -> None:
        self._silence.sound(self._line.now)
        utterance = self._open.settle()
        if utterance is None:
            return
        self._note(utterance, final.text, final.confidence)
        if final.text:
            self._silence.words(self._line.now)
        if self._interrupts(utterance, final.text) and not (utterance.deaf or utterance.echo):
            self._cut()
        match self.phase:
            case Phase.HELD:
                if not self._open.any_heard:
                    self._resume()
            case Phase.THINKING if self._may_withdraw:
                self._settle_guess(utterance, final)
            case Phase.NOTHING:
                self._keep(utterance, final)
            case _:
                pass

    def _settle_guess(self, utterance: Utterance, final: Final) -> None:
        """A transcript has come while our reply is in the making, maybe to a guess of it."""
        if utterance.deaf or utterance.echo or not final.text:
            return
        if utterance.taken or (self._held_back and self._turn.guessed(final.text)):
            self._turn.settle(_words(final))
            if self._held_back:
                self._timers.set(Timer.END, self._turn.settled_over_at(self._line.now))
                self._serve_due()
        else:
            self._withdraw()
            self._keep(utterance, final)

    def _keep(self, utterance: Utterance, final: Final) -> None:
        """Put what was understood to the turn; a cough in a silence is none."""
        if utterance.deaf or utterance.echo or utterance.taken:
            return
        if final.text or self._was_cut:
            self._turn.add(_words(final))

    def _note(self, utterance: Utterance, text: str, confidence: float) -> None:
        if utterance.noted != text:
            utterance.noted = text
            self._do(did.Understood(text, confidence))

    # -- the caller presses keys -----------------------------------------------------------------

    def _key_pressed(self, key: str) -> None:
        if self._turn.keys.is_habit(key, self._line.now):
            return
        self._silence.words(self._line.now)
        interruptible = self._rules.barge_in and not self._line.protected
        if self.phase is Phase.HELD or (self.phase is Phase.SOUNDING and interruptible):
            self._cut()
        elif self.phase is Phase.THINKING and self._may_withdraw:
            self._withdraw()
        number = self._turn.keys.press(key, self._line.now)
        self._timers.set(Timer.DIGITS, self._turn.keys.due_at)
        if number is not None:
            self._keyed(number)

    def _keyed(self, number: str) -> None:
        self._timers.stop(Timer.DIGITS)
        self._turn.add_digits(number)

    # -- our reply -------------------------------------------------------------------------------

    def _reply_sounds(self) -> None:
        if self.phase is Phase.THINKING:
            self.phase = Phase.SOUNDING
            self._timers.stop(Timer.FILL)

    def _reply_over(self) -> None:
        self.phase = Phase.NOTHING
        self._timers.stop(Timer.FILL, Timer.HOLD, Timer.SURE, Timer.FALSE_ALARM)
        self._silence.restart(self._line.now)

    def _hold(self) -> None:
        self._do(did.Hold())
        self.phase = Phase.HELD
        self._timers.set(Timer.SURE, self._line.now + self._rules.sure_s)

    def _resume(self) -> None:
        self._do(did.Resume())
        self.phase = Phase.SOUNDING
        self._timers.stop(Timer.SURE, Timer.FALSE_ALARM)

    def _cut(self) -> None:
        self._do(did.Cut())
        self.phase = Phase.NOTHING
        self._was_cut = True
        self._silence.sound(self._line.now)
        self._timers.stop(
            Timer.HOLD, Timer.SURE, Timer.FALSE_ALARM, Timer.ECHO, Timer.FILL, Timer.END
        )

    def _withdraw(self) -> None:
        self._do(did.Withdraw())
        self.phase = Phase.NOTHING
        self._timers.stop(Timer.END, Timer.FILL, Timer.STABLE)
        if self._turn.answering.is_empty:
            self._silence.not_prompted()
        self._turn.give_back()
        self._held_back = self._may_withdraw = False
        self._silence.sound(self._line.now)

    # -- the end of the caller's turn ------------------------------------------------------------

    def _look_for_the_end(self) -> None:
        """Answer, or begin to think, if the caller's turn is over or may be."""
        if self.phase is not Phase.NOTHING or self._turn.keys.is_collecting:
            return
        if not self._open.any_heard:
            if not self._turn.said.is_empty:
                self._may_be_over(self._turn.said)
            return
        guess = self._open.guess
        if guess is not None and guess.partial is not None:
            said = self._turn.with_words(guess.partial)
            if guess.paused:
                self._may_be_over(said)
            else:
                self._think_ahead(said)
        elif self._turn.said.digits and self._timers.at(Timer.END) == float("inf"):
            self._timers.set(Timer.END, self._line.now + MIXED_S)

    def _may_be_over(self, said: Said) -> None:
        over_at = self._turn.over_at(said, self._line.now)
        if over_at <= self._line.now:
            self._timers.stop(Timer.END)
            self._answer(said, held_back=False)
            self._certain()
        else:
            self._timers.set(Timer.END, over_at)
            self._think_ahead(said)

    def _think_ahead(self, said: Said) -> None:
        if self._turn.is_worth_thinking(said):
            self._answer(said, held_back=True)

    def _answer(self, said: Said, *, held_back: bool) -> None:
        since = self._line.now if said.digits else said.words[-1].last_voice_at
        self._do(did.Answer(said=said, since=since, held_back=held_back))
        self.phase = Phase.THINKING
        self._held_back, self._may_withdraw = held_back, True
        self._turn.set_aside(said)
        self._timers.stop(Timer.STABLE)

    def _certain(self) -> None:
        """The turn is over: what is still in the air of it has been answered."""
        self._held_back = self._was_cut = False
        guess = self._open.guess
        if guess is not None and guess.partial is not None and not self._turn.answering.digits:
            guess.taken = True
            self._silence.words(self._line.now)
            self._note(guess, guess.partial.text, guess.partial.confidence)
        if self._rules.fillers:
            words = self._turn.answering.words
            since = words[-1].last_voice_at if words else self._line.now
            self._timers.set(Timer.FILL, since + self._rules.filler_after_s)

    # -- time ------------------------------------------------------------------------------------

    def _serve_due(self) -> None:
        serve: dict[Timer, Callable[[], None]] = {
            Timer.ECHO: self._look_at_echo,
            Timer.HOLD: self._hold,
            Timer.SURE: self._cut,
            Timer.FALSE_ALARM: self._resume,
            Timer.DIGITS: lambda: self._keyed(self._turn.keys.take()),
            Timer.STABLE: self._think_about_guess,
            Timer.END: self._turn_is_over,
            Timer.FILL: self._fill,
            Timer.WARN: self._time_is_short,
            Timer.IDLE: self._nobody_speaks,
            Timer.WORDLESS: self._nobody_speaks,
        }
        while (timer := self._timers.take_due(self._line.now)) is not None:
            serve[timer]()

    def _look_at_echo(self) -> None:
        """What was taken for our echo goes on: is it that still?"""
        utterance = self._open.last
        if utterance is None or not (utterance.echo and utterance.speaking):
            return
        if self._line.echo:
            self._timers.set(Timer.ECHO, self._line.now + ECHO_AGAIN_S)
        elif self.phase is Phase.SOUNDING:
            self._speaks_over(utterance)
        else:
            utterance.echo = False

    def _think_about_guess(self) -> None:
        utterance = self._open.last
        if utterance is not None:
            utterance.stable = True

    def _turn_is_over(self) -> None:
        if self.phase is Phase.THINKING and self._held_back:
            self._do(did.Release())
            self._certain()
        elif self._turn.said.digits:
            self._open.deafen()  # its words did not come in time

    def _fill(self) -> None:
        if self.phase is Phase.THINKING:
            fillers = self._rules.fillers
            self._do(did.Fill(fillers[self._fills % len(fillers)]))
            self._fills += 1

    def _time_is_short(self) -> None:
        self._must_warn = True

    def _watch_silence(self) -> None:
        """Let the clock of silence run while it is nobody's go."""
        self._timers.stop(Timer.IDLE, Timer.WORDLESS)
        waiting = self.phase is Phase.NOTHING and self._turn.said.is_empty
        if not waiting or self._turn.keys.is_collecting:
            return
        if self._must_warn and not self._open.any:
            self._must_warn = False
            self._do(did.Warn())
            self._begin_unasked(may_withdraw=False)
        else:
            self._silence.set(self._timers, self._turn.expected, sounds=self._open.any)

    def _nobody_speaks(self) -> None:
        goes_on = self._silence.prompted(self._line.now)
        self._begin_unasked(may_withdraw=True)
        self._do(did.Prompt(self.silences) if goes_on else did.GiveUp())

    def _begin_unasked(self, *, may_withdraw: bool) -> None:
        """A reply that answers nothing is in the making."""
        self.phase = Phase.THINKING
        self._turn.set_nothing_aside()
        self._may_withdraw, self._held_back = may_withdraw, False

    @property
    def suspects_echo(self) -> bool:
        """Whether the line's `echo` is wanted with the next event."""
        utterance = self._open.last
        return utterance is not None and utterance.echo and utterance.speaking


def _words(final: Final) -> Words:
    return Words(text=final.text, confidence=final.confidence, last_voice_at=final.last_voice_at)
