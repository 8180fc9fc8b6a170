"""Media chunks back in order: the small jitter buffer.

Telnyx numbers the media messages of a track (`media.chunk`) and does not promise their order. Over
one TCP connection they come in order nearly always, so a gap is never waited for long: a missing
chunk is given up once a chunk `window` or more after it is here. What is given up is reported in
its place, as None, to be concealed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

RESYNC_CHUNKS = 50
"""A jump further than this (1 s), either way, is a new numbering, not loss or lateness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReorderStatistics:
    """What a `Reorder` has met so far, in chunks.

    Attributes:
        received: came in, of any kind.
        lost: given up, and so reported as None.
        late: came after they had been given up, or before the stream's first; dropped.
        duplicated: came again; dropped.
        reordered: came after a later one, and were still put in order.
        resynchronized: jumps after which the numbering was taken up anew.
    """

    received: int
    lost: int
    late: int
    duplicated: int
    reordered: int
    resynchronized: int


def total(parts: Sequence[ReorderStatistics]) -> ReorderStatistics:
    """Add up the statistics of several streams, one at least."""
    rows = [asdict(part) for part in parts]
    return ReorderStatistics(**{name: sum(row[name] for row in rows) for name in rows[0]})


class Reorder:
    """Puts the chunks of one track in order; the first chunk seen sets the start.

    Between two resynchronizations every chunk number comes out once, as its payload or as None, in
    order and without gaps.
    """

    __slots__ = (
        "_duplicated",
        "_first",
        "_given_up",
        "_held",
        "_late",
        "_lost",
        "_next",
        "_received",
        "_reordered",
        "_resynchronized",
        "_window",
    )

    def __init__(self, window: int = 3) -> None:
        """Start with nothing seen.

        Args:
            window: how many chunks later a missing one is given up, 1 (at once) to 50.

        Raises:
            ValueError: `window` is outside that range.
        """
        if not 1 <= window <= RESYNC_CHUNKS:
            raise ValueError(f"window = {window}: must be 1 to {RESYNC_CHUNKS} chunks")
        self._window = window
        self._next: int | None = None  # the chunk that is due
        self._first = 0  # where the numbering began
        self._held: dict[int, bytes] = {}  # came early; all after _next, fewer than the window
        self._given_up: set[int] = set()  # of the last RESYNC_CHUNKS
        self._received = 0
        self._lost = 0
        self._late = 0
        self._duplicated = 0
        self._reordered = 0
        self._resynchronized = 0

    def add(self, chunk: int, payload: bytes) -> list[bytes | None]:
        """Take one chunk; return the payloads that are ready now, None for each given up."""
        self._received += 1
        if chunk == self._next and not self._held:
            self._next = chunk + 1
            return [payload]
        if self._next is None:
            return self._begin(chunk, payload)
        if abs(chunk - self._next) > RESYNC_CHUNKS:
            self._resynchronized += 1
            return self.flush() + self._begin(chunk, payload)
        if chunk < self._next or chunk in self._held:
            self._drop(chunk)
            return []
        if self._held and chunk < max(self._held):
            self._reordered += 1
        self._held[chunk] = payload
        return self._release(self._next, patience=self._window)

    def flush(self) -> list[bytes | None]:
        """Return everything that is held, gaps as None; the stream may go on after it."""
        return [] if self._next is None else self._release(self._next, patience=1)

    def statistics(self) -> ReorderStatistics:
        """Return a snapshot of the counters."""
        return ReorderStatistics(
            received=self._received,
            lost=self._lost,
            late=self._late,
            duplicated=self._duplicated,
            reordered=self._reordered,
            resynchronized=self._resynchronized,
        )

    def _begin(self, chunk: int, payload: bytes) -> list[bytes | None]:
        self._first = chunk
        self._next = chunk + 1
        self._given_up.clear()
        return [payload]

    def _drop(self, chunk: int) -> None:
        if chunk < self._first or chunk in self._given_up:
            self._given_up.discard(chunk)
            self._late += 1
        else:
            self._duplicated += 1

    def _release(self, due: int, patience: int) -> list[bytes | None]:
        """Take out what is in order from `due` on, giving up what is `patience` chunks overdue."""
        ready: list[bytes | None] = []
        newest = max(self._held, default=due)
        while self._held:
            payload = self._held.pop(due, None)
            if payload is None:
                if newest - due < patience:
                    break
                self._give_up(due)
            ready.append(payload)
            due += 1
        self._next = due
        return ready

    def _give_up(self, chunk: int) -> None:
        self._lost += 1
        self._given_up.add(chunk)
        self._given_up.discard(chunk - RESYNC_CHUNKS - 1)  # nothing so old is looked up again
