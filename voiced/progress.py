"""Tells how far something has come that takes more than two seconds.

On a terminal one line is written over and over; elsewhere a line now and then. Always on stderr, so
that what a command prints stays what it is.
"""

from __future__ import annotations

import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType
    from typing import Self, TextIO

PATIENCE_S = 2.0
"""Nothing is said before."""

_TERMINAL_S, _FILE_S = 0.2, 10.0


class Progress:
    """Says what is being done, and how far that is. A context: the line is gone after it."""

    def __init__(
        self,
        what: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Be ready to say `what`, as "reading the recording"; `stream` is stderr by default.

        `patience_s` 0 is for what is known to take long.
        """
        self._what = what
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._is_terminal = self._stream.isatty()
        self._next_at = clock() + patience_s
        self._width = 0

    def __call__(self, done: str) -> None:
        """Say how far it is, if it is time to."""
        now = self._clock()
        if now < self._next_at:
            return
        self._next_at = now + (_TERMINAL_S if self._is_terminal else _FILE_S)
        line = f"{self._what}: {done}"
        if self._is_terminal:
            self._stream.write(f"\r{line:<{self._width}}")
            self._width = len(line)
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the line away again."""
        if self._width:
            self._stream.write(f"\r{'':{self._width}}\r")
            self._stream.flush()


@asynccontextmanager
async def telling(what: str) -> AsyncIterator[trio.Event]:
    """Say how long `what` has taken, inside: until the event that is yielded is set, or the end.

    What is raised inside comes out as it is.
    """
    over = trio.Event()
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tell_until, over, what)
        try:
            yield over
        except Exception as error:  # noqa: BLE001  # raised again, outside of the nursery
            failure = error
        finally:
            over.set()
    if failure is not None:
        raise failure


async def _tell_until(over: trio.Event, what: str) -> None:
    with Progress(what) as progress:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_telling, progress)
            await over.wait()
            nursery.cancel_scope.cancel()


async def keep_telling(progress: Progress) -> None:
    """Say again and again how long it has taken, until cancelled."""
    began = trio.current_time()
    while True:
        progress(f"{trio.current_time() - began:.0f} s")
        await trio.sleep(_TERMINAL_S)
