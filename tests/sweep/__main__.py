"""Sweep the golden calls: `make sweep`, `python -m tests.sweep --every step barge_in`.

A failure names call, way and point; `--way "drain limit" --point 17 barge_in` repeats it alone.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a thread of its own does not survive a fork

import argparse
import faulthandler
import gc
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from tests.sweep.sweeper import Every, Swept, strike, sweep
from tests.sweep.ways import WAYS
from voiced.flight.reading import FlightRecording, read_flight
from voiced.log import configure_logging

LIMIT_S = 900
"""For one call at every step; a sweep that hangs says where, and ends."""

RECORDINGS = Path(__file__).parents[1] / "recordings"
NAMES = sorted(path.name.partition(".")[0] for path in RECORDINGS.glob("*.jsonl.gz"))


def main(argv: list[str]) -> int:
    """Sweep; returns 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="call", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--every", choices=("state", "step"), default="state")
    parser.add_argument("--way", choices=tuple(WAYS), help="only this one")
    parser.add_argument("--point", type=int, help="only this one, of one call in one way")
    arguments = parser.parse_args(argv)
    names = arguments.names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no golden call {', '.join(unknown)}; there are {', '.join(NAMES)}")
    configure_logging("error", "text")
    faulthandler.register(signal.SIGALRM, chain=True)  # in the children, too
    if arguments.point is not None:
        if len(names) != 1 or arguments.way is None:
            parser.error("--point goes with one call and a --way")
        return _strike(names[0], arguments.way, arguments.point, arguments.every)
    return _sweep(names, [arguments.way] if arguments.way else list(WAYS), arguments.every)


def _strike(name: str, way: str, point: int, every: Every) -> int:
    try:
        said = strike(_read(name), way, point, every)
    except LookupError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    print(f"{name}, {way} at point {point}: {'; '.join(said) or 'clean'}")
    return 1 if said else 0


def _sweep(names: list[str], ways: list[str], every: Every) -> int:
    began, cpu_began = time.perf_counter(), _cpu_s()
    # What is there before the first fork is looked at by no collector after it, in no child.
    gc.collect()
    gc.freeze()
    ends: Counter[str] = Counter()
    n_points = n_failures = 0
    for name in names:
        signal.alarm(LIMIT_S)
        swept = sweep(_read(name), ways, every, os.cpu_count() or 1)
        _tell(name, swept)
        ends += swept.ends
        n_points += swept.points
        n_failures += len(swept.failures)
    took_s = time.perf_counter() - began
    counted = ", ".join(f"{way} {count}" for way, count in ends.items())
    print(f"{n_points} points, {ends.total()} ends ({counted}), {n_failures} failures")
    print(f"{took_s:.0f} s, {_cpu_s() - cpu_began:.0f} s of CPU time")
    return 1 if n_failures else 0


def _tell(name: str, swept: Swept) -> None:
    print(f"{name:18} {swept.points:5} points, {swept.ends.total():6} ends", flush=True)
    for failure in swept.failures:
        print(f"  FAILED: {failure}")


def _read(name: str) -> FlightRecording:
    return read_flight(RECORDINGS / f"{name}.jsonl.gz")


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
