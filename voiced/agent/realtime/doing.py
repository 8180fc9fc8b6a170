"""The tools of a realtime conversation: what they may do to the call while the model talks."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from voiced.agent.memory import AgentSpoke, UsedTools
from voiced.agent.messages import ToolCall
from voiced.agent.tools.base import Use
from voiced.agent.tools.budgeted import tool_run
from voiced.agent.tools.runner import run_tools

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Awaitable,
        Callable,
        Iterator,
        Mapping,
        Sequence,
    )

    from voiced.agent.base import AudioLine, CallInfo, Phone
    from voiced.agent.messages import ToolResult
    from voiced.agent.realtime.playing import Player
    from voiced.agent.realtime.wire import FunctionCall
    from voiced.agent.tools.base import Tool
    from voiced.turns.expect import Expectation

SAY_S = 20.0
"""For the model to say a given text, until its audio is there."""


class Interruptions:
    """When the caller began to speak, or pressed a key, for whoever must stop then."""

    def __init__(self) -> None:
        self.n = 0
        """So often so far."""
        self._scopes: set[trio.CancelScope] = set()

    def come(self) -> None:
        """Tell of one more."""
        self.n += 1
        for scope in self._scopes:
            scope.cancel()

    @contextmanager
    def ending(self) -> Iterator[trio.CancelScope]:
        """End what happens inside with the next one."""
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)


class RealtimeReply:
    """Fits `voiced.agent.base.Reply`, for tools: the model's voice says what they want said."""

    def __init__(
        self,
        line: AudioLine,
        player: Player,
        ask_to_say: Callable[[str], Awaitable[None]],
        take_no_turns: Callable[[], Awaitable[None]],
    ) -> None:
        """`ask_to_say` has the model say a text; after `take_no_turns` nobody can interrupt."""
        self._line = line
        self._player = player
        self._ask_to_say = ask_to_say
        self._take_no_turns = take_no_turns
        self.decide: Callable[[], None] | None = None
        """Decides what the conversation ends with, once what is being said was heard."""

    @property
    def phone(self) -> Phone:
        """What may be done to the call."""
        return self._line.phone

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        """Have the model say `text`, which is as good as word for word.

        What is `protected` is a message for a machine: from then on nobody is listened to.
        """
        if protected:
            await self._take_no_turns()
        whole = text if isinstance(text, str) else "".join([piece async for piece in text])
        with trio.move_on_after(SAY_S):
            await self._player.quiet()
            await self._ask_to_say(whole)
            await self._player.next_response()

    def fill(self, text: str) -> None:
        """Say nothing: the model has been told to announce what takes time."""

    async def wait_heard(self) -> None:
        """Wait until the caller has heard what was said so far."""
        await self._player.all_heard()

    def spend(self, tokens: int) -> None:
        """Count tokens of a tool's own model; raises BudgetSpent."""
        self._line.spending.tokens(tokens)

    @asynccontextmanager
    async def tool(self, name: str, arguments: str = "") -> AsyncIterator[None]:
        """Run a tool inside. Raises ToolTooSlow, ToolRepeated."""
        line = self._line
        async with tool_run(name, arguments, spending=line.spending, note=line.note):
            yield

    def expect(self, what: Expectation) -> None:
        """Expect nothing: the model listens as it likes."""

    def hang_up(self) -> None:
        """End the call once all is heard."""
        self.decide = _just_end

    def transfer(self, to: str, briefing: str = "") -> None:
        """Transfer the caller once all is heard."""
        self.decide = partial(self._line.transfer, to, briefing)


def _just_end() -> None:
    """Leave it at that: an agent that returns has ended the call."""


def until_interrupted(tool: Tool, interruptions: Interruptions) -> Tool:
    """Return `tool` so that it ends as soon as the caller speaks, if it acts on the call."""
    if not tool.is_deed:
        return tool

    async def run(arguments: Mapping[str, Any], use: Use) -> str:
        with interruptions.ending() as running:
            outcome = await tool.run(arguments, use)
        return tool.when_cut if running.cancelled_caught else outcome

    return replace(tool, run=run)


async def run_calls(
    calls: Sequence[FunctionCall],
    tools: Mapping[str, Tool],
    call: CallInfo,
    reply: RealtimeReply,
    *,
    has_spoken: bool,
) -> UsedTools:
    """Run what a response called for; return what came of it, one result each, in order.

    Raises:
        BudgetSpent: the same was called too often.
        CallGone: the leg has ended.
    """
    results: dict[str, ToolResult] = {}

    def done(result: ToolResult) -> None:
        results[result.call_id] = result

    wanted = [ToolCall(id=one.call_id, name=one.name, arguments=one.arguments) for one in calls]
    use = Use(call=call, reply=reply, has_spoken=has_spoken)
    await run_tools(wanted, tools, use, done)
    return UsedTools(
        said=AgentSpoke(heard=""), calls=tuple(wanted), results=tuple(results.values())
    )
