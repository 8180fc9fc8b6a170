"""The outbox at work: a letter is on the disk before it is sent, and goes when it was taken.

Tried again is whatever may pass (no answer, 408, 429, 5xx), with waits that double up to an hour,
for `give_up_after_s`; what no attempt can mend (another 4xx, a redirect), and what was tried so
long, becomes a dead letter. Those stay until an operator has them sent again, or until
`MOST_DEAD` newer ones have come. A receiver may be told twice, and knows by the id.
"""

from __future__ import annotations

import heapq
import json
import random
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import trio

from voiced.doorbell import Doorbell
from voiced.ledger.open_items import OpenItems
from voiced.log import get_logger
from voiced.net.http import UNSENDABLE, reason_of
from voiced.outbox.letters import Letter, item_of, read_letter, shown, wait_s
from voiced.telnyx.http import bare_client
from voiced.webhook_signature import read_secrets, signed_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from voiced.config import PostCallConfig
    from voiced.ledger.lines import Item
    from voiced.record.store import RecordStore

log = get_logger(__name__)

OUTBOX_FILE = "webhooks.jsonl"
"""Below `[records] path`."""

AT_A_TIME = 8
"""Letters on their way at once: a receiver that hangs holds up one of them for `ATTEMPT_S`."""

ATTEMPT_S = 15.0
STEP_S = 5.0

MOST_WAITING = 10_000
"""Letters that may wait for receivers; beyond them the oldest are dead."""

MOST_DEAD = 1000

SPREAD_S = 5.0
"""Over how long the letters that an earlier daemon has left are sent."""


class Outbox:
    """All letters of a daemon. Made by `Outbox.open`; `run` sends."""

    def __init__(
        self,
        items: OpenItems,
        http: httpx.AsyncClient,
        records: RecordStore,
        config: PostCallConfig,
        wall_clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        """Use `open`."""
        self._items = items
        self._http = http
        self._records = records
        self._config = config
        self._url = config.url.get_secret_value()
        self._secrets = read_secrets(config.secret.get_secret_value())
        self._wall_clock = wall_clock
        self._chance = chance
        self._waiting: dict[str, Letter] = {}
        self._dead: dict[str, Letter] = {}
        self._queue: list[tuple[float, int, str]] = []
        """Heap: when due (trio time), in what order, which; of a letter the last entry counts."""
        self._entries: dict[str, int] = {}
        self._n_entries = 0
        self._n_sending = 0
        self._bell = Doorbell()
        self._idle = trio.Event()
        self._take(items.items)

    def _take(self, items: Mapping[str, Item]) -> None:
        for key, item in items.items():
            letter = read_letter(key, item)
            if letter is None:
                log.error("damaged letter in the outbox", key=key)
            elif letter.is_dead:
                self._dead[key] = letter
            else:
                self._waiting[key] = letter
                self._schedule(key, SPREAD_S * self._chance())

    @classmethod
    async def open(
        cls,
        path: Path,
        run_sync: Callable[..., Awaitable[Any]] | None = None,
        *,
        http: httpx.AsyncClient,
        records: RecordStore,
        config: PostCallConfig,
        wall_clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
        has_elders: bool = False,
    ) -> Outbox:
        """Read the file at `path`, and what an earlier daemon has left there.

        Args:
            path: the file, in a directory that exists.
            run_sync: as that of `OpenItems.open`, whose errors are raised.
            http: has limits for each step of a request.
            records: where the contents of `call.ended` are.
            config: whom to tell of calls, and how to sign.
            wall_clock: unix seconds.
            chance: from 0 to 1, spreads attempts.
            has_elders: as that of `OpenItems.open`.
        """
        items = await OpenItems.open(path, run_sync, has_elders=has_elders)
        return cls(items, http, records, config, wall_clock, chance)

    async def adopt(self) -> None:
        """Send what an older process has left, which has ended; raises StartupError."""
        self._take(await self._items.adopt())

    def close(self) -> None:
        """Let another daemon open the file."""
        self._items.close()

    # -- from outside ----------------------------------------------------------------------------

    async def call_ends(self, key: str, directory: str) -> None:
        """Write down that a call is over, before its record says so; `call_ended` sends it."""
        if self._url:
            await self._write(
                Letter(
                    key=f"ended_{key}",
                    kind="call.ended",
                    directory=directory,
                    at=self._wall_clock(),
                )
            )
        else:
            await trio.lowlevel.checkpoint()

    def call_ended(self, key: str) -> None:
        """Send what `call_ends` has written down: the record is there."""
        if f"ended_{key}" in self._waiting:
            self._schedule(f"ended_{key}", 0)

    async def tell(self, key: str, url: str, content: dict[str, Any]) -> None:
        """Tell `url` what came of an order."""
        letter = Letter(
            key=f"outcome_{key}",
            kind="order.outcome",
            url=url,
            content=content,
            at=self._wall_clock(),
        )
        await self._write(letter)
        self._schedule(letter.key, 0)

    def letters(self) -> list[dict[str, Any]]:
        """Return all that waits, and what was given up, the oldest first."""
        letters = [*self._waiting.values(), *self._dead.values()]
        return [shown(letter) for letter in sorted(letters, key=lambda one: one.at)]

    async def send_again(self, key: str) -> bool:
        """Give a dead letter another chance; False if there is none of this name."""
        letter = self._dead.get(key)
        if letter is None:
            await trio.lowlevel.checkpoint()
            return False
        await self._write(replace(letter, is_dead=False, attempts=0, at=self._wall_clock()))
        self._schedule(key, 0)
        return True

    async def first_attempts(self) -> None:
        """Return when nothing is under way or due at once; the deadline is the caller's."""
        while self._n_sending or (self._queue and self._queue[0][0] <= trio.current_time()):
            self._idle = trio.Event()
            await self._idle.wait()

    # -- the tasks -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._items.run, name="outbox file")
            places = trio.Semaphore(AT_A_TIME)
            while True:
                await places.acquire()
                letter = await self._next()
                self._n_sending += 1
                nursery.start_soon(self._deliver, letter, places, name=f"webhook {letter.key}")

    async def _next(self) -> Letter:
        """Wait for the next letter that is due."""
        while True:
            now = trio.current_time()
            while self._queue and self._queue[0][0] <= now:
                _, entry, key = heapq.heappop(self._queue)
                if self._entries.get(key) == entry:
                    del self._entries[key]
                    return self._waiting[key]
            self._idle.set()
            await self._bell.wait(self._queue[0][0] if self._queue else float("inf"))

    def _schedule(self, key: str, wait_s: float) -> None:
        if key not in self._waiting:
            return  # given up already, for those behind it
        self._n_entries += 1
        self._entries[key] = self._n_entries
        heapq.heappush(self._queue, (trio.current_time() + wait_s, self._n_entries, key))
        self._bell.ring()

    async def _deliver(self, letter: Letter, places: trio.Semaphore) -> None:
        try:
            failure, may_pass = await self._attempt(letter)
            if not failure:
                self._forget(letter.key)
                await self._items.drop(letter.key)
                return
            if letter.key not in self._waiting:
                return  # given up meanwhile, for those behind it
            age_s = self._wall_clock() - letter.at
            tried = replace(letter, attempts=letter.attempts + 1, failure=failure)
            if may_pass and age_s < self._config.give_up_after_s:
                self._schedule(letter.key, wait_s(tried.attempts, self._chance()))
                await self._write(tried)
            else:
                await self._bury(tried)
        finally:
            places.release()
            self._n_sending -= 1
            self._idle.set()

    async def _bury(self, letter: Letter) -> None:
        log.error("webhook given up", id=letter.key, reason=letter.failure)
        await self._write(replace(letter, is_dead=True))

    async def _write(self, letter: Letter) -> None:
        """Keep a letter, and no more than there may be; what is kept changes before any wait."""
        if letter.is_dead:
            self._forget(letter.key)
            self._dead[letter.key] = letter
        else:
            self._dead.pop(letter.key, None)
            self._waiting[letter.key] = letter
        buried, dropped = self._bury_the_oldest(), self._drop_the_oldest()
        await self._items.put(letter.key, item_of(letter))
        for dead in buried:
            log.error("webhook given up", id=dead.key, reason=dead.failure)
            if self._dead.get(dead.key) is dead:
                await self._items.put(dead.key, item_of(dead))
        for key in dropped:
            if key not in self._dead and key not in self._waiting:
                await self._items.drop(key)

    def _bury_the_oldest(self) -> list[Letter]:
        buried = []
        while len(self._waiting) > MOST_WAITING:
            oldest = next(iter(self._waiting.values()))
            dead = replace(oldest, is_dead=True, failure=f"more than {MOST_WAITING} waited")
            self._forget(dead.key)
            self._dead[dead.key] = dead
            buried.append(dead)
        return buried

    def _drop_the_oldest(self) -> list[str]:
        dropped = list(self._dead)[: max(0, len(self._dead) - MOST_DEAD)]
        for key in dropped:
            self._forget(key)
        return dropped

    def _forget(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._dead.pop(key, None)
        self._entries.pop(key, None)

    # -- one attempt -----------------------------------------------------------------------------

    async def _attempt(self, letter: Letter) -> tuple[str, bool]:
        """Return what went wrong, "" if nothing, and whether it may pass."""
        try:
            return await self._try(letter)
        except Exception as error:  # noqa: BLE001  # or it would end all calls, at every start anew
            kind = type(error).__name__  # the text may repeat the address
            log.error("webhook not sent by a fault of ours", id=letter.key, error=kind)
            return f"a fault of voiced ({kind})", False

    async def _try(self, letter: Letter) -> tuple[str, bool]:
        with trio.move_on_after(ATTEMPT_S):
            content = await self._content(letter)
            if content is None:
                return "the call's record cannot be read", True
            body = json.dumps(content).encode()
            headers = signed_headers(
                self._secrets,
                message_id=letter.key,
                timestamp=int(self._wall_clock()),
                body=body,
            )
            return await _post(self._http, letter.url or self._url, headers, body)
        return f"no answer within {ATTEMPT_S:g} s", True

    async def _content(self, letter: Letter) -> dict[str, Any] | None:
        if letter.kind == "order.outcome":
            return letter.content
        record = await self._records.read(letter.directory)
        if record.get("state") != "ended":
            return None
        at = datetime.fromtimestamp(letter.at, UTC).isoformat(timespec="milliseconds")
        return {"type": letter.kind, "timestamp": at, "data": record}


async def _post(
    http: httpx.AsyncClient, url: str, headers: dict[str, str], body: bytes
) -> tuple[str, bool]:
    """POST; return what went wrong, "" if nothing, and whether it may pass."""
    if not url:
        return "[post_call] url is no longer set", False
    headers = {"content-type": "application/json", **headers}
    try:
        async with http.stream("POST", url, headers=headers, content=body) as response:
            status = response.status_code  # its body does not matter
    except UNSENDABLE as error:
        return f"the address is of no use ({type(error).__name__})", False
    except httpx.HTTPError as error:
        # Some of httpx's texts repeat the address, which may hold a secret.
        timed_out = isinstance(error, httpx.TimeoutException)
        return type(error).__name__ if timed_out else reason_of(error).split("'")[0], True
    if 200 <= status < 300:
        return "", False
    return f"answered with {status}", status in (408, 429) or status >= 500


@asynccontextmanager
async def open_outbox(
    path: Path,
    *,
    records: RecordStore,
    config: PostCallConfig,
    wall_clock: Callable[[], float],
    run_sync: Callable[..., Awaitable[Any]] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    has_elders: bool = False,
) -> AsyncIterator[Outbox]:
    """Yield the outbox whose file is at `path`; what it has not sent by then stays there.

    Args:
        path: in a directory that exists.
        records: where the contents of `call.ended` are.
        config: `[post_call]`.
        wall_clock: unix seconds.
        run_sync: as that of `OpenItems.open`.
        transport: what to speak through instead of TCP, in tests.
        has_elders: as that of `OpenItems.open`.

    Raises:
        StartupError: the file cannot be read, or another daemon uses it.
    """
    async with bare_client(step_s=STEP_S, connect_s=STEP_S, transport=transport) as http:
        outbox = await Outbox.open(
            path,
            run_sync,
            http=http,
            records=records,
            config=config,
            wall_clock=wall_clock,
            has_elders=has_elders,
        )
        try:
            yield outbox
        finally:
            outbox.close()
