"""Minutes of calls on real sockets: the real program as a process of its own, as it is shipped.

The dialogue, recognizer and synthesizer are the embedded ones; Telnyx and its callers are in this
process. Calls come in rounds; between two of them everybody rests for as long as idle threads live,
and the daemon is looked at from outside.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx
import trio

from benchmarks.machine import memory_mb, process_tree
from benchmarks.soak.callers import CALLEES, fill
from benchmarks.soak.samples import Sample
from voiced.testing.caller import ScriptedCaller, silent_caller
from voiced.testing.emulator import CONNECTION_ID, EmulatedTelnyx, open_emulator
from voiced.testing.fault_plans import FAULT_PLANS
from voiced.testing.network import open_loopback
from voiced.testing.rules import CallRules
from voiced.testing.script import CallerScript, ScriptLine, load_script, speak_script
from voiced.testing.telnyx_api.rest import serve_api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from voiced.testing.caller import Caller, Line

START_LIMIT_S = 30.0
ROUND_LIMIT_S = 120.0
LONG_RUN_MINUTES = 3.0

RSS_GROWTH_MB = 16.0
"""Cycles of what ended calls leave wait until Python's collector has a quarter of all its objects
to look at: with 120,000 frozen ones that is some 70 calls, or 10 MB, in which memory climbs."""
_FAULTS = sorted(FAULT_PLANS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPlan:
    """How long, and how much.

    Attributes:
        minutes: a round is begun as long as they are not over; the first warms up.
        rounds: at least so many.
        calls: at once, in each round.
        rest_s: after a round; Trio keeps a thread that has nothing to do for ten seconds.
    """

    minutes: float = 1.0
    rounds: int = 3
    calls: int = 6
    rest_s: float = 12.0

    @property
    def has_long_talks(self) -> bool:
        """Whether somebody in each round holds the whole shipped conversation, of 50 s."""
        return self.minutes >= LONG_RUN_MINUTES


@dataclass(slots=True)
class RealRun:
    """What came of it: samples, how calls ended, what Telnyx complained of, the daemon's end."""

    samples: list[Sample] = field(default_factory=list)
    ended_by: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Daemon:
    process: trio.Process
    admin_url: str


def run_real(plan: RealPlan, progress: Callable[[Sample], None]) -> RealRun:
    """Let the calls run; `progress` is given each sample."""
    return trio.run(_run, plan, progress)


async def _run(plan: RealPlan, progress: Callable[[Sample], None]) -> RealRun:
    run = RealRun()
    lines = await speak_script(load_script("booking"))
    short = await speak_script(CallerScript(lines=(ScriptLine(say="Goodbye."),)))
    with TemporaryDirectory(prefix="voiced-soak-") as folder:
        async with (
            open_loopback() as network,
            open_emulator(network) as telnyx,
            serve_api(telnyx.app) as api_url,
            _started(telnyx, api_url, Path(folder)) as daemon,
        ):
            fill(telnyx.directory)
            began = trio.current_time()
            while len(run.samples) < plan.rounds or trio.current_time() - began < plan.minutes * 60:
                number = len(run.samples) * plan.calls
                await _run_round(plan, telnyx, daemon, run, number, (lines, short))
                await trio.sleep(plan.rest_s)
                calls = sum(run.ended_by.values())
                run.samples.append(_sample(daemon, trio.current_time() - began, calls))
                progress(run.samples[-1])
            run.faults += await _still_up(daemon)
            run.exit_code = await _end(daemon)
    return run


async def _run_round(
    plan: RealPlan,
    telnyx: EmulatedTelnyx,
    daemon: _Daemon,
    run: RealRun,
    first: int,
    spoken: tuple[Sequence[Line], Sequence[Line]],
) -> None:
    """Let some calls run at once: one is dialled, one has a fault, one leaves early."""
    n_dialled = run.ended_by["dialled"]
    async with trio.open_nursery() as nursery:

        async def ring(caller: Caller, fault: str) -> None:
            report = await telnyx.ring(
                caller, faults=FAULT_PLANS[fault].faults, rules=CallRules(limit_s=ROUND_LIMIT_S)
            )
            run.ended_by[report.ended_by] += 1
            run.faults += [f"{fault}: {each}" for each in report.violations]
            run.faults += [f"{fault}: left up"] if report.zombie else []

        async def dial(number: int) -> None:
            callee = list(CALLEES)[number % len(CALLEES)]
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.post(f"{daemon.admin_url}/calls", json={"to": callee})
            answer.raise_for_status()
            await telnyx.dialled(n_dialled + 1)
            run.ended_by["dialled"] += 1

        with trio.fail_after(ROUND_LIMIT_S):
            for number in range(first, first + plan.calls):
                match number % plan.calls:
                    case 0:
                        nursery.start_soon(dial, number // plan.calls)
                    case 1:
                        nursery.start_soon(ring, silent_caller(hangs_up_s=0.4), "none")
                    case 2:
                        fault = _FAULTS[number // plan.calls % len(_FAULTS)]
                        nursery.start_soon(ring, ScriptedCaller(spoken[1]), fault)
                    case 3 if plan.has_long_talks:
                        nursery.start_soon(ring, ScriptedCaller(spoken[0]), "none")
                    case _:
                        nursery.start_soon(ring, ScriptedCaller(spoken[1]), "none")
                await trio.sleep(0.2)


def _sample(daemon: _Daemon, at_s: float, calls: int) -> Sample:
    pid = daemon.process.pid
    tree = process_tree(pid)
    folder = Path("/proc") / str(pid)
    return Sample(
        at_s=at_s,
        calls=calls,
        rss_mb=memory_mb(tree),
        threads=len(os.listdir(folder / "task")),
        descriptors=len(os.listdir(folder / "fd")),
        processes=len(tree),
    )


async def _still_up(daemon: _Daemon) -> list[str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        calls = (await client.get(f"{daemon.admin_url}/calls")).json()["calls"]
    return [f"still up in the daemon: {call['call_id']}" for call in calls]


async def _end(daemon: _Daemon) -> int | None:
    daemon.process.send_signal(signal.SIGTERM)
    with trio.move_on_after(START_LIMIT_S):
        return await daemon.process.wait()
    return None


@asynccontextmanager
async def _started(telnyx: EmulatedTelnyx, api_url: str, folder: Path) -> AsyncIterator[_Daemon]:
    """Start the program and wait until it serves; whatever happens, it is gone at the end."""
    public, admin = _free_ports(2)
    config = folder / "config.toml"
    config.write_text(
        f"""
[server]
bind = "127.0.0.1:{public}"
[admin]
bind = "127.0.0.1:{admin}"
[telnyx]
api_key = "{telnyx.api_key}"
public_key = "{telnyx.public_key}"
api_base = "{api_url}"
connection_id = "{CONNECTION_ID}"
[outbound]
caller_id = "+13125550199"
[inbound]
max_lag_ms = 0
[recording]
audio = true
[records]
path = "{folder / "calls"}"
[log]
level = "warning"
"""
    )
    # No account of the developer's takes part.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TELNYX_")}
    command = [sys.executable, "-m", "voiced", "--config", str(config)]
    with (folder / "daemon.log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            command, stdin=None, stdout=log, stderr=log, env=environ, cwd=folder
        )
        try:
            telnyx.webhook_url = f"http://127.0.0.1:{public}/telnyx/webhook"
            daemon = _Daemon(process=process, admin_url=f"http://127.0.0.1:{admin}")
            await _wait_until_ready(daemon, folder / "daemon.log")
            yield daemon
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


async def _wait_until_ready(daemon: _Daemon, log: Path) -> None:
    with trio.move_on_after(START_LIMIT_S):
        async with httpx.AsyncClient(trust_env=False) as client:
            while daemon.process.poll() is None:
                with suppress(httpx.TransportError):
                    if (await client.get(f"{daemon.admin_url}/readyz")).status_code == 200:
                        return
                await trio.sleep(0.1)
    said = await trio.Path(log).read_text()
    raise RuntimeError(f"the daemon does not serve:\n{said[-2000:]}")


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody has at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
