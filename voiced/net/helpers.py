"""A nursery for tasks that only help whoever opens it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def open_helpers() -> AsyncIterator[trio.Nursery]:
    """Yield a nursery that is cancelled at the end of the body.

    What the body raises comes out as it is, not in a group: the helpers are nobody's business. They
    must not raise themselves.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except Exception as error:  # noqa: BLE001 - raised below, outside of the nursery's group
            failure = error
        finally:
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
