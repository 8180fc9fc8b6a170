"""A tool for language models: `[agent] tools = ["dice"]`."""

import random
from typing import Annotated

import trio

from voiced.errors import ToolFailed


async def dice(sides: Annotated[int, "How many sides each has."], n: int = 1) -> list[int]:
    """Roll dice."""
    await trio.lowlevel.checkpoint()
    if not (2 <= sides <= 100 and 1 <= n <= 10):
        raise ToolFailed("there are at most ten dice, of 2 to 100 sides")
    return [random.randint(1, sides) for _ in range(n)]
