"""Who calls and who is called, in turn, and what goes wrong; and the agent that talks to them."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from voiced.testing.callees import (
    answering_machine,
    busy,
    declined,
    fax_machine,
    full_mailbox,
    human,
    unreachable,
)
from voiced.testing.caller import silent_caller, tone_caller
from voiced.testing.fault_plans import FAULT_PLANS
from voiced.testing.providers import (
    FunctionAgent,
    NoSettings,
    ScriptedRecognizer,
    Speech,
    TestDialogue,
    ToneSynthesizer,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trio
    from pydantic import BaseModel

    from voiced.agent.base import CallerTurn, CallInfo, Reply
    from voiced.audio.frame import Frame
    from voiced.recognizer.base import SpeechEvent, Vocabulary
    from voiced.testing.callees import Callee, Directory
    from voiced.testing.caller import Caller

Kind: TypeAlias = Literal["talks", "barges in", "transferred", "leaves early", "fault", "dialled"]

KINDS: tuple[Kind, ...] = (
    "talks", "dialled", "barges in", "fault", "talks", "transferred", "fault", "leaves early",
    "dialled", "transferred",
)  # fmt: skip
"""In turn; half of a day's calls are ordinary on no line that we know of, but leaks hide here."""

TARGETS: dict[str, Callee] = {
    "+13125550171": human(hangs_up_s=4.0),
    "+13125550172": busy(),
    "+13125550173": declined(),
}
CALLEES: dict[str, Callee] = {
    "+13125550184": busy(),
    "+13125550181": human(hangs_up_s=6.0),
    "+13125550182": answering_machine(records_s=15.0),
    "+13125550183": full_mailbox(),
    "+13125550185": unreachable(),
    "+13125550186": fax_machine(),
}
_FAULTS = sorted(FAULT_PLANS)
_SCRIPTS: dict[str, list[Speech]] = {
    "talks": [
        Speech(from_s=4.0, to_s=5.0, text="what are your hours"),
        Speech(from_s=9.0, to_s=10.0, text="and on sundays"),
        Speech(from_s=15.0, to_s=15.6, text="goodbye"),
    ],
    "barges in": [
        Speech(from_s=0.8, to_s=1.8, text="stop"),
        Speech(from_s=4.0, to_s=5.0, text="no no"),
        Speech(from_s=9.0, to_s=9.6, text="goodbye"),
    ],
    "transferred": [Speech(from_s=4.0, to_s=5.0, text="transfer me")],
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of the run: its kind, and for `fault` and `dialled` which."""

    number: int

    @property
    def kind(self) -> Kind:
        """Return what kind of call it is."""
        return KINDS[self.number % len(KINDS)]

    @property
    def fault(self) -> str:
        """Return the name of its fault plan."""
        index = self.number // len(KINDS) * 2 + (self.number % len(KINDS) > 3)
        return _FAULTS[index % len(_FAULTS)] if self.kind == "fault" else "none"

    @property
    def callee(self) -> str:
        """Return whom the daemon is to call."""
        return list(CALLEES)[(self.number // 2) % len(CALLEES)]

    def caller(self) -> Caller:
        """Return who calls."""
        if self.kind == "leaves early":
            return silent_caller(hangs_up_s=0.2 + self.number % 7 * 0.4)
        return tone_caller(lasts_s=1.0, hangs_up_s=45.0)


def fill(directory: Directory) -> None:
    """Put everybody into the emulated Telnyx's directory."""
    directory.entries.update(TARGETS)
    directory.entries.update(CALLEES)


def make_agent() -> FunctionAgent:
    """Return an agent that greets, answers, transfers and says goodbye."""
    targets = list(TARGETS)
    n_transfers = 0

    async def greet(reply: Reply) -> None:
        await reply.say("Hello, this is the line that is never out of order. How can I help you?")

    async def respond(turn: CallerTurn, reply: Reply) -> None:
        nonlocal n_transfers
        if "goodbye" in turn.text:
            await reply.say("Goodbye.")
            reply.hang_up()
        elif "transfer" in turn.text:
            await reply.say("One moment.")
            n_transfers += 1
            reply.transfer(targets[n_transfers % len(targets)])
        else:
            await reply.say(f"You said {turn.text or 'nothing'}. Well. What else can I do for you?")

    async def nudge(silences: int, reply: Reply) -> None:
        await reply.say("Goodbye." if silences > 1 else "Are you there?")
        if silences > 1:
            reply.hang_up()

    async def take_back(reason: str, reply: Reply) -> None:
        await reply.say(f"Nobody there: {reason}. Goodbye.")
        reply.hang_up()

    return _ForgetfulAgent(greet=greet, respond=respond, nudge=nudge, take_back=take_back)


class _ForgetfulAgent(FunctionAgent):
    """Keeps no dialogue, as tests do: that would look like a leak."""

    def begin(self, call: CallInfo) -> TestDialogue:
        """Begin a dialogue, the only one that is kept."""
        self.dialogues.clear()
        return super().begin(call)


class MixedRecognizer:
    """Hears another script in each call."""

    Settings: ClassVar[type[BaseModel]] = NoSettings
    rate_hz = 8000

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: NoSettings) -> AsyncIterator[MixedRecognizer]:
        """Give one."""
        del settings
        yield cls()

    async def prepare(self, vocabulary: Vocabulary) -> None:
        """Need nothing."""

    async def recognize(
        self,
        frames: trio.MemoryReceiveChannel[Frame],
        events: trio.MemorySendChannel[SpeechEvent],
        vocabulary: Vocabulary,
    ) -> None:
        """Tell a script."""
        script = self._random.choice(list(_SCRIPTS.values()))
        await ScriptedRecognizer(script).recognize(frames, events, vocabulary)


def make_synthesizer() -> ToneSynthesizer:
    """Return the voice."""
    return ToneSynthesizer(rate_hz=16_000)
