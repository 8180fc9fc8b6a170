"""What the conformance kits share: what was not kept is an AssertionError, never a group."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

from voiced.errors import leaves_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")


def promise(kept: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Take what was not kept out of the groups that nurseries make of it."""

    @wraps(kept)
    async def plainly(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await kept(*args, **kwargs)
        except BaseExceptionGroup as group:
            told = [one for one in leaves_of(group) if isinstance(one, AssertionError)]
            if not told:
                raise
            raise told[0] from None

    return plainly
