"""Faults of sense in a dialogue: broken templates, missing states, questions nobody can answer.

Pure. Every fault is found in one go, each with the place, the value and a remedy: a dialogue is
written by someone who does not read Python.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from voiced.agent.dialogue import (
    OPERATOR,
    Answer,
    DialogueFile,
    Digits,
    Prompts,
    State,
    Step,
    is_transfer_target,
)
from voiced.agent.dialogue_ways import (
    certain,
    closure,
    known_slots,
    parsed,
    steps_in,
    targets,
)
from voiced.agent.template import TemplateError, parse_template, slots_of, variants
from voiced.agent.wording import spoken_words
from voiced.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}|[{}]")

CALL_WORDS = frozenset({"caller", "called"})
"""Placeholders that every text may use: the two numbers of the call."""

_FILE_URL = re.compile(r"https?://[^\s/?#]+[^\s]{0,1900}")

_RESERVED = CALL_WORDS | {"question", "heard"}
_PROMPT_WORDS = frozenset({"question"})

Place: TypeAlias = "tuple[int | str, ...]"
"""Keys and list indices on the way to a value in the file."""


def dotted(place: Place) -> str:
    """Return a place as errors show it: `states.day.answers[2].next`, items counted from 1."""
    text = ""
    for step in place:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def check_dialogue(dialogue: DialogueFile, *, unusable: Iterable[str] = ()) -> list[Problem]:
    """Return every fault of sense; empty for a dialogue that can be run.

    Args:
        dialogue: as the file has it.
        unusable: dotted places that are known to be faulty: they, what is in them and what is
            missing for their sake are not reported again.
    """
    checker = _Checker(dialogue)
    checker.run()
    known = tuple(unusable)
    return [p for p in checker.problems if not any(_within(p.key, key) for key in known)]


def _within(key: str, faulty: str) -> bool:
    """Say whether `key` is `faulty` or a place in it."""
    return key == faulty or key.startswith((f"{faulty}.", f"{faulty}["))


@dataclass(slots=True)
class _Checker:
    """One check of one dialogue, collecting `problems`."""

    dialogue: DialogueFile
    problems: list[Problem] = field(default_factory=list)

    def _add(self, place: Place, value: object, reason: str, remedy: str = "") -> None:
        shown = "" if value == "" else repr(value)
        self.problems.append(Problem(key=dotted(place), value=shown, reason=reason, remedy=remedy))

    def run(self) -> None:
        """Check everything."""
        self._check_variables()
        self._check_slots()
        self._check_templates()
        for place, step in _steps(self.dialogue):
            self._check_step(place, step)
        self._check_recording()
        self._check_states()
        self._check_ways()
        self._check_texts()

    # Variables, slots and templates

    def _check_variables(self) -> None:
        for name in self.dialogue.variables:
            place: Place = ("variables", name)
            if not _NAME.fullmatch(name) or name in _RESERVED:
                reason = "is reserved" if name in _RESERVED else "is no name"
                self._add(place, "", reason, "use small letters, digits and _")
            elif name in self.dialogue.slots:
                self._add(place, "", "is also a slot of words", "choose a name of its own")

    def _check_slots(self) -> None:
        for name, slot in self.dialogue.slots.items():
            place: Place = ("slots", name)
            if not _NAME.fullmatch(name) or name in _RESERVED:
                reason = "is reserved" if name in _RESERVED else "is no name"
                self._add(place, "", reason, "use small letters, digits and _")
            if not slot.words:
                self._add((*place, "words"), "", "is missing or empty", "list the words")
            for i, word in enumerate(slot.words):
                if not spoken_words(word):
                    self._add((*place, "words", i), word, "has no word in it")
            for said, meant in slot.aliases.items():
                if not spoken_words(said):
                    self._add((*place, "aliases", said), meant, "has no word on its left side")
                if meant not in slot.words:
                    hint = _did_you_mean(meant, slot.words)
                    self._add((*place, "aliases", said), meant, "is not one of the words", hint)

    def _check_templates(self) -> None:
        for place, texts in _template_lists(self.dialogue):
            if not texts:
                self._add(place, "", "is missing or empty", "write what callers may say")
            for i, text in enumerate(texts):
                self._check_template((*place, i), text)
        for state_place, answers in _answer_lists(self.dialogue):
            self._check_doubles(state_place, answers)
            self._check_keys(state_place, answers)

    def _check_template(self, place: Place, text: str) -> None:
        try:
            node = parse_template(text)
        except TemplateError as error:
            self._add(place, text, str(error))
            return
        for name in sorted(slots_of(node) - self.dialogue.slots.keys()):
            hint = _did_you_mean(name, self.dialogue.slots) or f"add [slots.{name}]"
            self._add(place, text, f"the slot '{name}' is not defined", hint)
        if place[0] == "confirm" and slots_of(node):
            self._add(place, text, "has a slot", "yes and no have none")

    def _check_doubles(self, place: Place, answers: list[Answer]) -> None:
        """Find wordings that two answers of one place share: the second would never be chosen."""
        first: dict[object, int] = {}
        for i, answer in enumerate(answers):
            for j, text in enumerate(answer.hear):
                for variant in _variants(text):
                    if first.setdefault(variant, i) != i:
                        reason = f"answer {first[variant] + 1} hears the same"
                        self._add((*place, i, "hear", j), text, reason, "remove one of them")
                        break

    # Steps and states

    def _check_step(self, place: Place, step: Step) -> None:
        if step.next and step.next not in self.dialogue.states:
            hint = _did_you_mean(step.next, self.dialogue.states)
            self._add((*place, "next"), step.next, "no such state", hint)
        ways = [key for key in ("next", "hang_up", "transfer", "repeat") if getattr(step, key)]
        if len(ways) > 1:
            self._add(place, "", f"{' and '.join(ways)} exclude each other", "keep one")
        if not (ways or step.say or step.play or step.press or step.recording):
            self._add(place, "", "does nothing", "give it say, next, repeat, hang_up or transfer")
        if step.play and not _FILE_URL.fullmatch(step.play):
            remedy = 'write "https://example.com/file.mp3"'
            self._add((*place, "play"), step.play, "is no address of a file", remedy)
        if step.transfer and not is_transfer_target(step.transfer):
            remedy = f'write "+15551234567", "sip:user@host" or "{OPERATOR}"'
            self._add((*place, "transfer"), step.transfer, "is no number to transfer to", remedy)
        if step.unavailable and not step.transfer:
            remedy = "it is spoken when a transfer is not possible"
            self._add((*place, "unavailable"), step.unavailable, "goes with a transfer", remedy)
        if step.transfer == OPERATOR and not step.unavailable:
            reason = f'is missing beside transfer = "{OPERATOR}"'
            remedy = "it is spoken when no operator is configured"
            self._add((*place, "unavailable"), "", reason, remedy)

    def _check_recording(self) -> None:
        """Find a pause of the recording that nothing ends."""
        orders = {step.recording for _, step in _steps(self.dialogue)}
        for place, step in _steps(self.dialogue):
            if step.recording == "pause" and "resume" not in orders:
                remedy = 'give the step that has the number recording = "resume"'
                self._add((*place, "recording"), "pause", "nothing resumes it", remedy)

    def _check_states(self) -> None:
        states = self.dialogue.states
        if not states:
            self._add(("states",), "", "there is none", "write at least one [states.<name>]")
        if not self.dialogue.start:
            self._add(("start",), "", "is missing", "name the state after the greeting")
        elif self.dialogue.start not in states:
            hint = _did_you_mean(self.dialogue.start, states)
            self._add(("start",), self.dialogue.start, "no such state", hint)
        for name, state in states.items():
            self._check_state(("states", name), name, state)
        for place, prompts in _prompt_lists(self.dialogue):
            if not prompts.say:
                self._add((*place, "say"), "", "is empty", "write at least one prompt")
            if not (prompts.then.ends or prompts.then.next):
                remedy = "give it hang_up, transfer or next"
                self._add((*place, "then"), "", "leaves the caller where he is", remedy)

    def _check_state(self, place: Place, name: str, state: State) -> None:
        if not state.say:
            self._add((*place, "say"), "", "is missing", "write the question that is asked here")
        if not state.answers and not state.include and state.digits is None:
            self._add((*place, "answers"), "", "there is none", "write what the caller may say")
        if state.digits is not None:
            self._check_digits((*place, "digits"), state.digits)
        for i, other in enumerate(state.include):
            if other not in self.dialogue.states or other == name:
                hint = _did_you_mean(other, self.dialogue.states.keys() - {name})
                self._add((*place, "include", i), other, "no such other state", hint)

    def _check_digits(self, place: Place, digits: Digits) -> None:
        if not _NAME.fullmatch(digits.slot) or digits.slot in _RESERVED:
            self._add((*place, "slot"), digits.slot, "is no name", "use small letters, digits, _")
        elif digits.slot in self.dialogue.slots.keys() | self.dialogue.variables.keys():
            remedy = "choose a name of its own"
            other = "a slot of words" if digits.slot in self.dialogue.slots else "a variable"
            self._add((*place, "slot"), digits.slot, f"is also {other}", remedy)
        if digits.min_length > digits.max_length:
            reason = f"must not be above max_length, which is {digits.max_length}"
            self._add((*place, "min_length"), digits.min_length, reason)

    def _check_keys(self, place: Place, answers: list[Answer]) -> None:
        """Find keys that two answers of one place share."""
        first: dict[str, int] = {}
        for i, answer in enumerate(answers):
            if answer.keys and first.setdefault(answer.keys, i) != i:
                reason = f"answer {first[answer.keys] + 1} has the same"
                self._add((*place, i, "keys"), answer.keys, reason, "choose others")

    # Ways through the dialogue

    def _check_ways(self) -> None:
        """Find states that nothing leads to, and states that no answer leads out of.

        A `next` that names no state is a fault of its own; it may lead anywhere here, so that it
        does not look like several.
        """
        states = self.dialogue.states
        if self.dialogue.start not in states:
            return
        reached = closure({self.dialogue.start}, lambda name: targets(self.dialogue, name))
        lost = reached - states.keys()
        for name in states:
            if name not in reached and not lost:
                self._add(("states", name), "", "is never reached", "name it in a next, or drop it")
            elif name in reached and not self._can_end(name):
                remedy = "let an answer hang up, transfer, or lead to a state that can"
                self._add(("states", name), "", "the caller cannot end the call from here", remedy)

    def _can_end(self, name: str) -> bool:
        """Say whether answers alone lead from the state to an end of the call."""
        onward = closure({name}, lambda at: (step.next for step in steps_in(self.dialogue, at)))
        return bool(onward - self.dialogue.states.keys()) or any(
            step.ends for at in onward for step in steps_in(self.dialogue, at)
        )

    # Texts

    def _check_texts(self) -> None:
        """Check the placeholders of all texts: a slot must have been filled whenever it is said.

        States that are never reached are left out; they are a fault of their own.
        """
        known = known_slots(self.dialogue)
        confirm = self.dialogue.confirm
        self._check_text(("greeting",), self.dialogue.greeting, frozenset())
        self._check_text(("confirm", "say"), confirm.say, frozenset({"heard"}))
        self._check_text(("time_is_short",), self.dialogue.time_is_short, frozenset())
        self._check_text(("transfer_failed",), self.dialogue.transfer_failed, frozenset())
        self._check_text(("confirm", "declined"), confirm.declined, _PROMPT_WORDS)
        anywhere = frozenset.intersection(*known.values()) if known else frozenset()
        self._check_prompt_texts(("no_match",), self.dialogue.no_match, anywhere)
        self._check_prompt_texts(("silence",), self.dialogue.silence, anywhere)
        for i, answer in enumerate(self.dialogue.everywhere):
            self._check_answer_texts(("everywhere", i), answer, anywhere)
        for name, here in known.items():
            self._check_state_texts(name, here, known)

    def _check_state_texts(
        self, name: str, here: frozenset[str], known: dict[str, frozenset[str]]
    ) -> None:
        state = self.dialogue.states[name]
        self._check_text(("states", name, "say"), state.say, here)
        if state.no_match is not None:
            self._check_prompt_texts(("states", name, "no_match"), state.no_match, here)
        # The answers are given in the states that include this one, too.
        for other, its in known.items():
            if name in self.dialogue.states[other].include:
                here &= its
        for i, answer in enumerate(state.answers):
            self._check_answer_texts(("states", name, "answers", i), answer, here)
        if state.digits is not None:
            filled = known[name] | {state.digits.slot}
            self._check_text(("states", name, "digits", "say"), state.digits.say, filled)

    def _check_answer_texts(self, place: Place, answer: Answer, here: frozenset[str]) -> None:
        filled = here | certain(answer)
        self._check_text((*place, "say"), answer.say, filled)
        self._check_text((*place, "unavailable"), answer.unavailable, filled)
        self._check_text((*place, "heard"), answer.heard, filled)

    def _check_prompt_texts(self, place: Place, prompts: Prompts, here: frozenset[str]) -> None:
        for i, text in enumerate(prompts.say):
            self._check_text((*place, "say", i), text, here | _PROMPT_WORDS)
        self._check_text((*place, "then", "say"), prompts.then.say, here)
        self._check_text((*place, "then", "unavailable"), prompts.then.unavailable, here)

    def _check_text(self, place: Place, text: str, filled: frozenset[str]) -> None:
        known = filled | CALL_WORDS | self.dialogue.variables.keys()
        for found in _PLACEHOLDER.finditer(text):
            name = found[1]
            if name is None:
                self._add(place, text, f"'{found[0]}' without its partner")
            elif name in self.dialogue.slots and name not in filled:
                reason = f"'{{{name}}}' may not be filled yet"
                self._add(place, text, reason, "ask for it on every way that leads here")
            elif name not in known:
                hint = _did_you_mean(name, known)
                self._add(place, text, f"'{{{name}}}' is nothing known here", hint)


def _steps(dialogue: DialogueFile) -> Iterator[tuple[Place, Step]]:
    """Yield every step of the dialogue with its place."""
    for place, answers in _answer_lists(dialogue):
        for i, answer in enumerate(answers):
            yield (*place, i), answer
    for name, state in dialogue.states.items():
        if state.digits is not None:
            yield ("states", name, "digits"), state.digits
    for place, prompts in _prompt_lists(dialogue):
        yield (*place, "then"), prompts.then


def _answer_lists(dialogue: DialogueFile) -> Iterator[tuple[Place, list[Answer]]]:
    """Yield every list of answers with its place."""
    yield ("everywhere",), dialogue.everywhere
    for name, state in dialogue.states.items():
        yield ("states", name, "answers"), state.answers


def _prompt_lists(dialogue: DialogueFile) -> Iterator[tuple[Place, Prompts]]:
    """Yield all prompts with their place."""
    yield ("no_match",), dialogue.no_match
    yield ("silence",), dialogue.silence
    for name, state in dialogue.states.items():
        if state.no_match is not None:
            yield ("states", name, "no_match"), state.no_match


def _template_lists(dialogue: DialogueFile) -> Iterator[tuple[Place, list[str]]]:
    """Yield every list of templates with its place."""
    for place, answers in _answer_lists(dialogue):
        for i, answer in enumerate(answers):
            if answer.hear or not answer.keys:
                yield (*place, i, "hear"), answer.hear
    yield ("confirm", "yes"), dialogue.confirm.yes
    yield ("confirm", "no"), dialogue.confirm.no


def _variants(text: str) -> list[object]:
    """Return what tells the wordings of a template from others: their required tokens."""
    node = parsed(text)
    return [tuple(t.node for t in v if not t.optional) for v in variants(node)] if node else []


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a suggestion for a mistyped name, or the names there are, or nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(names)}" if names else ""
