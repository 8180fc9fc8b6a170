"""The agent that speaks to the target of a warm transfer: who is calling, and will you take it?

It talks with the synthesizer and the recognizer of the caller's own line. Keys decide as well as
words: 1 or yes takes the call, 2 or no declines it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import trio
from pydantic import BaseModel, ConfigDict

from voiced.recognizer.base import Vocabulary
from voiced.turns.expect import ExpectDigits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.agent.base import CallerTurn, CallInfo, Reply

QUESTION = "Press one or say yes to take the call. Press two or say no to decline it."
CONNECTING = "Thank you. I am connecting you."
DECLINED = "All right. Goodbye."

MOST_QUESTIONS = 3
"""Asked so often without an answer, the target is taken for somebody who declines."""

_YES = frozenset({"yes", "yeah", "sure", "okay", "ok", "accept", "connect", "one"})
_NO = frozenset({"no", "nope", "decline", "not", "busy", "two"})


class _NoSettings(BaseModel):
    """There is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BriefingAgent:
    """A dialogue agent for one call. `accepted` is set once the target takes the caller."""

    Settings: ClassVar[type[BaseModel]] = _NoSettings
    vocabulary = Vocabulary(
        tuple(sorted({"yes please", "no thank you", "not now", "i am busy", *_YES, *_NO}))
    )

    def __init__(self, text: str) -> None:
        """Say `text` first: who is calling, and why."""
        self._text = text
        self.accepted = trio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: _NoSettings) -> AsyncIterator[BriefingAgent]:
        """Give one that has only the question to ask."""
        del settings
        yield cls("")

    def begin(self, call: CallInfo) -> _BriefingDialogue:
        """Begin the one dialogue."""
        del call
        return _BriefingDialogue(self._text, self.accepted)


class _BriefingDialogue:
    def __init__(self, text: str, accepted: trio.Event) -> None:
        self._text = text
        self._accepted = accepted
        self._questions = 0

    async def open(self, reply: Reply) -> None:
        await self._ask(reply, f"{self._text} {QUESTION}".strip())

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        if self._accepted.is_set():
            return
        words = set(turn.text.lower().split())
        if turn.digits == "1" or (not turn.digits and words & _YES and not words & _NO):
            await reply.say(CONNECTING, protected=True)
            await reply.wait_heard()
            self._accepted.set()
        elif turn.digits == "2" or (not turn.digits and words & _NO):
            await self._decline(reply)
        else:
            await self._ask(reply, QUESTION)

    async def prompt(self, silences: int, reply: Reply) -> None:
        del silences
        if not self._accepted.is_set():
            await self._ask(reply, QUESTION)

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        """Never called: the target is transferred nowhere."""

    def interrupted(self, heard: str) -> None:
        """Whoever cuts in has understood."""

    async def _ask(self, reply: Reply, text: str) -> None:
        self._questions += 1
        if self._questions > MOST_QUESTIONS:
            await self._decline(reply)
            return
        await reply.say(text)
        reply.expect(ExpectDigits(max_length=1))

    async def _decline(self, reply: Reply) -> None:
        await reply.say(DECLINED)
        reply.hang_up()
