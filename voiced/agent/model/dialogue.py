"""A call's conversation with a language model: what it is told, what it says, what it does."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from voiced.agent.context import TokenGauge, fit
from voiced.agent.memory import Memory
from voiced.agent.model.wire import ModelRequest
from voiced.agent.tools.base import Use
from voiced.agent.tools.runner import run_tools
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from voiced.agent.asking import Answer, Asker
    from voiced.agent.base import CallerTurn, CallInfo, Reply
    from voiced.agent.memory import Entry
    from voiced.agent.messages import ModelMessage
    from voiced.agent.model.wire import Finished
    from voiced.agent.tools.base import Tool
    from voiced.record.heard import HeardPiece

log = get_logger(__name__)

BEGUN = "The call begins. Greet the caller."
SILENT = "The caller has said nothing for a while."


@dataclass(frozen=True, slots=True, kw_only=True)
class Mind:
    """What all calls of a model agent share.

    Attributes:
        asker: asks the model.
        body: makes the JSON of a request.
        gauge: counts its tokens.
        tools: by name.
        greeting: said first; "" lets the model greet.
        at_a_loss: said where it has no words.
        context_tokens: of a request.
        max_steps: requests in one answer.
    """

    asker: Asker[str, Finished]
    body: Callable[[ModelRequest], Mapping[str, Any]]
    gauge: TokenGauge
    tools: Mapping[str, Tool]
    greeting: str
    at_a_loss: str
    context_tokens: int
    max_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What came of asking the model once: it has spoken, or its tools have; nothing follows."""

    has_spoken: bool
    is_last: bool


class ModelDialogue:
    """Fits `voiced.agent.base.Dialogue` and all that a dialogue may have beside it."""

    def __init__(self, mind: Mind, call: CallInfo, system: str) -> None:
        self.memory = Memory()
        self._mind = mind
        self._call = call
        self._system = system
        self._specs = [tool.spec for tool in mind.tools.values()]
        self._owed = 0
        """Tokens of an answer that was cut, and so was never counted."""

    async def open(self, reply: Reply) -> None:
        """Greet the caller."""
        self.memory.happened(BEGUN)
        if self._mind.greeting:
            await reply.say(self._mind.greeting)
        else:
            await self._respond(reply)

    async def answer(self, turn: CallerTurn, reply: Reply) -> None:
        """Answer a turn."""
        self.memory.caller_said(turn)
        await self._respond(reply)

    async def prompt(self, silences: int, reply: Reply) -> None:
        """Ask whether the caller is still there."""
        del silences
        self.memory.happened(SILENT)
        await self._respond(reply)

    async def transfer_failed(self, reason: str, reply: Reply) -> None:
        """Tell the caller, who is back."""
        self.memory.happened(f"The transfer failed: {reason}. The caller is back with you.")
        await self._respond(reply)

    async def time_is_short(self, left_s: float, reply: Reply) -> None:
        """Say that the call will end soon."""
        self.memory.happened(f"The call will be cut in {left_s:.0f} seconds. Come to an end.")
        await self._respond(reply)

    def take_over(self, past: Sequence[Entry]) -> None:
        """Go on where another agent had to stop: learn what was said and heard before."""
        self.memory = Memory(past)

    def hand_over(self) -> Sequence[Entry]:
        """Return what was said, heard and done, for whoever goes on."""
        return self.memory.handed_over()

    def interrupted(self, heard: str) -> None:
        """Need nothing of this: `heard` tells it piece by piece."""

    def withdrawn(self) -> None:
        """Forget the last turn."""
        self.memory.withdrawn()

    def heard(self, pieces: Sequence[HeardPiece]) -> None:
        """Remember what was heard."""
        self.memory.heard(pieces)

    # -- one reply ---------------------------------------------------------------------------------

    async def _respond(self, reply: Reply) -> None:
        """Let the model speak, do what it calls for, and let it go on."""
        has_spoken = False
        for steps_left in reversed(range(self._mind.max_steps)):
            step = await self._step(reply, has_spoken=has_spoken, may_call=steps_left > 0)
            has_spoken = step.has_spoken
            if step.is_last:
                break
        if not has_spoken:
            log.warning("the model had no words")
            await reply.say(self._mind.at_a_loss)

    async def _step(self, reply: Reply, *, has_spoken: bool, may_call: bool) -> _Step:
        """Ask the model once, speak its answer as it comes, and do what it calls for.

        Tools begin when the model has ended, and not only when its words are on their way.
        """
        if self._owed:
            owed, self._owed = self._owed, 0
            reply.spend(owed)
        messages, estimate = self._context()
        request = ModelRequest(
            system=self._system, messages=messages, tools=self._specs, may_call=may_call
        )
        self._owed = estimate
        async with self._mind.asker.ask(self._mind.body(request)) as answer:
            words = _Words(answer)
            async with _spoken_beside(reply, words) as settled:
                await words.over.wait()
                finished = answer.end
                self._count(finished, estimate, reply)
                has_spoken = has_spoken or bool(finished.text.strip())
                if not finished.calls or not may_call:
                    return _Step(has_spoken=has_spoken, is_last=True)
                self.memory.tools_asked(finished.text, finished.calls, finished.native)
                use = Use(call=self._call, reply=reply, has_spoken=has_spoken, settled=settled.wait)
                tools = self._mind.tools
                is_last = await run_tools(finished.calls, tools, use, self.memory.tool_done)
        return _Step(has_spoken=has_spoken or is_last, is_last=is_last)

    def _context(self) -> tuple[list[ModelMessage], int]:
        """Return the messages, and the tokens of the whole request."""
        gauge = self._mind.gauge
        fixed = gauge.of_text(self._system) + sum(
            gauge.of_json([spec.name, spec.description, dict(spec.parameters)])
            for spec in self._specs
        )
        messages = fit(self.memory, gauge, fixed=fixed, limit=self._mind.context_tokens)
        return messages, fixed + gauge.of(messages)

    def _count(self, finished: Finished, estimate: int, reply: Reply) -> None:
        self._owed = 0
        usage = finished.usage
        if usage is None:
            reply.spend(estimate + self._mind.gauge.of_text(finished.text))
            return
        self._mind.gauge.learn(estimate, usage.prompt)
        reply.spend(usage.prompt + usage.completion)


class _Words:
    """The texts of an answer; `over` is set when they are."""

    def __init__(self, answer: Answer[str, Finished]) -> None:
        self._answer = answer
        self.over = trio.Event()

    def __aiter__(self) -> _Words:
        return self

    async def __anext__(self) -> str:
        try:
            return await anext(self._answer)
        except StopAsyncIteration:
            self.over.set()
            raise


@asynccontextmanager
async def _spoken_beside(reply: Reply, words: _Words) -> AsyncIterator[trio.Event]:
    """Speak `words` beside what happens inside; yields what is set once their audio is queued.

    Leaving waits for that. What either raises comes out as it is, not in a group.
    """
    failure: Exception | None = None
    settled = trio.Event()

    async def say() -> None:
        nonlocal failure
        try:
            await reply.say(words)
        except Exception as error:  # noqa: BLE001 - raised below, outside of the nursery's group
            failure = error
            nursery.cancel_scope.cancel()
        else:
            settled.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say, name="speak")
        try:
            yield settled
        except Exception as error:  # noqa: BLE001 - likewise
            failure = error
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
