"""Fetches the recordings that Telnyx makes for us into the directories of their calls.

`call.recording.saved` comes seconds or minutes after the call, when nobody but us remembers it, and
its address dies after ten minutes. So each recording that is begun is written down with the
directory of its call, and struck out when its file is there: a restart forgets none. What no
webhook has told, or what could not be fetched in time, is asked for by the leg's id, which gives a
fresh address. A task of the daemon, with one child for each call that has recordings to come.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
import trio

from voiced.doorbell import Doorbell
from voiced.errors import CommandFailed, DownloadFailed
from voiced.ledger.open_items import OpenItems
from voiced.log import get_logger
from voiced.telnyx.events import RecordingError, RecordingSaved
from voiced.telnyx.ids import CallControlId, CallLegId
from voiced.telnyx.queries import ListRecordings, StoredRecording
from voiced.telnyx_recording.part_file import PartFile
from voiced.telnyx_recording.wanted import (
    Entry,
    Wanted,
    entry_of,
    item_of,
    lost_entry,
    may_be_fetched,
    pick_url,
    read_wanted,
    recording_of,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from voiced.ledger.lines import Item
    from voiced.record.store import RecordStore
    from voiced.telnyx.download import Downloader
    from voiced.telnyx.rest import TelnyxClient

log = get_logger(__name__)

FETCHES_FILE = "recordings.jsonl"
"""Below `[records] path`."""

AT_A_TIME = 4
"""Downloads at once; the others wait."""

MOST_CALLS = 10_000
"""Calls whose recordings may be wanted at a time; further ones are not recorded."""

MOST_TOLD = 100
"""Webhooks of one call that may wait for it to be served; what they tell can be asked for."""

ATTEMPT_S = 900.0

ADDRESS_LIFE_S = 540.0
"""Of the ten minutes, what we rely on."""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Between attempts with one address, doubled from the one to the other."""

FIRST_LOOK_S, LONGEST_LOOK_S = 60.0, 3600.0
"""From the end of the call until its recordings are asked for, and between askings, doubled."""

GIVE_UP_S = 24 * 3600.0
"""From the beginning of the call."""

RECORD_LIMIT_S = 5.0


class _Job:
    """One call whose recordings are to come."""

    def __init__(self, wanted: Wanted, *, has_ended: bool) -> None:
        self.wanted = wanted
        self.has_ended = has_ended
        self.told: deque[StoredRecording | Entry] = deque(maxlen=MOST_TOLD)
        self.bell = Doorbell()
        self.last_failure = "Telnyx has told of none"


class RecordingFetcher:
    """Fetches recordings. `expect` and `ended` are for calls, `take` for webhooks."""

    def __init__(
        self,
        items: OpenItems,
        *,
        telnyx: TelnyxClient,
        downloader: Downloader,
        records: RecordStore,
        api_base: str,
        wall_clock: Callable[[], float],
    ) -> None:
        """Use `open`."""
        self._items = items
        self._telnyx = telnyx
        self._downloader = downloader
        self._records = records
        self._api_base = api_base
        self._at_a_time = trio.CapacityLimiter(AT_A_TIME)
        self._jobs: dict[str, _Job] = {}
        self._new_in, self._new = trio.open_memory_channel[_Job](float("inf"))
        self._wall_clock = wall_clock
        self._resume(items.items)

    def _resume(self, items: Mapping[str, Item]) -> None:
        for key, item in items.items():
            wanted = read_wanted(key, item)
            if wanted is None:
                log.error("damaged entry", key=key)
            else:
                self._add(_Job(wanted, has_ended=True))

    @classmethod
    async def open(
        cls,
        path: Path,
        run_sync: Callable[..., Awaitable[Any]] | None = None,
        *,
        telnyx: TelnyxClient,
        downloader: Downloader,
        records: RecordStore,
        api_base: str,
        wall_clock: Callable[[], float],
        has_elders: bool = False,
    ) -> RecordingFetcher:
        """Read at `path` what is still to be fetched.

        Args:
            path: as `run_sync` and the errors, those of `OpenItems.open`.
            run_sync: see there.
            telnyx: is asked for recordings.
            downloader: fetches them.
            records: gets them.
            api_base: an emulated Telnyx on loopback may have its files on loopback, too.
            wall_clock: unix seconds.
            has_elders: see `OpenItems.open`.
        """
        return cls(
            await OpenItems.open(path, run_sync, has_elders=has_elders),
            telnyx=telnyx,
            downloader=downloader,
            records=records,
            api_base=api_base,
            wall_clock=wall_clock,
        )

    async def adopt(self) -> None:
        """Fetch what an older process has left, which has ended.

        Raises:
            StartupError: its file cannot be read.
        """
        self._resume(await self._items.adopt())

    def close(self) -> None:
        """Let another daemon have the file."""
        self._items.close()

    @property
    def pending(self) -> int:
        """Calls whose recordings are still to come."""
        return len(self._jobs)

    # -- from calls and webhooks -------------------------------------------------------------------

    async def expect(self, wanted: Wanted) -> bool:
        """Write down that a recording is about to begin; False if there are too many already.

        Once for each recording of a call: the numbers add up. Waits for the disk no longer than
        `OpenItems.put`.
        """
        job = self._jobs.get(wanted.call_leg_id)
        if job is not None:
            job.wanted = replace(job.wanted, begun=job.wanted.begun + wanted.begun)
        elif len(self._jobs) < MOST_CALLS:
            job = _Job(wanted, has_ended=False)
            self._add(job)
        else:
            log.error("too many recordings are still to be fetched", calls=MOST_CALLS)
            return False
        await self._note(job)
        return True

    def retract(self, call_leg_id: str) -> None:
        """Told that the last recording that was expected has not begun after all. Never waits."""
        job = self._jobs.get(call_leg_id)
        if job is not None:
            job.wanted = replace(job.wanted, begun=job.wanted.begun - 1)
            job.bell.ring()

    def ended(self, call_leg_id: str) -> None:
        """Told when a call has ended and its record is written. Never waits.

        A call of which no recording was expected is no matter.
        """
        job = self._jobs.get(call_leg_id)
        if job is not None:
            job.has_ended = True
            job.bell.ring()

    def knows(self, event: RecordingSaved | RecordingError) -> bool:
        """Return whether a webhook is about a recording that is wanted here."""
        return self._find(event.call_leg_id, event.call_control_id) is not None

    def take(self, event: RecordingSaved | RecordingError) -> bool:
        """Take a webhook; False if no recording of this leg is wanted. Never waits."""
        job = self._find(event.call_leg_id, event.call_control_id)
        if job is None:
            log.info("recording of a call that was not to be recorded", id=event.call_leg_id)
            return False
        if isinstance(event, RecordingSaved):
            job.told.append(recording_of(event))
        else:
            job.told.append(lost_entry(f"Telnyx: {event.reason}"))
        job.bell.ring()
        return True

    def _find(self, call_leg_id: str, call_control_id: str) -> _Job | None:
        job = self._jobs.get(call_leg_id)
        if job is None and call_control_id:
            same = (j for j in self._jobs.values() if j.wanted.call_control_id == call_control_id)
            job = next(same, None)
        return job

    def _add(self, job: _Job) -> None:
        self._jobs[job.wanted.call_leg_id] = job
        self._new_in.send_nowait(job)

    # -- the task ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Fetch until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._items.run)
            async for job in self._new:
                nursery.start_soon(self._serve, job)

    async def _serve(self, job: _Job) -> None:
        structlog.contextvars.bind_contextvars(call=job.wanted.call_control_id)
        try:
            await self._fetch_all(job)
        except Exception:  # the last net: one call's fault must not reach another, nor the daemon
            log.exception("recordings not fetched by a fault of ours")
        else:
            del self._jobs[job.wanted.call_leg_id]
            await self._items.drop(job.wanted.call_leg_id)

    async def _fetch_all(self, job: _Job) -> None:
        """Serve one call until all its recordings are done with and its record says so."""
        wait_s = FIRST_LOOK_S
        # What a daemon before us has left is asked for at once: webhooks may have been missed.
        look_at = trio.current_time() if job.has_ended else float("inf")
        while not (job.has_ended and job.wanted.is_complete):
            await job.bell.wait(look_at)
            while job.told:
                await self._learn(job, job.told.popleft())
            now = trio.current_time()
            if job.has_ended and look_at == float("inf"):
                look_at = now + wait_s
            elif now >= look_at and not job.wanted.is_complete:
                await self._look(job)
                wait_s = min(2 * wait_s, LONGEST_LOOK_S)
                look_at = trio.current_time() + wait_s
        await self._amend(job)

    async def _learn(self, job: _Job, told: StoredRecording | Entry) -> None:
        if isinstance(told, StoredRecording):
            await self._fetch(job, told)
        else:
            await self._done(job, told)

    async def _look(self, job: _Job) -> None:
        """Ask for the recordings of the call, and fetch those that are not there yet."""
        if self._wall_clock() - job.wanted.at > GIVE_UP_S:
            log.error("recording given up", reason=job.last_failure)
            while not job.wanted.is_complete:
                await self._done(job, lost_entry(job.last_failure))
            return
        query = _recordings_of(job.wanted)
        try:
            recordings = await self._telnyx.ask_all(query)
        except CommandFailed as failed:
            job.last_failure = str(failed)
            log.warning("recordings not listed", reason=str(failed))
            return
        for recording in recordings:
            await self._fetch(job, recording)

    async def _fetch(self, job: _Job, recording: StoredRecording) -> None:
        """Fetch a recording as long as its address lives; then it must be asked for again."""
        if job.wanted.has(recording):
            return
        form, url = pick_url(recording)
        if not url or not may_be_fetched(url, self._api_base):
            reason = "its address is not https (a bucket of your own?)" if url else "no address"
            log.error("recording cannot be fetched", reason=reason)
            await self._done(job, entry_of(recording, error=reason))
            return
        dies_at = trio.current_time() + ADDRESS_LIFE_S
        wait_s = FIRST_WAIT_S
        while True:
            try:
                await self._try(job, recording, form, url)
            except DownloadFailed as failed:
                job.last_failure = str(failed)
                log.warning("recording not fetched", reason=str(failed))
                if failed.is_expired:
                    return
                if not failed.may_pass:
                    await self._done(job, entry_of(recording, error=str(failed)))
                    return
            except OSError as error:
                job.last_failure = error.strerror or str(error)
                log.error("recording not written", error=job.last_failure)
            else:
                return
            if trio.current_time() + wait_s > dies_at:
                return
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _try(self, job: _Job, recording: StoredRecording, form: str, url: str) -> None:
        """Fetch a recording once; raises DownloadFailed or OSError."""
        file = PartFile(self._records.path(job.wanted.directory), self._records.run_sync)
        name = job.wanted.file_name(form)
        failure: DownloadFailed | OSError | None = None
        size = 0
        async with self._at_a_time:
            with trio.move_on_after(ATTEMPT_S) as scope:
                try:
                    size = await file.fetch(self._downloader, url)
                    await file.keep(name)
                except (DownloadFailed, OSError) as error:
                    failure = error
        if scope.cancelled_caught:
            failure = DownloadFailed(f"not done within {ATTEMPT_S:g} s", may_pass=True)
        if failure is not None:
            with suppress(OSError), trio.move_on_after(RECORD_LIMIT_S):
                await file.discard()
            raise failure
        log.info("recording fetched", file=name, bytes=size)
        await self._done(job, entry_of(recording, file=name, n_bytes=size))

    async def _done(self, job: _Job, entry: Entry) -> None:
        """Note that one recording is done with."""
        job.wanted = job.wanted.with_entry(entry)
        await self._note(job)
        if job.has_ended:
            await self._amend(job)

    async def _note(self, job: _Job) -> None:
        await self._items.put(job.wanted.call_leg_id, item_of(job.wanted))

    async def _amend(self, job: _Job) -> None:
        """Write the recordings into the record of the call, which has ended."""
        fetched = list(job.wanted.fetched)

        def amend(record: dict[str, Any]) -> dict[str, Any]:
            return {**record, "recordings": fetched} if record else {}

        with trio.move_on_after(RECORD_LIMIT_S):
            await self._records.amend(job.wanted.directory, amend)


def _recordings_of(wanted: Wanted) -> ListRecordings:
    if wanted.call_leg_id == wanted.call_control_id:  # TeXML has not told the other
        return ListRecordings(call_control_id=CallControlId(wanted.call_control_id))
    return ListRecordings(call_leg_id=CallLegId(wanted.call_leg_id))
