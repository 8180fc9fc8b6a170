"""A list of dialogue agents that converses as one, with one memory of the conversation.

An agent that fails before its first words is followed by the next one, which answers the same turn.
One that fails after some words is followed, too: the caller hears a short apology (once in a call)
and the answer from the beginning. Whoever takes over is given what was said, heard and done
(`TakingOver`); one that cannot take it begins anew.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, asynccontextmanager, nullcontext
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pydantic import BaseModel

from voiced.agent.base import HandingOver, Remembering, TakingOver, TimeAware
from voiced.agent.memory import Memory
from voiced.agent.vocabulary import join_vocabularies
from voiced.record.journal import noted_nowhere
from voiced.resilience.roster import Round

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from voiced.agent.base import CallerTurn, CallInfo, Dialogue, DialogueAgent, Phone, Reply
    from voiced.agent.memory import Entry
    from voiced.record.heard import HeardPiece
    from voiced.record.journal import Note
    from voiced.resilience.roster import Attempt, Member
    from voiced.turns.expect import Expectation


class AgentList:
    """Fits `DialogueAgent`, but is made, not opened."""

    Settings: ClassVar[type[BaseModel]] = BaseModel

    @classmethod
    def open(cls, settings: Any) -> NoReturn:
        """Be made of members instead."""
        raise NotImplementedError

    def __init__(
        self,
        members: tuple[Member[DialogueAgent], ...],
        apology: str,
        note: Note = noted_nowhere,
    ) -> None:
        """Make a list; its first member is the first choice.

        `apology` is said once in a call, when an agent broke off in the middle of an answer; ""
        says nothing.
        """
        self.vocabulary = join_vocabularies(member.provider.vocabulary for member in members)
        self.members = members
        self._apology = apology
        self._note = note

    def for_call(self, note: Note) -> AgentList:
        """Return the list for one call."""
        listed = copy(self)
        listed._note = note
        return listed

    def begin(self, call: CallInfo) -> DialogueOfList:
        """Begin the call's dialogue."""
        return DialogueOfList(Round("agent", self.members, self._note), call, self._apology)


class DialogueOfList:
    """One call's dialogue, whoever holds it."""

    def __init__(self, round_: Round[DialogueAgent], call: CallInfo, apology: str) -> None:
        self._round = round_
        self._call = call
        self._apology = apology
        self._memory = Memory()
        self._member: Member[DialogueAgent] | None = None
        self._dialogue: Dialogue | None = None
        self._goes_on = False  # somebody has talked before

    def take_over(self, past: Sequence[Entry]) -> None:
        """Go on where an agent in audio had to stop, which has been apologized for."""
        self._memory = Memory(past)
        self._goes_on, self._apology = True, ""

    async def open(self, reply: Reply) -> None:
        """Greet the caller."""
        await self._ask(lambda dialogue, watched: dialogue.open(watched), reply)

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        """Answer one turn of the caller."""
        past = self._memory.entries
        self._memory.caller_said(turn)
        await self._ask(lambda dialogue, watched: dialogue.answer(turn, watched), reply, past)

    async def prompt(self, silences: int, reply: Reply) -> None:
        """Prompt a silent caller."""
        await self._ask(lambda dialogue, watched: dialogue.prompt(silences, watched), reply)

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        """Say that the transfer did not come about."""
        await self._ask(lambda dialogue, watched: dialogue.transfer_failed(reason, watched), reply)

    async def time_is_short(self, left_s: float, reply: Reply) -> None:
        """Say that the call will end soon, if the agent does."""
        await self._ask(partial(_warn, left_s), reply)

    def interrupted(self, heard: str) -> None:
        """Tell whoever has spoken."""
        if self._dialogue is not None:
            self._dialogue.interrupted(heard)

    def withdrawn(self) -> None:
        """Forget the last turn."""
        self._memory.withdrawn()
        dialogue: object = self._dialogue
        if isinstance(dialogue, Remembering):
            dialogue.withdrawn()

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        """Remember what was heard."""
        self._memory.heard(pieces)
        dialogue: object = self._dialogue
        if isinstance(dialogue, Remembering):
            dialogue.heard(pieces)

    async def _ask(
        self,
        ask: Callable[[Dialogue, Reply], Awaitable[None]],
        reply: Reply,
        past: tuple[Entry, ...] | None = None,
    ) -> None:
        """Ask the agents in turn until one has answered; `past` is what was before."""
        past = self._memory.entries if past is None else past
        has_begun = False
        for member in self._round.members():
            dialogue = self._dialogue_with(member, past)
            with self._round.attempt(member) as attempt:
                if has_begun:
                    await self._apologize(reply)
                watched = WatchedReply(reply, attempt)
                await ask(dialogue, watched)
            if attempt.error is None:
                return
            has_begun = has_begun or watched.has_begun
        raise self._round.give_up()

    def _dialogue_with(self, member: Member[DialogueAgent], past: tuple[Entry, ...]) -> Dialogue:
        if self._dialogue is None or self._member is not member:
            before: object = self._dialogue
            self._member = member
            self._dialogue = member.provider.begin(self._call)
            if self._goes_on and isinstance(self._dialogue, TakingOver):
                told = before.hand_over() if isinstance(before, HandingOver) else past
                self._dialogue.take_over(told)
            self._goes_on = True
        return self._dialogue

    async def _apologize(self, reply: Reply) -> None:
        apology, self._apology = self._apology, ""
        if apology:
            await reply.say(apology)


async def _warn(left_s: float, dialogue: Dialogue, reply: Reply) -> None:
    if isinstance(dialogue, TimeAware):
        await dialogue.time_is_short(left_s, reply)


class WatchedReply:
    """Fits `Reply`; sees whether words come in time."""

    def __init__(self, reply: Reply, attempt: Attempt) -> None:
        """Wait for the first words from now on."""
        self._reply = reply
        self._attempt = attempt
        self._n_tools = self._n_streams = 0
        self.has_begun = False
        """Whether the caller may have heard something of it."""
        self._words_are_due = False
        attempt.waits()

    @property
    def phone(self) -> Phone:
        """What the agent may do to the call: it takes its own time."""
        self._come()
        return self._reply.phone

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        """Speak; a stream's pieces have to come in time."""
        if isinstance(text, str):
            self._come()
            await self._reply.say(text, protected=protected)
            return
        self._n_streams += 1
        try:
            async with aclosing(text) if isinstance(text, AsyncGenerator) else nullcontext():
                await self._reply.say(_WatchedPieces(text, self), protected=protected)
        finally:
            self._n_streams -= 1
        if self._words_are_due:
            self._words_are_due = False
            self._attempt.waits()

    async def wait_heard(self) -> None:
        """Wait until the caller has heard what was said so far."""
        self._attempt.has_come()
        await self._reply.wait_heard()

    def fill(self, text: str) -> None:
        """Bridge a wait; the words that are waited for have not come."""
        self._reply.fill(text)

    def spend(self, tokens: int) -> None:
        """Count tokens."""
        self._reply.spend(tokens)

    @asynccontextmanager
    async def tool(self, name: str, arguments: str = "") -> AsyncIterator[None]:
        """Run a tool, which has a budget of its own; behind the last of several words are due.

        Not so while words from before it are still being spoken.
        """
        self._attempt.has_come()
        self._n_tools += 1
        try:
            async with self._reply.tool(name, arguments):
                yield
        finally:
            self._n_tools -= 1
            if self._n_tools == 0 and self._n_streams:
                self._words_are_due = True
            elif self._n_tools == 0:
                self._attempt.waits()

    def expect(self, what: Expectation) -> None:
        """Say what the caller will answer."""
        self._reply.expect(what)

    def hang_up(self) -> None:
        """End the call after this reply."""
        self._reply.hang_up()

    def transfer(self, to: str, briefing: str = "") -> None:
        """Transfer the caller after this reply."""
        self._reply.transfer(to, briefing)

    def waits(self) -> None:
        """Expect the next words."""
        self._attempt.waits()

    def came(self, piece: str) -> None:
        """Take note of a piece of a stream, "" for its end; spaces are no words."""
        self.has_begun = self.has_begun or bool(piece.strip())
        self._attempt.has_come()

    def _come(self) -> None:
        self.has_begun = True
        self._attempt.has_come()


class _WatchedPieces:
    """A model's stream, each piece of which has to come in time."""

    def __init__(self, pieces: AsyncIterable[str], reply: WatchedReply) -> None:
        self._pieces = aiter(pieces)
        self._reply = reply

    def __aiter__(self) -> _WatchedPieces:
        return self

    async def __anext__(self) -> str:
        self._reply.waits()
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._reply.came("")
            raise
        self._reply.came(piece)
        return piece
