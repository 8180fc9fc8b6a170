"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine import describe_machine
from benchmarks.plan import (
    SERVERS,
    USUAL_SERVERS,
    WORKLOADS,
    Plan,
    does,
    measure,
    open_stage,
    search,
)
from benchmarks.report import put_between_marks, write_report
from benchmarks.rivals import RivalsMissing, build_rivals, rival_versions
from benchmarks.servers import ServerFailed
from voiced.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCS = Path(__file__).parent.parent / "docs" / "performance.md"
RUN_OVERHEAD_S = 4.0
START_S = 7.0


def main(argv: Sequence[str]) -> int:
    """Measure, and print the report; returns the exit code."""
    arguments = _make_parser().parse_args(argv)
    plan = _make_plan(arguments)
    try:
        wants_rivals = any(not server.startswith("voiced") for server in plan.servers)
        rivals = build_rivals(renew=arguments.renew) if wants_rivals else None
        versions = rival_versions(rivals) if rivals else {}
        machine = describe_machine(plan.server_core, plan.load_core, versions)
        more = ", and the search about as many" if plan.search else ""
        print(f"This takes about {_minutes(plan):.0f} minutes{more}.", file=sys.stderr)
        rows, found = [], []
        with open_stage(plan, rivals) as stage:
            for row in measure(plan, stage):
                rows.append(row)
                print(_progress(row), file=sys.stderr, flush=True)
            if plan.search:
                found = list(search(plan, stage))
    except (RivalsMissing, ServerFailed, StartupError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    report = write_report(machine, date, rows, found)
    print(report)
    document = {
        "date": date,
        "machine": machine.document(),
        "plan": asdict(plan),
        "rows": rows,
        "search": found,
    }
    arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    if arguments.write_docs:
        DOCS.write_text(put_between_marks(DOCS.read_text(), report))
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure calls on one core: voiced, Pipecat, and the floor.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="one repeat of 5 s at 20 calls: four minutes")
    add("--workloads", type=_names(WORKLOADS), default=WORKLOADS, help=", ".join(WORKLOADS))
    add("--servers", type=_names(SERVERS), default=USUAL_SERVERS, help=", ".join(SERVERS))
    add("--calls", type=_numbers, help="default 20,40")
    add("--seconds", type=float, help="steady window of a run, default 6")
    add("--warm", type=float, default=2.0, help="seconds before it, default 2")
    add("--repeat", type=int, help="default 2")
    add("--retries", type=int, default=2, help="of a disturbed run, default 2")
    add("--prefill", type=float, default=100.0, help="of the playback buffer, ms, default 100")
    add("--search", action="store_true", help="also search for the most calls each server holds")
    add("--cores", type=_numbers, help="server's and load's, default the last two")
    add("--renew", action="store_true", help="install the newest rivals")
    add("--json", type=Path, default=Path("benchmark.json"), help="default benchmark.json")
    add("--write-docs", action="store_true", help="put the tables into docs/performance.md")
    return parser


def _make_plan(arguments: argparse.Namespace) -> Plan:
    quick = arguments.quick
    cores = arguments.cores or tuple(sorted(os.sched_getaffinity(0)))[-2:]
    if len(cores) != 2 or cores[0] == cores[1]:
        sys.exit("benchmarks: needs two cores, one for the server and one for the load")
    return Plan(
        workloads=arguments.workloads,
        servers=arguments.servers,
        calls=arguments.calls or ((20,) if quick else (20, 40)),
        seconds=arguments.seconds or (5.0 if quick else 6.0),
        warm_s=arguments.warm,
        repeat=arguments.repeat or (1 if quick else 2),
        retries=arguments.retries,
        prefill_ms=arguments.prefill,
        search=arguments.search,
        server_core=cores[0],
        load_core=cores[1],
    )


def _names(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def names(text: str) -> tuple[str, ...]:
        given = tuple(text.split(","))
        if unknown := set(given) - set(known):
            text = f"no {', '.join(sorted(unknown))}; there are {', '.join(known)}"
            raise argparse.ArgumentTypeError(text)
        return given

    return names


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _minutes(plan: Plan) -> float:
    servers = sum(does(server, workload) for server in plan.servers for workload in plan.workloads)
    run_s = plan.warm_s + plan.seconds + RUN_OVERHEAD_S
    return plan.repeat * servers * (START_S + len(plan.calls) * run_s) / 60


def _progress(row: dict[str, object]) -> str:
    head = f"{row['workload']} {row['server']} {row['calls']} calls:"
    if "error" in row:
        return f"{head} {row['error']}"
    return f"{head} {row['cpu_ms_per_call_s']:.2f} ms per call-second {row['flaw']}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
