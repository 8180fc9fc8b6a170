"""One conversation along a dialogue file: what the caller said in, what to say and do out.

Pure: a state machine without awaits or clocks; `voiced.agent.script` speaks its turns. A turn goes
like this: find the answer that fits what was recognized (`voiced.agent.matching`), ask back when
the recognizer was unsure of it, else move to the next state, *then* speak. The state has moved
before the first word is out, because a caller who cuts in while we ask the next question is
answering that question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voiced.agent.dialogue import OPERATOR
from voiced.agent.matching import Expected, Matcher, SlotWords
from voiced.agent.script_turn import AgentTurn, HangUp, Passage, Play, Press, Record, Transfer
from voiced.agent.template import parse_template
from voiced.agent.vocabulary import build_vocabulary
from voiced.turns.expect import ExpectDigits, ExpectSpeech, ExpectSpelling, ExpectYesNo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.agent.base import CallerTurn, CallInfo
    from voiced.agent.dialogue import Answer, DialogueFile, Prompts, Step
    from voiced.agent.matching import Match
    from voiced.agent.script_turn import Deed
    from voiced.recognizer.base import Vocabulary
    from voiced.turns.expect import Expectation

_PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")
_YES, _NO = 0, 1
_EXPECTED: Mapping[str, type[ExpectSpeech | ExpectYesNo | ExpectSpelling]] = {
    "speech": ExpectSpeech,
    "yes_no": ExpectYesNo,
    "spelling": ExpectSpelling,
}
"""What a state's `expect` stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the configuration decides for all conversations.

    Attributes:
        greeting: replaces the dialogue's; "" keeps it.
        operator: where a transfer to the operator goes; "" when there is none.
        confirm_confidence: below this recognizer confidence (0..1) an answer is not understood.
        accept_confidence: below this (and not below the other) it is asked back.
    """

    greeting: str = ""
    operator: str = ""
    confirm_confidence: float = 0.6
    accept_confidence: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A checked dialogue made ready to be followed; shared by all calls."""

    dialogue: DialogueFile
    answers: Mapping[str, tuple[Answer, ...]]
    matchers: Mapping[str, Matcher]
    yes_no: Matcher
    vocabulary: Vocabulary


def compile_script(dialogue: DialogueFile) -> Script:
    """Prepare a dialogue that has passed its check (`voiced.agent.dialogue_file`)."""
    slots = {n: SlotWords.of(slot.words, slot.aliases) for n, slot in dialogue.slots.items()}
    answers = {name: tuple(dialogue.answers_in(name)) for name in dialogue.states}
    matchers = {name: Matcher(_expected(dialogue, here), slots) for name, here in answers.items()}
    yes_no = [
        Expected(key=key, templates=[parse_template(text) for text in texts])
        for key, texts in ((_YES, dialogue.confirm.yes), (_NO, dialogue.confirm.no))
    ]
    return Script(
        dialogue=dialogue,
        answers=answers,
        matchers=matchers,
        yes_no=Matcher(yes_no, {}),
        vocabulary=build_vocabulary(
            [
                *(answer.templates for here in answers.values() for answer in here),
                *(one.templates for one in yes_no),
            ],
            {n: [*slot.words, *slot.aliases] for n, slot in dialogue.slots.items()},
        ),
    )


def _expected(dialogue: DialogueFile, answers: tuple[Answer, ...]) -> list[Expected]:
    """Return what a matcher needs of the answers valid in one state."""
    home = len(answers) - len(dialogue.everywhere)
    return [
        Expected(key=key, templates=answer.templates, home=key < home)
        for key, answer in enumerate(answers)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """An answer that was understood with doubt, and the question that settles it."""

    answer: Answer
    slots: Mapping[str, str]
    question: Passage


@dataclass(slots=True)
class ScriptMachine:
    """One call's way through a script. Call `open` first.

    A shallow copy is a snapshot: what it holds is replaced, never changed.
    """

    script: Script
    policy: Policy
    call: CallInfo
    heard: str = ""
    """What the caller heard of the last turn that was interrupted."""

    _state: str = field(init=False)
    _slots: dict[str, str] = field(init=False, default_factory=dict)
    _failures: int = field(init=False, default=0)  # turns in a row that were not understood
    _pending: _Pending | None = field(init=False, default=None)
    _said: tuple[Passage, ...] = field(init=False, default=())  # the turn now being heard
    _replay: tuple[Passage, ...] = field(init=False, default=())  # what "repeat" says again
    _cut: bool = field(init=False, default=False)  # the last turn was interrupted
    _transfer: Step | None = field(init=False, default=None)  # the last one

    def __post_init__(self) -> None:
        self._state = self.script.dialogue.start

    def open(self) -> AgentTurn:
        """Greet the caller and ask the first question."""
        dialogue = self.script.dialogue
        text = self._fill(self.policy.greeting or dialogue.greeting)
        greeting = Passage(text=text, protected=dialogue.protected_greeting)
        return self._turn((greeting, self._question()))

    def answer(self, turn: CallerTurn) -> AgentTurn:
        """Answer what the caller said."""
        cut, self._cut = self._cut, False
        if turn.digits:
            return self._take_digits(turn)
        if cut and not turn.text.strip():
            # A cough cut us short: say the rest. `cut` comes with an interruption only, so that
            # noise after that counts as not understood, and this cannot go on for ever.
            return self._turn(self._replay)
        if turn.confidence < self.policy.confirm_confidence:
            return self._not_understood()
        if self._pending is not None:
            return self._settle(self._pending, turn)
        return self._take(turn)

    def transfer_failed(self) -> AgentTurn:
        """Speak to a caller who is back from a transfer that failed."""
        sorry = self._transfer.unavailable if self._transfer else ""
        text = self._fill(sorry or self.script.dialogue.transfer_failed)
        return self._turn((Passage(text=text), self._question()))

    def time_is_short(self) -> AgentTurn:
        """Tell the caller that the call will end, if the dialogue has words for it."""
        text = self._fill(self.script.dialogue.time_is_short)
        if not text:
            return self._turn((), replayable=False)
        return self._turn((Passage(text=text), self._question()), replayable=False)

    def prompt(self, silences: int) -> AgentTurn:
        """Speak to a caller who has been silent for the `silences`-th time (from 1) in a row."""
        return self._prompted(self.script.dialogue.silence, silences)

    def interrupted(self, heard: str) -> None:
        """Note that the last turn was cut after `heard`; what was heard needs no repeating."""
        self.heard = heard
        self._cut = True
        if self._said is self._replay:
            self._replay = _unheard(self._replay, heard)

    def _take_digits(self, turn: CallerTurn) -> AgentTurn:
        """Follow the answer that has these keys, or take them as the number that is asked for.

        Keys are certain, whatever was said with them: nothing is asked back.
        """
        for answer in self.script.answers[self._state]:
            if answer.keys == turn.digits:
                return self._do(answer)
        digits = self.script.dialogue.states[self._state].digits
        if digits is None or not digits.min_length <= len(turn.digits) <= digits.max_length:
            return self._not_understood()
        self._slots = {**self._slots, digits.slot: " ".join(turn.digits)}
        return self._do(digits)

    def _take(self, turn: CallerTurn) -> AgentTurn:
        """Find the answer that was given in this state, and follow or confirm it."""
        match = self.script.matchers[self._state].match(turn.text)
        if match is None:
            return self._not_understood()
        answer = self.script.answers[self._state][match.key]
        if self._doubtful(answer, turn):
            return self._ask_back(answer, match)
        if answer.repeat:  # an unsettled question stays unsettled
            said = (*self._parts(answer), self._question())
            return self._turn(said if answer.say else self._replay)
        return self._follow(answer, match.slots)

    def _doubtful(self, answer: Answer, turn: CallerTurn) -> bool:
        """Say whether an answer has to be confirmed. Repeating ourselves never does harm."""
        if answer.confirm == "auto":
            return not answer.repeat and turn.confidence < self.policy.accept_confidence
        return answer.confirm == "always"

    def _ask_back(self, answer: Answer, match: Match) -> AgentTurn:
        """Ask whether the caller meant `answer`."""
        values = self._slots | dict(match.slots)
        heard = self._fill(answer.heard, values) if answer.heard else match.phrase
        text = self._fill(self.script.dialogue.confirm.say, {"heard": heard})
        self._pending = _Pending(answer=answer, slots=match.slots, question=Passage(text=text))
        return self._turn((self._pending.question,))

    def _settle(self, pending: _Pending, turn: CallerTurn) -> AgentTurn:
        """Take the caller's answer to "did you say ...?": yes, no, or something better."""
        verdict = self.script.yes_no.match(turn.text)
        if verdict is not None and verdict.key == _YES:
            return self._follow(pending.answer, pending.slots)
        better = self.script.matchers[self._state].match(turn.text)
        if better is not None and (verdict is None or verdict.score < 1):
            return self._take(turn)  # "no, on friday"
        if verdict is None:
            return self._not_understood()
        self._pending = None
        question = self._question()
        text = self._fill(self.script.dialogue.confirm.declined, {"question": question.text})
        return self._turn((Passage(text=text, protected=question.protected),))

    def _follow(self, answer: Answer, slots: Mapping[str, str]) -> AgentTurn:
        """Do what the answer asks for."""
        self._slots = {**self._slots, **slots}
        return self._do(answer)

    def _do(self, step: Step) -> AgentTurn:
        """Take a step: move, and return what to say."""
        self._failures = 0
        self._pending = None
        if step.transfer == OPERATOR and not self.policy.operator:
            sorry = Passage(text=self._fill(step.unavailable), protected=step.protected)
            return self._turn((sorry, self._question()))
        parts = self._parts(step)
        if step.transfer:
            self._transfer = step
            to = self.policy.operator if step.transfer == OPERATOR else step.transfer
            return self._turn(parts, Transfer(to))
        if step.hang_up:
            return self._turn(parts, HangUp())
        if step.next:
            self._state = step.next
            parts += (self._question(),)
        return self._turn(parts)

    def _not_understood(self) -> AgentTurn:
        """Ask again, in other words each time, until the dialogue gives up."""
        self._failures += 1
        dialogue = self.script.dialogue
        prompts = dialogue.states[self._state].no_match or dialogue.no_match
        return self._prompted(prompts, self._failures)

    def _prompted(self, prompts: Prompts, nth: int) -> AgentTurn:
        """Speak the `nth` prompt (from 1), or do what comes after the last."""
        if nth > len(prompts.say):
            return self._do(prompts.then)
        question = self._question()
        text = self._fill(prompts.say[nth - 1], self._slots | {"question": question.text})
        return self._turn((Passage(text=text),), replayable=False)

    def _question(self) -> Passage:
        """Return the question that is open: the state's, or whether we heard right."""
        if self._pending is not None:
            return self._pending.question
        state = self.script.dialogue.states[self._state]
        return Passage(text=self._fill(state.say), protected=state.protected)

    def _parts(self, step: Step) -> tuple[Passage | Deed, ...]:
        """Return what the step itself does and says, in order."""
        parts: list[Passage | Deed] = []
        if step.recording:
            parts.append(Record(step.recording))
        parts.append(Passage(text=self._fill(step.say), protected=step.protected))
        if step.play:
            parts.append(Play(url=step.play, protected=step.protected))
        if step.press:
            parts.append(Press(step.press))
        return tuple(parts)

    def _turn(
        self,
        parts: tuple[Passage | Deed, ...],
        ending: HangUp | Transfer | None = None,
        *,
        replayable: bool = True,
    ) -> AgentTurn:
        """Return the agent's turn without empty passages, and remember what it says."""
        turn = AgentTurn(
            parts=tuple(part for part in parts if not isinstance(part, Passage) or part.text),
            ending=ending,
            expected=self._expected(),
        )
        self._said = turn.passages
        if replayable:
            self._replay = self._said
        return turn

    def _expected(self) -> Expectation:
        """Return what the caller will answer to the open question."""
        if self._pending is not None:
            return ExpectYesNo()
        state = self.script.dialogue.states[self._state]
        digits, patience = state.digits, state.patience
        longest_keys = max((len(answer.keys) for answer in self._keyed_answers()), default=0)
        if digits is None and longest_keys:
            return ExpectDigits(max_length=longest_keys, patience=patience)
        if digits is None:
            return _EXPECTED[state.expect](patience)
        return ExpectDigits(
            min_length=digits.min_length,
            max_length=max(digits.max_length, longest_keys),
            terminator=digits.terminator,
            first_digit_timeout_s=digits.first_digit_timeout_s or None,
            inter_digit_timeout_s=digits.inter_digit_timeout_s,
            patience=patience,
        )

    def _keyed_answers(self) -> list[Answer]:
        return [answer for answer in self.script.answers[self._state] if answer.keys]

    def _fill(self, text: str, values: Mapping[str, str] | None = None) -> str:
        """Put `values` (the slots when None) and what is known of the call into the places."""
        variables = self.script.dialogue.variables
        known = {
            **{name: self.call.variables.get(name, default) for name, default in variables.items()},
            "caller": _spoken_number(self.call.caller),
            "called": _spoken_number(self.call.called),
            **(self._slots if values is None else values),
        }
        return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), text)


def _spoken_number(number: str) -> str:
    """Return a telephone number to be read digit by digit; other addresses as they are."""
    digits = number.removeprefix("+")
    return " ".join(digits) if digits.isdigit() else number


def _unheard(passages: tuple[Passage, ...], heard: str) -> tuple[Passage, ...]:
    """Return the passages that were not heard to their end, at least the last: the question."""
    words = len(heard.split())
    for i, passage in enumerate(passages):
        words -= len(passage.text.split())
        if words < 0:
            return passages[i:]
    return passages[-1:]
