"""Runs what a model has called for: all at once, within time, with a word while it lasts.

What goes wrong is told to the model and not to the caller, but for two: the budget of repeated
calls, which ends a call that turns in a circle, and a leg that has ended.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn

import trio

from voiced.agent.messages import ToolResult
from voiced.agent.model.wire import parse_object
from voiced.errors import BudgetSpent, CallGone, ToolFailed, ToolTooSlow, VoicedError
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from voiced.agent.messages import ToolCall
    from voiced.agent.tools.base import Tool, Use

FILLER_AFTER_S = 0.6
"""A tool that is done sooner needs no filler."""

log = get_logger(__name__)


async def run_tools(
    calls: Sequence[ToolCall],
    tools: Mapping[str, Tool],
    use: Use,
    done: Callable[[ToolResult], None],
) -> bool:
    """Run `calls` together; `done` takes each result as it comes.

    Returns:
        whether the reply is over with this.

    Raises:
        BudgetSpent: the same was called too often.
        CallGone: the leg has ended.
    """
    step = _Step(tools, use, done)
    await step.run(calls)
    return step.is_last


class _Step:
    """What is called together."""

    def __init__(
        self, tools: Mapping[str, Tool], use: Use, done: Callable[[ToolResult], None]
    ) -> None:
        self._tools = tools
        self._bridge = _Bridge(use)
        self._done = done
        self._failure: BudgetSpent | CallGone | None = None
        self.is_last = False

    async def run(self, calls: Sequence[ToolCall]) -> None:
        """Run them all."""
        deeds = [call for call in calls if self._is_deed(call)]
        async with trio.open_nursery() as nursery:
            scope = nursery.cancel_scope
            for call in calls:
                if tool := self._tools.get(call.name):
                    self._done(ToolResult(call_id=call.id, content=tool.when_cut, is_error=True))
                if call not in deeds:
                    nursery.start_soon(self._run_in_turn, [call], scope, name=f"tool {call.name}")
            nursery.start_soon(self._run_in_turn, deeds, scope, name="deeds")
        if self._failure is not None:
            raise self._failure

    def _is_deed(self, call: ToolCall) -> bool:
        tool = self._tools.get(call.name)
        return tool is not None and tool.is_deed

    async def _run_in_turn(self, calls: Sequence[ToolCall], all_of_them: trio.CancelScope) -> None:
        for call in calls:
            try:
                result = await self._result(call)
            except (BudgetSpent, CallGone) as error:
                self._failure = error
                all_of_them.cancel()
                return
            self._done(result)
            tool = self._tools.get(call.name)
            self.is_last |= tool is not None and tool.ends_reply and not result.is_error

    async def _result(self, call: ToolCall) -> ToolResult:
        tool = self._tools.get(call.name)
        try:
            content = await _run(call, tool, self._bridge) if tool else _unknown(call, self._tools)
        except ToolFailed as failed:
            log.info("tool failed", tool=call.name)
            return ToolResult(call_id=call.id, content=str(failed), is_error=True)
        return ToolResult(call_id=call.id, content=content)


def _unknown(call: ToolCall, tools: Mapping[str, Tool]) -> NoReturn:
    raise ToolFailed(f"there is no tool {call.name!r}; there are {', '.join(tools)}")


class _Bridge:
    """What the tools of one step have at hand, and one filler between them."""

    def __init__(self, use: Use) -> None:
        self.use = use
        self._is_filled = use.has_spoken

    @asynccontextmanager
    async def over(self, filler: str) -> AsyncIterator[None]:
        """Say `filler` if what happens inside takes a while, and nothing was said."""
        async with trio.open_nursery() as nursery:
            if filler and not self._is_filled:
                nursery.start_soon(self._fill, filler, name="filler")
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()

    async def _fill(self, text: str) -> None:
        await trio.sleep(FILLER_AFTER_S)
        if not self._is_filled:
            self._is_filled = True
            self.use.reply.fill(text)


async def _run(call: ToolCall, tool: Tool, bridge: _Bridge) -> str:
    arguments = parse_object(call.arguments)
    if arguments is None:
        raise ToolFailed("the arguments are no JSON object")
    reply = bridge.use.reply
    if tool.is_deed:
        await bridge.use.settled()  # in its place between the words
        return await tool.run(arguments, bridge.use)
    outcome: str | VoicedError | None = None
    try:
        async with reply.tool(call.name, call.arguments), bridge.over(tool.filler):
            outcome = await _within(tool, arguments, bridge.use)
    except ToolTooSlow:
        raise ToolFailed("took too long") from None
    if isinstance(outcome, VoicedError):
        raise outcome
    assert outcome is not None
    return outcome


async def _within(tool: Tool, arguments: Mapping[str, object], use: Use) -> str | VoicedError:
    """Run a tool within its own time; return what it gives, or why it gives nothing."""
    with trio.move_on_after(tool.timeout_s):
        try:
            return await tool.run(arguments, use)
        except (ToolFailed, BudgetSpent, CallGone) as failed:
            return failed
        except Exception as error:  # noqa: BLE001 - somebody else's function: the call goes on
            log.error("tool raised", tool=tool.spec.name, error=type(error).__name__)
            return ToolFailed("it did not work, by a fault of its own")
    return ToolFailed(f"no answer within {tool.timeout_s:g} s")
