"""Threads in which local voices speak."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import trio

if TYPE_CHECKING:
    from voiced.synthesizer.phrase import Phrase

ThreadRunner: TypeAlias = Callable[[Callable[[], "Phrase"]], Awaitable["Phrase"]]
"""Runs a blocking function somewhere and returns its result."""

_MAX_THREADS = 2  # of all calls together; the work is arithmetic, more would not be faster


def thread_runner() -> ThreadRunner:
    """Return a runner in worker threads of the synthesizer's own.

    C code cannot be interrupted, so a cancelled wait leaves its thread behind: barge-in must not
    wait for a sentence that nobody will hear. The thread ends by itself before long, frees what it
    holds, and until then counts against the limit; its result is dropped.
    """
    limiter = trio.CapacityLimiter(_MAX_THREADS)

    async def run(work: Callable[[], Phrase]) -> Phrase:
        return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)

    return run
