"""Decoder workers: a few processes that turn utterances into words, shared by all calls.

A caller of `decode` borrows the worker that has been free longest, or waits in line for one, and
talks to it in its own task. So the deadline is the caller's, and whatever interrupts the talk -
cancellation, a crash, garbage - leaves that worker in an unknown state: it is killed and the next
caller gets another. One task for each place in the pool keeps a living worker in it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import trio

from voiced.errors import RecognizerFailed
from voiced.recognizer.worker_process import PROVIDER, WORKER_COMMAND, WorkerDied, open_worker
from voiced.recognizer.worker_wire import WireError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from typing import TypeVar

    from voiced.audio.frame import Pcm
    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.worker_process import Worker
    from voiced.recognizer.worker_wire import Loaded, Transcript

    T = TypeVar("T")

START_TIMEOUT_S = 15.0
"""To start and to load what is prepared; that takes 0.3 s, this is for a machine in trouble."""

MAX_PREPARED = 4
"""As many vocabularies as a worker holds; the oldest makes room."""

ATTEMPTS = 2
"""An utterance whose worker dies is given to one other worker: it may not have been its fault."""

_FIRST_BACKOFF_S = 0.1
_MAX_BACKOFF_S = 10.0
_HEALTHY_S = 1.0  # a worker that has lived so long has started well
_FAILURES_TOLERATED = 3  # in a row in every place: then callers are told at once

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """A snapshot: processes alive, those without work, callers in line, starts so far."""

    pids: tuple[int, ...]
    free: int
    waiting: int
    starts: int


class DecoderPool:
    """The workers; made by `open_pool`. Fits `embedded.PreparedDecoder`."""

    def __init__(self, *, workers: int, max_waiting: int, command: Sequence[str]) -> None:
        self._places = workers
        self._max_waiting = max_waiting
        self._command = tuple(command)
        # Unbounded in name only: each living worker is in it at most once.
        self._give_back, self._free = trio.open_memory_channel["Worker"](float("inf"))
        self._alive: set[Worker] = set()
        self._prepared: dict[Vocabulary, None] = {}  # in the order of their coming
        self._failing: set[int] = set()  # places whose starts have failed too often
        self._starts = 0

    def statistics(self) -> PoolStatistics:
        """Return the pool's figures now."""
        free = self._free.statistics()
        return PoolStatistics(
            pids=tuple(worker.pid for worker in self._alive),
            free=free.current_buffer_used,
            waiting=free.tasks_waiting_receive,
            starts=self._starts,
        )

    async def decode(self, pcm: Pcm, vocabulary: Vocabulary) -> Transcript:
        """Return the words of an utterance; callers are served in the order of their coming.

        The deadline is the caller's: cancelling kills the worker that is at it.

        Args:
            pcm: int16, 8 kHz, one whole utterance.
            vocabulary: what it may say; loaded on the way (0.1 s) where it is not prepared.

        Raises:
            RecognizerFailed: overloaded, no worker will start, or two have died of this.
        """
        return await self._with_worker(lambda worker: worker.decode(pcm, vocabulary))

    async def prepare(self, vocabulary: Vocabulary) -> Loaded | None:
        """Load `vocabulary` into every worker, and into each that is started from now on.

        Returns what the first worker said of it, or None if it was prepared before. The deadline
        is the caller's. Raises RecognizerFailed.
        """
        await trio.lowlevel.checkpoint()
        if vocabulary in self._prepared:
            return None
        while len(self._prepared) >= MAX_PREPARED:
            del self._prepared[next(iter(self._prepared))]
        self._prepared[vocabulary] = None
        usable = False
        try:
            loaded = await self._with_worker(lambda worker: worker.load(vocabulary))
            usable = True
        finally:
            if not usable:  # or no worker could be started any more
                self._prepared.pop(vocabulary, None)
        async with trio.open_nursery() as nursery:
            for worker in self._alive:
                nursery.start_soon(_load_if_alive, worker, vocabulary)
        return loaded

    async def _with_worker(self, work: Callable[[Worker], Awaitable[T]]) -> T:
        for _ in range(ATTEMPTS):
            worker = await self._borrow()
            try:
                return await work(worker)
            except WorkerDied as death:
                log.warning("decoder worker died at work", reason=str(death))
            except WireError as error:
                raise RecognizerFailed(PROVIDER, f"request refused: {error}") from error
            finally:
                if not worker.retired.is_set():
                    self._give_back.send_nowait(worker)
        raise RecognizerFailed(PROVIDER, f"{ATTEMPTS} decoder workers died of the same request")

    async def _borrow(self) -> Worker:
        """Wait for a free worker. Those that died while they were free are passed over."""
        if len(self._failing) == self._places:
            raise RecognizerFailed(PROVIDER, "decoder workers do not start; see the log")
        if self._free.statistics().tasks_waiting_receive >= self._max_waiting:
            raise RecognizerFailed(PROVIDER, f"overloaded: {self._max_waiting} utterances wait")
        while True:
            worker = await self._free.receive()
            if not worker.retired.is_set():
                return worker

    async def keep_worker(self, place: int) -> None:
        """Keep one living worker in `place` until cancelled; then end it."""
        failures = 0
        while True:
            if await self._run_worker(place):
                failures = 0
                continue
            failures += 1
            if failures >= _FAILURES_TOLERATED:
                self._failing.add(place)
            await trio.sleep(min(_FIRST_BACKOFF_S * 2 ** (failures - 1), _MAX_BACKOFF_S))

    async def _run_worker(self, place: int) -> bool:
        """Start a worker and see it through to its end; say whether it had been healthy."""
        self._starts += 1
        await trio.lowlevel.checkpoint()
        try:
            async with open_worker(self._command) as worker:
                with trio.fail_after(START_TIMEOUT_S):
                    await worker.wait_ready()
                    for vocabulary in tuple(self._prepared):
                        await worker.load(vocabulary)
                self._failing.discard(place)
                return await self._lend(worker)
        except (OSError, WorkerDied, RecognizerFailed, trio.TooSlowError) as error:
            log.error("decoder worker did not start", reason=str(error) or type(error).__name__)
            return False

    async def _lend(self, worker: Worker) -> bool:
        """Have `worker` serve callers until it must not be used any more."""
        since = trio.current_time()
        self._alive.add(worker)
        self._give_back.send_nowait(worker)
        try:
            await worker.wait_retired()
        finally:
            self._alive.discard(worker)
        return trio.current_time() - since >= _HEALTHY_S


async def _load_if_alive(worker: Worker, vocabulary: Vocabulary) -> None:
    await trio.lowlevel.checkpoint()
    try:
        await worker.load(vocabulary)
    except (WorkerDied, RecognizerFailed) as error:  # it will be loaded when it is needed
        log.warning("decoder worker did not load a vocabulary", reason=str(error))


@asynccontextmanager
async def open_pool(
    workers: int = 1, *, max_waiting: int = 32, command: Sequence[str] = WORKER_COMMAND
) -> AsyncIterator[DecoderPool]:
    """Run a pool of `workers` processes; on leaving, none of them is left.

    Does not wait for them to start: callers do.

    Args:
        workers: 1 or more. One decodes 25 s of speech per second; the daemon needs a core too.
        max_waiting: callers that may wait in line; one more is refused.
        command: what to run as a worker.
    """
    pool = DecoderPool(workers=workers, max_waiting=max_waiting, command=command)
    async with trio.open_nursery() as nursery:
        for place in range(workers):
            nursery.start_soon(pool.keep_worker, place, name=f"decoder worker {place}")
        try:
            yield pool
        finally:
            nursery.cancel_scope.cancel()
