"""`python -m benchmarks.soak`, or `make soak`: does anything grow? Two minutes, or as you like."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.soak.real import RSS_GROWTH_MB as REAL_RSS_GROWTH_MB
from benchmarks.soak.real import RealPlan, run_real
from benchmarks.soak.samples import growth, table
from benchmarks.soak.virtual import VirtualPlan, run_virtual
from voiced.log import configure_logging

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from benchmarks.soak.samples import Sample


def main(argv: list[str]) -> int:
    """Let calls run on both clocks; returns 1 if something grew or went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    add = parser.add_argument
    add("--hours", type=float, default=2.0, help="on the virtual clock, default 2; 0 for none")
    add("--calls-per-hour", type=int, default=120, help="on the virtual clock, default 120")
    add("--parts", type=int, default=6, help="samples of the virtual run, default 6")
    add("--seed", type=int, default=0, help="of the virtual run, default 0")
    add("--minutes", type=float, default=1.0, help="on the wall clock, default 1; 0 for none")
    add("--calls", type=int, default=6, help="at once, on the wall clock, default 6")
    arguments = parser.parse_args(argv)
    if arguments.parts < 2:
        parser.error("--parts: the first warms up; give 2 or more")
    configure_logging("error")
    found: list[str] = []
    if arguments.hours > 0:
        plan = VirtualPlan(
            hours=arguments.hours,
            calls_per_hour=arguments.calls_per_hour,
            parts=arguments.parts,
            seed=arguments.seed,
        )
        began = time.perf_counter()
        virtual = run_virtual(plan, _progress)
        took_s = time.perf_counter() - began
        print(f"\nvirtual: {arguments.hours:g} h in {took_s:.0f} s\n")
        _show(virtual.samples, virtual.reasons)
        found += [*virtual.faults, *growth(virtual.samples)]
    if arguments.minutes > 0:
        real = run_real(RealPlan(minutes=arguments.minutes, calls=arguments.calls), _progress)
        print(f"\nreal: {real.samples[-1].at_s:.0f} s\n")
        _show(real.samples, real.ended_by)
        found += [*real.faults, *growth(real.samples, rss_growth_mb=REAL_RSS_GROWTH_MB)]
        if real.exit_code != 0:
            found.append(f"the daemon ended with {real.exit_code} after SIGTERM")
    for fault in found:
        print(f"soak: {fault}", file=sys.stderr)
    return 1 if found else 0


def _progress(sample: Sample) -> None:
    print(sample.line(), file=sys.stderr, flush=True)


def _show(samples: Sequence[Sample], ends: Counter[str]) -> None:
    print(table(samples))
    print("\nended: " + ", ".join(f"{n} {reason}" for reason, n in ends.most_common()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
