"""The index at work: takes note of records as they are written, and answers queries. Off the loop.

Noting never waits and never fails: a call has nothing to do with its index. What is noted is
indexed within a second, many calls at once; what the database does not take is tried again. At
start the index is compared with the records, and what is missing, older, or had not ended is read
again, a hundred at a time, beside the calls.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from voiced.doorbell import Doorbell
from voiced.errors import IndexUnavailable
from voiced.index.indexer import Indexer
from voiced.index.postgres import postgres_shelf
from voiced.index.sqlite import INDEX_FILE, sqlite_shelf
from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from voiced.index.query import CallQuery, Page

log = get_logger(__name__)

PAUSE_S = 0.5
"""Between two writes: what comes meanwhile is written together."""

RETRY_S = 5.0
"""After a failure; doubled with each, up to `LONGEST_RETRY_S`."""

LONGEST_RETRY_S = 60.0

MOST_WAITING = 10_000
"""Calls that may wait for a database that takes none; beyond them all records are compared."""

SLICE = 100
"""Calls that are indexed at a time: some milliseconds of a thread's work."""

CATCH_UP_S = 2.0
"""How long a query, and the end of the daemon, waits for what has just been noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexStatistics:
    """`failed`: times that the database could not be used; `refused`: calls that have no row."""

    waiting: int
    indexed: int
    failed: int
    refused: int


class CallIndex:
    """The index of one daemon. Made by `open_index`."""

    def __init__(self, indexer: Indexer, run_sync: Callable[..., Awaitable[Any]]) -> None:
        """`run_sync` runs what blocks, and may return nothing."""
        self._indexer = indexer
        self._run_sync = run_sync
        self._waiting: dict[str, None] = {}
        self._is_behind = True
        self._is_failing = False
        self._bell = Doorbell()
        self._caught_up = trio.Event()
        self._n_indexed = self._n_failed = self._n_refused = 0

    @property
    def instance(self) -> str:
        """Whose calls are noted."""
        return self._indexer.instance

    def note(self, directory: str) -> None:
        """Take note that the record in `directory` was written. Never waits, never fails."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self._is_behind = True
        self._waiting[directory] = None
        if self._caught_up.is_set():
            self._caught_up = trio.Event()
        self._bell.ring()

    def statistics(self) -> IndexStatistics:
        """Return the counters so far."""
        return IndexStatistics(
            waiting=len(self._waiting),
            indexed=self._n_indexed,
            failed=self._n_failed,
            refused=self._n_refused,
        )

    async def search(self, query: CallQuery) -> Page:
        """Return the calls that are asked for; the deadline is the caller's.

        Raises:
            IndexUnavailable: it cannot be asked now.
        """
        await self.catch_up()
        page: Page = await self._query(self._indexer.search, query)
        return page

    async def find(self, call_id: str) -> dict[str, Any]:
        """Return the record of a call, by our name for it or by Telnyx's; {} if there is none.

        Raises:
            IndexUnavailable: it cannot be asked now.
        """
        await self.catch_up()
        document: dict[str, Any] = await self._query(self._indexer.find, call_id)
        return document

    async def catch_up(self) -> None:
        """Return when all that was noted is indexed, or soon in any case."""
        with trio.move_on_after(0 if self._is_failing else CATCH_UP_S):
            await self._caught_up.wait()

    async def _query(self, function: Callable[..., Any], argument: object) -> Any:
        try:
            return await self._ask(function, argument)
        except IndexUnavailable:
            self._is_behind = True  # it may have been lost: to be made again
            self._bell.ring()
            raise

    async def _ask(self, function: Callable[..., Any], *args: object) -> Any:
        answers: list[Any] = []
        await self._run_sync(lambda: answers.append(function(*args)))
        return answers[0]

    # -- the task --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Index until cancelled."""
        wait_s = RETRY_S
        while True:
            try:
                await self._index_all()
            except IndexUnavailable as error:
                self._fail(error)
                await trio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)
                continue
            self._is_failing, wait_s = False, RETRY_S
            self._caught_up.set()
            await self._bell.wait(float("inf"))
            await trio.sleep(PAUSE_S)

    async def _index_all(self) -> None:
        while self._waiting or self._is_behind:
            if self._is_behind:
                names = await self._ask(self._indexer.compare)
                self._is_behind = False
                self._waiting |= dict.fromkeys(names)
                log.debug("records to index", calls=len(names))
            else:
                await self._index_some()
                await trio.sleep(PAUSE_S / 10)  # leave the processor to calls

    async def _index_some(self) -> None:
        names = list(self._waiting)[-SLICE:]  # what was noted last is asked for first
        for name in names:
            del self._waiting[name]
        try:
            refused: list[str] = await self._ask(self._indexer.index, names)
        except BaseException:
            self._waiting |= dict.fromkeys(names)
            raise
        self._n_indexed += len(names) - len(refused)
        self._n_refused += len(refused)
        for what in refused:
            log.error("call not indexed", record=what)

    def _fail(self, error: IndexUnavailable) -> None:
        self._n_failed += 1
        self._is_behind = True
        if not self._is_failing:
            log.error("index of calls not usable; trying again", error=str(error))
        self._is_failing = True


@asynccontextmanager
async def open_index(
    root: Path,
    url: str,
    run_sync: Callable[..., Awaitable[Any]],
    *,
    instance: str,
) -> AsyncIterator[CallIndex]:
    """Yield the index of the records below `root`, at work; at the end it catches up.

    Args:
        root: `[records] path`, which exists.
        url: of a PostgreSQL database; "" for SQLite, in `root`.
        run_sync: runs what blocks, off the loop.
        instance: whose calls these are, for lists.
    """
    shelf = postgres_shelf(url) if url else sqlite_shelf(root / INDEX_FILE)
    index = CallIndex(Indexer(root, shelf, instance=instance), run_sync)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(index.run, name="index")
        try:
            yield index
        finally:
            with trio.CancelScope(shield=True):
                await index.catch_up()
            nursery.cancel_scope.cancel()
