"""What is measured, and in which order."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, get_args

from benchmarks.audio import burst_cycle, speech_cycle, talk_pcm
from benchmarks.load import Job
from benchmarks.machine import memory_mb, process_tree
from benchmarks.servers import Running, Server, ServerFailed, Stage, Workload, run_server
from benchmarks.verdict import flaw, overload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.verdict import Row

WORKLOADS: tuple[Workload, ...] = get_args(Workload)
SERVERS: tuple[Server, ...] = get_args(Server)
USUAL_SERVERS: tuple[Server, ...] = tuple(name for name in SERVERS if name != "pipecat-8k")

SEARCH_FACTOR = 1.25
SEARCH_MOST = 500
SEARCH_SECONDS = 4.0
SEARCHED: tuple[Server, ...] = ("voiced", "pipecat", "pipecat-plain", "pipecat-8k")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line asks for."""

    workloads: tuple[Workload, ...]
    servers: tuple[Server, ...]
    calls: tuple[int, ...]
    seconds: float
    warm_s: float
    repeat: int
    retries: int
    prefill_ms: float
    search: bool
    server_core: int
    load_core: int


def does(server: Server, workload: Workload) -> bool:
    """Tell whether a server takes part: some have nothing to show in a workload."""
    match server:
        case "floor":
            return workload == "echo"
        case "pipecat-8k":
            return workload != "talk"  # there it would resample as `pipecat-plain` does
        case "voiced-flight" | "voiced-recording":
            return workload == "echo"  # elsewhere it costs the same
        case _:
            return True


@contextmanager
def open_stage(plan: Plan, rivals: Path | None) -> Iterator[Stage]:
    """Make the folder that all servers work in, with the audio. Raises StartupError."""
    with TemporaryDirectory(prefix="voiced-benchmark-") as name:
        folder = Path(name)
        (folder / "echo.ulaw").write_bytes(burst_cycle())
        speech = speech_cycle()
        (folder / "talk.ulaw").write_bytes(speech)
        (folder / "listen.ulaw").write_bytes(speech)
        (folder / "talk.pcm").write_bytes(talk_pcm())
        yield Stage(core=plan.server_core, rivals=rivals, folder=folder)


def measure(plan: Plan, stage: Stage) -> Iterator[Row]:
    """Yield a row for each run: all servers in turn, then all again."""
    for repeat in range(plan.repeat):
        for workload in plan.workloads:
            for server in plan.servers:
                if does(server, workload):
                    for row in _measure_server(plan, stage, server, workload):
                        yield row | {"repeat": repeat}


def _measure_server(plan: Plan, stage: Stage, server: Server, workload: Workload) -> Iterator[Row]:
    with run_server(server, workload, stage) as running:
        idle_mb = _warm_up(plan, stage, running, workload)
        for calls in plan.calls:
            yield _take(plan, stage, running, workload, calls) | {
                "workload": workload,
                "server": server,
                "idle_mb": idle_mb,
            }


def search(plan: Plan, stage: Stage) -> Iterator[Row]:
    """Yield for each server and workload the most calls that it held, and why no more."""
    plan = replace(plan, seconds=min(plan.seconds, SEARCH_SECONDS))
    for workload in plan.workloads:
        for server in plan.servers:
            if server in SEARCHED and does(server, workload):
                held, reason = _search_server(plan, stage, server, workload)
                yield {"workload": workload, "server": server, "held": held, "reason": reason}


def _search_server(plan: Plan, stage: Stage, server: Server, workload: Workload) -> tuple[int, str]:
    held, calls, usual_ms = 0, plan.calls[0], None
    with run_server(server, workload, stage) as running:
        _warm_up(plan, stage, running, workload)
        failures = 0
        while calls <= SEARCH_MOST:
            row = _take(plan, stage, running, workload, calls)
            if usual_ms is None and row.get("gap_ms"):
                usual_ms = row["gap_ms"]["p99"]
            reason = overload(row, usual_ms or 0.0)
            if reason and row["flaw"]:
                reason += f"; {row['flaw']}"
            _tell(f"{workload} {server}: {calls} calls {reason or 'held'}")
            if not reason:
                held, calls, failures = calls, round(calls * SEARCH_FACTOR), 0
            elif failures:
                return held, reason
            else:
                failures = 1  # once more, in case it was chance
    return held, f"the search ends at {SEARCH_MOST}"


# -- one run ----------------------------------------------------------------------------------


def _warm_up(plan: Plan, stage: Stage, running: Running, workload: Workload) -> float:
    """Hold one short call, so that everything is imported; return the memory after it, MB."""
    row = _run_load(_job(plan, stage, running, workload, calls=1, warm_s=0.5, seconds=0.5))
    if "error" in row:
        raise ServerFailed(f"{row['error']}\n{(stage.folder / 'server.log').read_text()[-2000:]}")
    time.sleep(0.5)
    return memory_mb(process_tree(running.pid))


def _take(plan: Plan, stage: Stage, running: Running, workload: Workload, calls: int) -> Row:
    """Run until a run is valid, or the retries are used up."""
    job = _job(
        plan, stage, running, workload, calls=calls, warm_s=plan.warm_s, seconds=plan.seconds
    )
    retries = plan.retries
    while True:
        row = _run_load(job) | {"calls": calls}
        row["flaw"] = flaw(row)
        if not row["flaw"] or not retries:
            return row
        retries -= 1
        _tell(f"{workload}, {calls} calls, again: {row['flaw']}")


def _job(
    plan: Plan,
    stage: Stage,
    running: Running,
    workload: Workload,
    *,
    calls: int,
    warm_s: float,
    seconds: float,
) -> Job:
    return Job(
        kind=running.kind,
        url=running.url,
        admin_url=running.admin_url,
        rest_port=running.rest_port,
        calls=calls,
        warm_s=warm_s,
        seconds=seconds,
        cycle=str(stage.folder / f"{workload}.ulaw"),
        echo=workload != "talk",
        prefill_ms=plan.prefill_ms,
        server_pid=running.pid,
        server_core=plan.server_core,
        load_core=plan.load_core,
    )


def _run_load(job: Job) -> Row:
    load = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(job)),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        text=True,
        check=True,
    )
    row: Row = json.loads(load.stdout)
    return row


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
