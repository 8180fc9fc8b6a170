"""A small coverage-guided fuzzer: what reaches a new place in the code is kept and changed on.

Why our own: atheris has no wheels for arm64, hypofuzz keeps what it finds in a database of choices
instead of files that a person can read. Scripts and JSON want changes of lines and of JSON values
rather than of single bits; so that is what `Mutator` does.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

Target = Callable[[bytes], None]
Edge = tuple[CodeType, int, int]

_TOOL = 4
"""Of `sys.monitoring`: none of those that it reserves, so that coverage.py may run as well."""

_INTERESTING = [b"0", b"1e999", b"null", b"true", b'""', b"{}", b"[]", b"-1",
                b"18446744073709551616", b'"\\ud800"', b"\x00", b"\xff", b"NaN"]  # fmt: skip
MOST_BYTES = 20_000


class Mutator:
    """Changes inputs; the same seed makes the same changes."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ways = (self._line, self._line, self._splice, self._token, self._bytes)

    def change(self, data: bytes, others: list[bytes]) -> bytes:
        """Return `data` changed in one to four ways; `others` lend their lines."""
        for _ in range(self._random.choice((1, 1, 2, 4))):
            data = self._random.choice(self._ways)(data, others)
        return data[:MOST_BYTES]

    def _line(self, data: bytes, others: list[bytes]) -> bytes:
        """Repeat, drop or move a line."""
        del others
        lines = data.split(b"\n")
        at, to = self._random.randrange(len(lines)), self._random.randrange(len(lines) + 1)
        match self._random.randrange(3):
            case 0:
                lines.insert(to, lines[at])
            case 1:
                del lines[at]
            case _:
                lines.insert(min(to, len(lines) - 1), lines.pop(at))
        return b"\n".join(lines)

    def _splice(self, data: bytes, others: list[bytes]) -> bytes:
        """Put some lines of another input in."""
        lines, lent = data.split(b"\n"), self._random.choice(others).split(b"\n")
        at, begin = self._random.randrange(len(lines) + 1), self._random.randrange(len(lent))
        lines[at:at] = lent[begin : begin + self._random.randint(1, 6)]
        return b"\n".join(lines)

    def _token(self, data: bytes, others: list[bytes]) -> bytes:
        """Put something interesting, or a word of another input, in the place of a word."""
        words = data.split(b" ")
        lent = self._random.choice(others).split()
        words[self._random.randrange(len(words))] = self._random.choice(_INTERESTING + lent)
        return b" ".join(words)

    def _bytes(self, data: bytes, others: list[bytes]) -> bytes:
        """Overwrite, insert or cut some bytes."""
        del others
        at = self._random.randrange(len(data) + 1)
        match self._random.randrange(3):
            case 0:
                return data[:at] + self._random.randbytes(1) + data[at + 1 :]
            case 1:
                return data[:at] + self._random.choice(_INTERESTING) + data[at:]
            case _:
                return data[:at] + data[at + self._random.randint(1, 16) :]


@dataclass
class Findings:
    """What a run has come to."""

    n_runs: int = 0
    kept: list[bytes] = field(default_factory=list)
    """The inputs that reached something new, seeds included."""
    edges: set[Edge] = field(default_factory=set)
    failure: tuple[bytes, BaseException] | None = None


def explore(
    target: Target,
    seeds: list[bytes],
    *,
    package: Path,
    seed: int = 0,
    go_on: Callable[[Findings], bool],
) -> Findings:
    """Run `target` on `seeds` and what becomes of them while `go_on`, or until it raises.

    Args:
        target: takes any bytes; an exception is a fault.
        seeds: to begin with.
        package: the folder whose code counts.
        seed: of the changes.
        go_on: asked before each run.
    """
    found, mutator = Findings(), Mutator(seed)
    waiting = [*seeds, b""]
    with _edges_of(package) as edges:
        while go_on(found):
            is_seed = bool(waiting)
            if is_seed:
                data = waiting.pop(0)
            else:  # what was found last has been changed least
                parent = mutator._random.choice(found.kept[-20:] + found.kept)
                data = mutator.change(parent, found.kept)
            n_before = len(edges)
            try:
                target(data)
            except Exception as error:
                found.failure = (data, error)
                break
            finally:
                found.n_runs += 1
            if len(edges) > n_before or is_seed:
                found.kept.append(data)
        found.edges = edges
    return found


def shorten(target: Target, data: bytes) -> bytes:
    """Return `data` without the lines that the failure of `target` does not need."""
    lines = data.split(b"\n")
    at = 0
    while at < len(lines):
        fewer = lines[:at] + lines[at + 1 :]
        if _fails(target, b"\n".join(fewer)):
            lines = fewer
        else:
            at += 1
    return b"\n".join(lines)


def _fails(target: Target, data: bytes) -> bool:
    try:
        target(data)
    except Exception:
        return True
    return False


def for_seconds(seconds: float) -> Callable[[Findings], bool]:
    """Return a `go_on` that lasts so long."""
    ends_at = time.monotonic() + seconds  # noqa: TID251  # outside of any Trio run
    return lambda found: time.monotonic() < ends_at  # noqa: TID251


@contextmanager
def _edges_of(package: Path) -> Iterator[set[Edge]]:
    """Collect which lines of `package` follow which while this is open."""
    edges: set[Edge] = set()
    collect = _monitored if sys.version_info >= (3, 12) else _traced
    with collect(str(package), edges):
        yield edges


@contextmanager
def _traced(package: str, edges: set[Edge]) -> Iterator[None]:
    """For Python 3.11, which has no `sys.monitoring`."""

    def enter(frame: FrameType, event: str, arg: object) -> Any:
        del event, arg
        code, last = frame.f_code, 0
        if not code.co_filename.startswith(package):
            return None

        def step(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal last
            del arg
            if event == "line":
                edges.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def _monitored(package: str, edges: set[Edge]) -> Iterator[None]:
    monitoring: Any = getattr(sys, "monitoring")  # noqa: B009  # type checkers look at 3.11
    events = monitoring.events
    seen: dict[tuple[CodeType, int], int] = {}

    def line(code: CodeType, number: int) -> Any:
        if code.co_filename.startswith(package):
            edges.add((code, 0, number))
        return monitoring.DISABLE  # once is enough: it costs nothing from now on

    def branch(code: CodeType, at: int, to: int) -> Any:
        if not code.co_filename.startswith(package):
            return monitoring.DISABLE
        edges.add((code, -at, to))
        first = seen.setdefault((code, at), to)
        return None if first == to else monitoring.DISABLE  # both ways are known

    monitoring.use_tool_id(_TOOL, "tests.fuzz")
    monitoring.register_callback(_TOOL, events.LINE, line)
    monitoring.register_callback(_TOOL, events.BRANCH, branch)
    monitoring.set_events(_TOOL, events.LINE | events.BRANCH)
    monitoring.restart_events()
    try:
        yield
    finally:
        monitoring.set_events(_TOOL, 0)
        monitoring.free_tool_id(_TOOL)
