"""The tools of a realtime conversation: what they may do to the call while the model talks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from voiced.agent.messages import ToolCall
from voiced.agent.realtime.wire import response_create
from voiced.agent.tools.base import Use
from voiced.agent.tools.runner import run_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from voiced.agent.base import AudioLine, CallInfo, Phone
    from voiced.agent.messages import ToolResult
    from voiced.agent.realtime.playing import Player
    from voiced.agent.realtime.wire import FunctionCall
    from voiced.agent.tools.base import Tool
    from voiced.turns.expect import Expectation

SAY_S = 20.0
"""For the model to say a given text, until its audio is there."""


class RealtimeReply:
    """Fits `voiced.agent.base.Reply`, for tools: the model's voice says what they want said."""

    def __init__(
        self, line: AudioLine, player: Player, send: Callable[[str], Awaitable[None]]
    ) -> None:
        """`send` sends a message to the session."""
        self._line = line
        self._player = player
        self._send = send
        self.is_last = False
        """Whether the conversation ends with what is being said."""

    @property
    def phone(self) -> Phone:
        """What may be done to the call."""
        return self._line.phone

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        """Have the model say `text`, which is as good as word for word."""
        del protected
        whole = text if isinstance(text, str) else "".join([piece async for piece in text])
        await self._player.quiet()
        await self._send(response_create(saying(whole)))
        with trio.move_on_after(SAY_S):
            await self._player.next_response()

    def fill(self, text: str) -> None:
        """Say nothing: the model has been told to announce what takes time."""

    async def wait_heard(self) -> None:
        """Wait until the caller has heard what was said so far."""
        await self._player.all_heard()

    def spend(self, tokens: int) -> None:
        """Count nothing: the API counts by itself."""

    @asynccontextmanager
    async def tool(self, name: str, arguments: str = "") -> AsyncIterator[None]:
        """Run a tool, which has a limit of its own."""
        del name, arguments
        await trio.lowlevel.checkpoint()
        yield

    def expect(self, what: Expectation) -> None:
        """Expect nothing: the model listens as it likes."""

    def hang_up(self) -> None:
        """End the call once all is heard."""
        self.is_last = True

    def transfer(self, to: str, briefing: str = "") -> None:
        """Transfer the caller once all is heard."""
        self._line.transfer(to, briefing)
        self.is_last = True


def saying(text: str) -> str:
    """Return the instructions to say a text."""
    return f'Say exactly the following, in its language, and nothing else: "{text}"'


async def run_calls(
    calls: Sequence[FunctionCall],
    tools: Mapping[str, Tool],
    call: CallInfo,
    reply: RealtimeReply,
    *,
    has_spoken: bool,
) -> list[ToolResult]:
    """Run what a response called for; return the results, one each, in order.

    Raises:
        CallGone: the leg has ended.
    """
    results: dict[str, ToolResult] = {}

    def done(result: ToolResult) -> None:
        results[result.call_id] = result

    wanted = [ToolCall(id=one.call_id, name=one.name, arguments=one.arguments) for one in calls]
    use = Use(call=call, reply=reply, has_spoken=has_spoken)
    await run_tools(wanted, tools, use, done)
    return list(results.values())
