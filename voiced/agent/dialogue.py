"""The model of a dialogue: states, expected phrases, replies and actions, as a file holds them.

Only the shape; `voiced.agent.dialogue_file` reads it, `voiced.agent.dialogue_check` looks for
faults of sense. See docs/dialogues.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from voiced.agent.template import parse_template
from voiced.turns.expect import LEAST_PATIENCE, MAX_DIGITS, MOST_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiced.agent.template import Node

OPERATOR = "operator"
"""As the target of a transfer: the number that is set as `[agent] operator`."""

KEY_CLASS = "0-9A-D*#"

RecordingOrder: TypeAlias = Literal["start", "pause", "resume", "stop"]
"""What a step does to the recording of the call."""

_TARGET = re.compile(r"\+[1-9]\d{6,14}|sips?:[^\s@]+@[^\s@]+")


def is_transfer_target(text: str) -> bool:
    """Say whether a call can be transferred there: an E.164 number, a SIP URI, or the operator."""
    return text == OPERATOR or _TARGET.fullmatch(text) is not None


class _Part(BaseModel):
    """Anything in the file: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Part):
    """What the agent does: speaks, then ends the call, or goes on in a state.

    Attributes:
        say: the text, "" for none. `{slot}` stands for what the caller said.
        next: the state to go on in, "" to stay.
        hang_up: end the call when all has been heard.
        transfer: transfer to this number or SIP URI; "operator": to the configured operator.
        unavailable: spoken when there is no operator configured, or when the transfer has failed;
            the dialogue then stays.
        repeat: without `say`, say the last turn again but for what was heard of it when it was cut;
            with `say`, ask the open question again after it.
        protected: the caller cannot interrupt `say` and `play`.
        recording: what becomes of the recording, before anything is said.
        play: address of a file (mp3 or wav) that Telnyx plays after `say`.
        press: keys that are pressed after that; `w` waits half a second, `W` a whole one.
    """

    say: str = ""
    next: str = ""
    hang_up: bool = False
    transfer: str = ""
    unavailable: str = ""
    repeat: bool = False
    protected: bool = False
    recording: RecordingOrder | Literal[""] = ""
    play: str = ""
    press: str = Field(default="", pattern=f"^[{KEY_CLASS}wW]*$", max_length=MAX_DIGITS)

    @property
    def ends(self) -> bool:
        """Whether the dialogue can end with this step."""
        return self.hang_up or bool(self.transfer)


class Answer(Step):
    """Something a caller may say (`hear`: phrase templates) and what the agent does then.

    `keys` is what may be pressed instead, without a terminator; "" for nothing. `confirm`: "auto"
    asks back when the recognizer was not sure, "always" asks in any case, "never" takes any answer
    above the lower bound. `heard` is how it is read back; "" for the phrase itself.
    """

    hear: list[str] = Field(default_factory=list)
    keys: str = Field(default="", pattern=f"^[{KEY_CLASS}]*$", max_length=MAX_DIGITS)
    confirm: Literal["auto", "always", "never"] = "auto"
    heard: str = ""

    @property
    def templates(self) -> tuple[Node, ...]:
        """The parsed templates; only for a checked file."""
        return tuple(parse_template(text) for text in self.hear)


class Digits(Step):
    """A number that the caller keys in, what it fills, and what the agent does with it.

    `slot` names it for texts, which say it digit by digit. The other keys are those of
    `voiced.turns.expect.ExpectDigits`; a first-digit timeout of 0 is the silence timeout.
    """

    slot: str
    min_length: int = Field(default=1, ge=1, le=MAX_DIGITS)
    max_length: int = Field(default=32, ge=1, le=MAX_DIGITS)
    terminator: str = Field(default="#", pattern=f"^[{KEY_CLASS}]?$")
    first_digit_timeout_s: float = Field(default=0.0, ge=0, le=600)
    inter_digit_timeout_s: float = Field(default=3.0, gt=0, le=60)


class Prompts(_Part):
    """What is said the first, second ... time that no answer came, and what is done after these."""

    say: list[str]
    then: Step


class State(_Part):
    """A point of the dialogue: a question (`say`) and the answers to it.

    `digits` is a number that may be keyed in. `include` names states whose answers are valid here,
    too, after its own. `expect` and `patience` say how the end of an answer is found.
    """

    say: str = ""
    expect: Literal["speech", "yes_no", "spelling"] = "speech"
    patience: float = Field(default=1.0, ge=LEAST_PATIENCE, le=MOST_PATIENCE)
    protected: bool = False
    digits: Digits | None = None
    answers: list[Answer] = Field(default_factory=list)
    include: list[str] = Field(default_factory=list)
    no_match: Prompts | None = None


class SlotFile(_Part):
    """The words that fill a slot, as they shall be spoken; `aliases` are other ways to say them."""

    words: list[str] = Field(default_factory=list)
    aliases: dict[str, str] = Field(default_factory=dict)


class Confirm(_Part):
    """How an unsure answer is confirmed; `{heard}` is what was understood."""

    say: str = "Did you say {heard}?"
    yes: list[str] = Field(
        default_factory=lambda: [
            "yes [please]",
            "yeah",
            "(that's|that is) (right|correct)",
            "yes [(that's|that is)] (right|correct)",
            "right",
            "correct",
            "i did",
        ]
    )
    no: list[str] = Field(
        default_factory=lambda: ["no [thank you]", "nope", "no i did not", "wrong", "not [quite]"]
    )
    declined: str = "Sorry about that. {question}"


_FAILED = Step(say="I am sorry, I could not understand you. Goodbye.", hang_up=True)


class DialogueFile(_Part):
    """A whole dialogue.

    `variables` is what texts may say of the call besides the slots, with what is said when the call
    comes without a value.
    """

    start: str = ""
    greeting: str = ""
    protected_greeting: bool = False
    confirm: Confirm = Confirm()
    no_match: Prompts = Prompts(
        say=[
            "Sorry, I did not catch that. {question}",
            "Sorry, I still did not understand. {question}",
        ],
        then=_FAILED,
    )
    transfer_failed: str = "I am sorry, I could not put you through."
    time_is_short: str = ""
    silence: Prompts = Prompts(
        say=["Are you still there? {question}", "I cannot hear you. {question}"],
        then=Step(say="I cannot hear you, so I will end this call now. Goodbye.", hang_up=True),
    )
    variables: dict[str, str] = Field(default_factory=dict)
    slots: dict[str, SlotFile] = Field(default_factory=dict)
    everywhere: list[Answer] = Field(default_factory=list)
    states: dict[str, State] = Field(default_factory=dict)

    def answers_in(self, state: str) -> list[Answer]:
        """Return what can be answered in `state`: its own, the included ones, those everywhere."""
        here = self.states[state]
        included = [a for name in here.include for a in self.states[name].answers]
        return [*here.answers, *included, *self.everywhere]


_TEXTS = frozenset({"say", "unavailable", "greeting", "transfer_failed", "time_is_short"})


def texts_of(part: object) -> Iterator[str]:
    """Give all texts that a dialogue, or a part of one, may have spoken, as they are written."""
    if isinstance(part, _Part):
        for name, value in part:
            if name in _TEXTS and isinstance(value, str):
                yield value
            elif name in _TEXTS and isinstance(value, list):
                yield from value
            else:
                yield from texts_of(value)
    elif isinstance(part, list | dict):
        for item in part.values() if isinstance(part, dict) else part:
            yield from texts_of(item)
