"""An agent in words, noted: what it is asked, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from voiced.agent.base import Remembering, TakingOver, TimeAware
from voiced.flight.taps.phone import TappedPhone
from voiced.flight.taps.steps import Steps, describe_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from voiced.agent.base import CallerTurn, CallInfo, Dialogue, DialogueAgent, Phone, Reply
    from voiced.flight.notes import Notes
    from voiced.record.heard import HeardPiece
    from voiced.turns.expect import Expectation


class TappedDialogueAgent:
    """Notes what the agent is asked and what it answers."""

    def __init__(self, agent: DialogueAgent, notes: Notes) -> None:
        self.Settings = agent.Settings  # an audio agent is told by these, see AudioAgent
        self.vocabulary = agent.vocabulary
        self.open = agent.open
        self._agent = agent
        self._notes = notes

    def begin(self, call: CallInfo) -> _TappedDialogue:
        """Begin the call's dialogue."""
        return _TappedDialogue(self._agent.begin(call), self._notes)


class _TappedDialogue:
    def __init__(self, dialogue: Dialogue, notes: Notes) -> None:
        self._dialogue = dialogue
        self._notes = notes
        can: object = dialogue
        if isinstance(can, TakingOver):
            self.take_over = can.take_over

    async def open(self, reply: Reply) -> None:
        noted = self._ask(reply, what="open")
        with noted.steps.until("asked"):
            await self._dialogue.open(noted)

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        noted = self._ask(reply, what="answer", **asdict(turn))
        with noted.steps.until("asked"):
            await self._dialogue.answer(turn, noted)

    async def prompt(self, silences: int, reply: Reply) -> None:
        noted = self._ask(reply, what="prompt", silences=silences)
        with noted.steps.until("asked"):
            await self._dialogue.prompt(silences, noted)

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        noted = self._ask(reply, what="transfer_failed", reason=reason)
        with noted.steps.until("asked"):
            await self._dialogue.transfer_failed(reason, noted)

    def interrupted(self, heard: str) -> None:
        self._notes.note("interrupted", heard=heard)
        self._dialogue.interrupted(heard)

    async def time_is_short(self, left_s: float, reply: Reply) -> None:
        noted = self._ask(reply, what="time_is_short", left_s=left_s)
        with noted.steps.until("asked"):
            if isinstance(self._dialogue, TimeAware):
                await self._dialogue.time_is_short(left_s, noted)

    def withdrawn(self) -> None:
        self._notes.note("withdrawn")
        if isinstance(self._dialogue, Remembering):
            self._dialogue.withdrawn()

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        self._notes.note("heard", pieces=[asdict(piece) for piece in pieces])
        if isinstance(self._dialogue, Remembering):
            self._dialogue.heard(pieces)

    def _ask(self, reply: Reply, **data: Any) -> _TappedReply:
        noted = _TappedReply(reply, Steps(self._notes))
        self._notes.note("ask", n=noted.steps.n, **data)
        return noted


class _TappedReply:
    def __init__(self, reply: Reply, steps: Steps) -> None:
        self.steps = steps
        self._reply = reply
        self._n_said = 0  # texts whose audio is not yet queued

    @property
    def phone(self) -> Phone:
        return cast("Phone", TappedPhone(self._reply.phone, self.steps))

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        if isinstance(text, str):
            self.steps.note("say", len(text), text=text, protected=protected)
            await self._reply.say(text, protected=protected)
        else:
            self.steps.note("stream", protected=protected)
            self._n_said += 1
            try:
                async with _closing(text):
                    await self._reply.say(_NotedPieces(text, self.steps), protected=protected)
            finally:
                self._n_said -= 1
        self.steps.taken()

    def _note(self, kind: str, n_bytes: int = 0, **data: Any) -> None:
        """Note a step that may be taken beside the speaking of a stream."""
        self.steps.note(kind, n_bytes, **data, **({"beside": True} if self._n_said else {}))

    async def wait_heard(self) -> None:
        self.steps.note("wait_heard")
        await self._reply.wait_heard()
        self.steps.taken()

    def fill(self, text: str) -> None:
        self._note("fill", len(text), text=text)
        self._reply.fill(text)

    def spend(self, tokens: int) -> None:
        self._note("spend", tokens=tokens)
        self._reply.spend(tokens)

    @asynccontextmanager
    async def tool(self, name: str, arguments: str = "") -> AsyncIterator[None]:
        self._note("tool", len(arguments), name=name, arguments=arguments)
        try:
            async with self._reply.tool(name, arguments):
                yield
        except Exception as error:
            self._note("tool_done", error=describe_error(error))
            raise
        self._note("tool_done")

    def expect(self, what: Expectation) -> None:
        self._note("expect", what=type(what).__name__, **asdict(what))
        self._reply.expect(what)

    def hang_up(self) -> None:
        self.steps.note("hang_up")
        self._reply.hang_up()

    def transfer(self, to: str, briefing: str = "") -> None:
        self.steps.note("transfer", to=to, briefing=briefing)
        self._reply.transfer(to, briefing)


class _NotedPieces:
    """A model's stream, noted piece by piece."""

    def __init__(self, pieces: AsyncIterable[str], steps: Steps) -> None:
        self._pieces = aiter(pieces)
        self._steps = steps

    def __aiter__(self) -> _NotedPieces:
        return self

    async def __anext__(self) -> str:
        self._steps.taken()
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._steps.note("streamed")
            raise
        self._steps.note("piece", len(piece), text=piece)
        return piece


def _closing(pieces: AsyncIterable[str]) -> AbstractAsyncContextManager[object]:
    """Close a generator when it is left; there is nothing to close in other streams."""
    return aclosing(pieces) if isinstance(pieces, AsyncGenerator) else nullcontext()
