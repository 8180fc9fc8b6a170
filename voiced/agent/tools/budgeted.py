"""A tool's run, counted and limited: the same for agents in words and in audio."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from voiced.errors import ToolTooSlow
from voiced.record.journal import ToolRan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.record.journal import Note
    from voiced.turns.budgets import Spending


@asynccontextmanager
async def tool_run(
    name: str, arguments: str, *, spending: Spending, note: Note
) -> AsyncIterator[None]:
    """Run a tool inside: within its time, and not for ever with the same arguments.

    Raises:
        ToolTooSlow: it took longer than `[budgets] tool_s`.
        ToolRepeated: it was called with these arguments too often in a row.
    """
    spending.tool(name, arguments)
    limit_s = spending.budgets.tool_s
    began_at, ok = trio.current_time(), False
    try:
        with trio.move_on_after(limit_s) as scope:
            await trio.lowlevel.checkpoint()
            yield
        ok = not scope.cancelled_caught
    finally:
        now = trio.current_time()
        note(ToolRan(name=name, began_at=began_at, ok=ok, at=now))
    if scope.cancelled_caught:
        raise ToolTooSlow("agent", f"tool {name!r} took longer than {limit_s:g} s")
