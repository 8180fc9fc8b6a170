"""Tasks of a fake that speak beside the one that listens."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from voiced.testing.fake_provider import FarEndLost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def until_lost(task: Callable[..., Awaitable[None]], *args: object) -> None:
    """Run `task` until it ends or its connection does: who listens is told of that."""
    with suppress(FarEndLost):
        await task(*args)
