"""Fuzz as long as you like: `make fuzz MINUTES=10`, `python -m tests.fuzz --minutes 10 call`.

A failing input is written beside the seeds (`tests/fuzz/corpus/<target>/failed-...`), where the
test suite runs it from then on. What reached new code is kept in `.fuzz/` for the next time.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import traceback
from pathlib import Path

import voiced
from tests.fuzz.guide import Findings, explore, for_seconds, shorten
from tests.fuzz.targets import CORPUS, TARGETS, corpus_of

_PACKAGE = Path(voiced.__file__).parent


def main(argv: list[str]) -> int:
    """Fuzz; returns 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--minutes", type=float, default=5.0, help="in all, default 5")
    parser.add_argument("--seed", type=int, help="of the changes, default another each time")
    parser.add_argument("--keep", type=Path, default=Path(".fuzz"), help="default .fuzz")
    arguments = parser.parse_args(argv)
    names = arguments.targets or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    seed = time.time_ns() % 2**32 if arguments.seed is None else arguments.seed
    # Half of the time is for whole calls, which are slow and hold the most.
    shares = {name: len(TARGETS) if name == "call" else 1 for name in names}
    failed = 0
    for name in names:
        seconds = arguments.minutes * 60 * shares[name] / sum(shares.values())
        failed += not _fuzz(name, seconds, seed, arguments.keep / name)
    return min(1, failed)


def _fuzz(name: str, seconds: float, seed: int, keep: Path) -> bool:
    keep.mkdir(parents=True, exist_ok=True)
    target = TARGETS[name]
    seeds = [path.read_bytes() for path in (*corpus_of(name), *sorted(keep.iterdir()))]
    found = explore(target, seeds, package=_PACKAGE, seed=seed, go_on=for_seconds(seconds))
    for data in found.kept[len(seeds) + 1 :]:
        (keep / _name_of(data)).write_bytes(data)
    print(_summary(name, found, seconds, seed))
    if found.failure is None:
        return True
    data, error = found.failure
    path = CORPUS / name / f"failed-{_name_of(data)}"
    path.write_bytes(shorten(target, data))
    traceback.print_exception(error)
    print(f"{name}: FAILED, see {path}", file=sys.stderr)
    return False


def _summary(name: str, found: Findings, seconds: float, seed: int) -> str:
    return (
        f"{name}: {found.n_runs} runs in {seconds:.0f} s, {len(found.kept)} kept,"
        f" {len(found.edges)} places reached, seed {seed}"
    )


def _name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
