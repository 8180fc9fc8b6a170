"""The agent `script`: follows a dialogue written in a TOML file.

The decisions are in `voiced.agent.script_machine`, which is pure; here they are spoken.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from copy import copy
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, assert_never

import trio
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from voiced.agent.dialogue import OPERATOR, is_transfer_target, texts_of
from voiced.agent.dialogue_file import SHIPPED, load_dialogue
from voiced.agent.script_machine import Policy, ScriptMachine, compile_script
from voiced.agent.script_turn import HangUp, Passage, Play, Press, Record, Transfer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import Self

    from voiced.agent.base import CallerTurn, CallInfo, Phone, Reply
    from voiced.agent.dialogue import RecordingOrder
    from voiced.agent.script_machine import Script
    from voiced.agent.script_turn import AgentTurn, Deed
    from voiced.recognizer.base import Vocabulary
    from voiced.record.heard import HeardPiece


class ScriptSettings(BaseModel):
    """Keys of `[agent]` for `provider = "script"`.

    Attributes:
        dialogue: path of a dialogue file; "" for the shipped front desk.
        greeting: replaces the dialogue's greeting; "" keeps it.
        operator: where callers who want a person are transferred, E.164 or SIP URI; "": nowhere,
            and the dialogue says so.
        accept_confidence: recognizer confidence (0..1) from which an answer is taken as it is.
        confirm_confidence: from here up to `accept_confidence` it is asked back ("Did you say
            ...?"); below, it counts as not understood. Of the embedded recognizer's utterances,
            0.6 keeps 96 % of the right ones, 74 % of those with any word wrong and 38 % of what the
            dialogue does not know; 0.7 keeps 87, 62 and 12 %; 0.8 keeps 71, 40 and 4 %.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dialogue: str = ""
    greeting: str = Field(default="", max_length=1000)
    operator: str = ""
    accept_confidence: float = Field(default=0.8, ge=0, le=1)
    confirm_confidence: float = Field(default=0.6, ge=0, le=1)

    @field_validator("operator")
    @classmethod
    def _check_operator(cls, value: str) -> str:
        if value and not (is_transfer_target(value) and value != OPERATOR):
            raise ValueError('is no number to transfer to; write "+15551234567" or "sip:user@host"')
        return value

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.confirm_confidence > self.accept_confidence:
            raise ValueError(
                f"confirm_confidence ({self.confirm_confidence}) must not be above "
                f"accept_confidence ({self.accept_confidence})"
            )
        return self


class ScriptAgent:
    """A dialogue agent for closed domains: no model, no network, always the same answers."""

    Settings: ClassVar[type[BaseModel]] = ScriptSettings

    def __init__(self, script: Script, policy: Policy) -> None:
        self._script = script
        self._policy = policy
        self.vocabulary: Vocabulary = script.vocabulary
        self.phrases = tuple(texts_of(script.dialogue))
        """What it says the same in every call, and more."""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: ScriptSettings) -> AsyncIterator[ScriptAgent]:
        """Read the dialogue.

        Raises:
            ConfigError: the file has faults; all of them are listed.
        """
        policy = Policy(
            greeting=settings.greeting,
            operator=settings.operator,
            confirm_confidence=settings.confirm_confidence,
            accept_confidence=settings.accept_confidence,
        )
        yield cls(compile_script(load_dialogue(_path(settings))), policy)

    @classmethod
    def check(cls, settings: ScriptSettings) -> None:
        """Read the dialogue and let it go again; raises ConfigError with all its faults."""
        load_dialogue(_path(settings))

    def begin(self, call: CallInfo) -> ScriptDialogue:
        """Return a fresh dialogue for one call."""
        return ScriptDialogue(ScriptMachine(self._script, self._policy, call))


def _path(settings: ScriptSettings) -> Path:
    """Return the path of the dialogue file."""
    return Path(settings.dialogue).expanduser() if settings.dialogue else SHIPPED


class ScriptDialogue:
    """One call's conversation, spoken."""

    def __init__(self, machine: ScriptMachine) -> None:
        self._machine = machine
        self._before = machine

    async def open(self, reply: Reply) -> None:
        """Greet the caller."""
        await _perform(self._machine.open(), reply)

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        """Answer one turn of the caller."""
        self._before = copy(self._machine)
        await _perform(self._machine.answer(turn), reply)

    async def prompt(self, silences: int, reply: Reply) -> None:
        """Ask again after a silence, or say goodbye after several."""
        self._before = copy(self._machine)
        await _perform(self._machine.prompt(silences), reply)

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        """Say that nobody could be reached, and go on where the caller was."""
        del reason
        await _perform(self._machine.transfer_failed(), reply)

    async def time_is_short(self, left_s: float, reply: Reply) -> None:
        """Say that the call will end soon."""
        del left_s
        await _perform(self._machine.time_is_short(), reply)

    def withdrawn(self) -> None:
        """Be where the dialogue was before the last answer: nobody has heard it."""
        self._machine = self._before

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        """Need nothing of this: what was cut is told by `interrupted`."""

    def interrupted(self, heard: str) -> None:
        """Note what the caller heard of the reply that was cut."""
        self._machine.interrupted(heard)


async def _perform(turn: AgentTurn, reply: Reply) -> None:
    """Speak a turn, then end the dialogue if the turn says so.

    Passages alike in protection are said as one text, for fewer breaks. The ending is only
    announced once everything has been queued: a caller who cuts in on the goodbye stays on.
    """
    await trio.lowlevel.checkpoint()
    reply.expect(turn.expected)
    for protected, parts in groupby(turn.parts, key=_protection):
        texts = []
        for part in parts:
            if isinstance(part, Passage):
                texts.append(part.text)
            else:
                await _do(part, reply)
        if texts:
            await reply.say(" ".join(texts), protected=protected is True)
    match turn.ending:
        case None:
            pass
        case HangUp():
            reply.hang_up()
        case Transfer(to):
            reply.transfer(to)
        case _:
            assert_never(turn.ending)


def _protection(part: Passage | Deed) -> bool | None:
    """Return what keeps passages apart; None for what is not said at all."""
    return part.protected if isinstance(part, Passage) else None


async def _do(deed: Deed, reply: Reply) -> None:
    """Do what is not said; raises CommandFailed, but for a file that cannot be played."""
    match deed:
        case Record(order):
            await _record(order, reply.phone)
        case Play(url=url, protected=protected):
            await reply.wait_heard()
            await reply.phone.play(url, protected=protected)
        case Press(digits):
            await reply.wait_heard()
            await reply.phone.press(digits)
        case _:
            assert_never(deed)


async def _record(order: RecordingOrder, phone: Phone) -> None:
    match order:
        case "start":
            await phone.start_recording()
        case "pause":
            await phone.pause_recording()
        case "resume":
            await phone.resume_recording()
        case "stop":
            await phone.stop_recording()
        case _:
            assert_never(order)
