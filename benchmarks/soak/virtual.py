"""Hours of calls on a virtual clock: the daemon's core and an emulated Telnyx, in this process.

Everything of the daemon runs but its sockets, its threads and its speech models: the disk is
written inline, so that the clock does not run ahead of it. Telnyx is made anew for each part of the
run and is gone when a sample is taken, so that what is measured is the daemon.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import threading
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from trio.testing import MockClock

from benchmarks.soak.callers import (
    MixedRecognizer,
    Turn,
    fill,
    make_agent,
    make_synthesizer,
)
from benchmarks.soak.samples import Sample
from voiced.config import parse_config
from voiced.flight.recorder import open_flights
from voiced.ledger import LEDGER_FILE, Ledger
from voiced.record.journal import Unobserved
from voiced.record.store import RecordStore
from voiced.server.core import open_core
from voiced.services.services import Services, Staff
from voiced.switchboard.call_request import CallRequest
from voiced.telnyx.download import open_downloader
from voiced.telnyx.rest import open_telnyx
from voiced.telnyx_recording import FETCHES_FILE, RecordingFetcher
from voiced.testing.emulator import API_KEY, CONNECTION_ID, Account, open_emulator
from voiced.testing.fault_plans import FAULT_PLANS
from voiced.testing.inventory import count_entries, live_tasks
from voiced.testing.memory import CoreNetwork
from voiced.testing.network import AsgiNetwork
from voiced.testing.rules import CallRules
from voiced.testing.scheduling import shuffled_by
from voiced.testing.webhooks import Signer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from voiced.config import Config
    from voiced.server.core import Core
    from voiced.testing.emulator import EmulatedTelnyx

WALL_AT_START = 1_800_000_000.0
REST_S = 90.0
"""After the last call of a part: for late webhooks, retries and what the ledger settles."""

_LONGEST_CALL_S = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualPlan:
    """How long, and how much.

    Attributes:
        hours: on the virtual clock.
        calls_per_hour: evenly spread.
        parts: a sample is taken after each; the first warms up.
        seed: of Trio's order of tasks and of what callers say.
    """

    hours: float = 2.0
    calls_per_hour: int = 120
    parts: int = 6
    seed: int = 0


@dataclass(slots=True)
class VirtualRun:
    """What came of it: samples, how calls ended, and what the emulated Telnyx complained of."""

    samples: list[Sample] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def run_virtual(plan: VirtualPlan, progress: Callable[[Sample], None]) -> VirtualRun:
    """Let the calls run; `progress` is given each sample."""
    clock = MockClock(autojump_threshold=0)
    with shuffled_by(plan.seed), TemporaryDirectory(prefix="voiced-soak-") as folder:
        return trio.run(_run, plan, Path(folder), progress, clock=clock)


async def _run(plan: VirtualPlan, folder: Path, progress: Callable[[Sample], None]) -> VirtualRun:
    run, side = VirtualRun(), _TelnyxSide()
    async with _open_daemon(side, folder, plan.seed) as core:
        side.network = CoreNetwork(core)
        n_calls = max(1, round(plan.hours * plan.calls_per_hour / plan.parts))
        for part in range(plan.parts):
            await _run_part(plan, side, core, run, range(part * n_calls, (part + 1) * n_calls))
            _count_and_clear(folder, run)
            run.samples.append(_sample(sum(run.reasons.values())))
            progress(run.samples[-1])
    return run


async def _run_part(
    plan: VirtualPlan, side: _TelnyxSide, core: Core, run: VirtualRun, numbers: range
) -> None:
    """Let some calls come and go, with a Telnyx of their own."""
    async with side.open(salt=str(numbers.start)) as telnyx, trio.open_nursery() as nursery:
        for number in numbers:
            turn = Turn(number)
            nursery.start_soon(_call, turn, telnyx, core, run)
            await trio.sleep(3600 / plan.calls_per_hour)
        with trio.move_on_after(_LONGEST_CALL_S) as limit:
            while core.switchboard.snapshot():  # noqa: ASYNC110  # no event tells of all calls
                await trio.sleep(1)
        if limit.cancelled_caught:
            run.faults.append("calls that do not end")
        await trio.sleep(REST_S)
        run.faults += [f"left up: {leg}" for leg in telnyx.zombies]
        nursery.cancel_scope.cancel()


async def _call(turn: Turn, telnyx: EmulatedTelnyx, core: Core, run: VirtualRun) -> None:
    if turn.kind == "dialled":
        core.dialer.order(CallRequest(to=turn.callee))
        return
    faults = FAULT_PLANS[turn.fault].faults
    report = await telnyx.ring(turn.caller(), faults=faults, rules=CallRules(background_dbfs=None))
    run.faults += [f"call {turn.number} ({turn.fault}): {fault}" for fault in report.violations]


def _count_and_clear(folder: Path, run: VirtualRun) -> None:
    """Count how the calls ended, by their records, and make room for the next."""
    for record in (path / "call.json" for path in folder.iterdir() if path.is_dir()):
        document = json.loads(record.read_bytes())
        run.reasons[document["end"]["reason"] if document["end"] else "no end"] += 1
        shutil.rmtree(record.parent)


def _sample(calls: int) -> Sample:
    for _ in range(3):  # what a finalizer lets go of is garbage the next time
        gc.collect()
    ours = [each for each in gc.get_objects() if _is_the_daemons(type(each))]
    return Sample(
        at_s=trio.current_time(),
        calls=calls,
        rss_mb=_rss_mb(),
        threads=threading.active_count(),
        descriptors=len(os.listdir("/proc/self/fd")),
        objects=Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in ours),
        tasks=live_tasks(),
        entries=count_entries(*ours),
    )


def _is_the_daemons(kind: type) -> bool:
    module = str(kind.__module__)
    return module.startswith("voiced.") and not module.startswith("voiced.testing.")


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# -- both sides -------------------------------------------------------------------------------


class _TelnyxSide:
    """Telnyx as the daemon knows it: one account, whose machinery is exchanged now and then."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public_key = Signer(self._key).public_key
        self.network = AsgiNetwork(None)
        self._telnyx: EmulatedTelnyx | None = None

    @asynccontextmanager
    async def open(self, salt: str) -> AsyncIterator[EmulatedTelnyx]:
        """Open the machinery; `salt` tells its ids from those of the others."""
        account = Account(signing_key=self._key, wall=wall_clock, salt=salt)
        url = "http://voiced/telnyx/webhook"
        async with open_emulator(self.network, url, account=account) as telnyx:
            fill(telnyx.directory)
            self._telnyx = telnyx
            yield telnyx
            self._telnyx = None

    async def api(self, scope: Any, receive: Any, send: Any) -> None:
        """Be the REST API, as an ASGI application."""
        if self._telnyx is None:
            raise httpx.ConnectError("nobody there between two parts")
        await self._telnyx.app(scope, receive, send)


def wall_clock() -> float:
    """Return unix seconds, on the virtual clock."""
    return WALL_AT_START + trio.current_time()


async def _inline(function: Callable[..., Any], *args: object) -> Any:
    """Run blocking work as if it took no time."""
    await trio.lowlevel.checkpoint()
    return function(*args)


def _config(side: _TelnyxSide) -> Config:
    return parse_config(
        {
            "telnyx": {
                "public_key": side.public_key,
                "api_key": API_KEY,
                "api_base": "http://127.0.0.1/v2",
                "connection_id": CONNECTION_ID,
            },
            "agent": {"provider": "echo"},
            "outbound": {"caller_id": "+13125550199", "voicemail_message": "Please call us back."},
            "recording": {"audio": True},
            "transfer": {"ring_s": 20},
        },
        {},
    )


@asynccontextmanager
async def _open_daemon(side: _TelnyxSide, folder: Path, seed: int) -> AsyncIterator[Core]:
    config = _config(side)
    transport = httpx.ASGITransport(side.api)
    records = RecordStore(folder, _inline)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        telnyx = await enter(
            open_telnyx(config.telnyx.api_base, API_KEY, transport=transport, jitter=lambda: 0.0)
        )
        ledger = await Ledger.open(folder / LEDGER_FILE, _inline)
        stack.callback(ledger.close)
        fetcher = await RecordingFetcher.open(
            folder / FETCHES_FILE,
            _inline,
            telnyx=telnyx,
            downloader=await enter(open_downloader(transport=transport)),
            records=records,
            api_base=config.telnyx.api_base,
            wall_clock=wall_clock,
        )
        stack.callback(fetcher.close)
        staff = Staff(
            agent=make_agent(), recognizer=MixedRecognizer(seed), synthesizer=make_synthesizer()
        )
        services = Services(
            config=config,
            telnyx=telnyx,
            staff={"": staff},
            records=records,
            ledger=ledger,
            fetcher=fetcher,
            observer=Unobserved(),
            flights=await enter(open_flights(records.directory, _inline)),
        )
        core = await enter(open_core(services, wall_clock=wall_clock))
        yield core
