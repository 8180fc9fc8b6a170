"""Medians, ratios to Pipecat, and the tables in Markdown; pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.verdict import overload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.machine import Machine
    from benchmarks.verdict import Row

RIVALS = ("pipecat-plain", "pipecat")
"""Pipecat as its own example starts it, and as fast as its settings make it."""

BEGIN = "<!-- measured: begin (written by `python -m benchmarks --write-docs`) -->"
END = "<!-- measured: end -->"

Key: TypeAlias = tuple[str, str, int]
"""Workload, server, calls: one line of the table."""

_HEAD = (
    "workload", "server", "calls", "CPU ms per call-second", "of pipecat-plain", "of pipecat",
    "delay, ms", "heard, ms", "gap p50 / p99 / p99.9 / max, ms", "underruns per call-minute",
    "lowest buffer, ms", "messages out per call-second", "MB per call", "hangup to gone, ms",
)  # fmt: skip


def write_report(machine: Machine, date: str, rows: Sequence[Row], found: Sequence[Row]) -> str:
    """Return the whole report: where and when, the runs, and the search if there was one."""
    groups = _grouped(rows)
    failed = _overloads(groups)
    parts = [_describe(machine, date), _table(_HEAD, _lines(groups, failed))]
    if any(_is_disturbed(taken) for taken in groups.values()):
        parts.append("`*`: no run of this line was undisturbed; all of them count.")
    if failed:
        parts.append("`!`: the server was overloaded, and its cost says nothing:")
        told = (f"{' '.join(map(str, key))}: {reason}" for key, reason in failed.items())
        parts.append("\n".join(f"- {each}" for each in told))
    if found:
        head = ("workload", "server", "calls held", "what failed beyond")
        lines = [[row["workload"], row["server"], str(row["held"]), row["reason"]] for row in found]
        parts.append(_table(head, lines))
    return "\n\n".join(parts) + "\n"


def put_between_marks(document: str, report: str) -> str:
    """Return `document` with the report between its marks. Raises ValueError without them."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there are no marks: {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{report}\n{END}{tail}"


def _describe(machine: Machine, date: str) -> str:
    kind = "virtual machine" if machine.virtual else "machine"
    return (
        f"{date}. {machine.cpu}, a {kind} with {machine.cores} cores and {machine.memory_gb:g} GB; "
        f"server on core {machine.server_core}, load on core {machine.load_core}. "
        f"Linux {machine.kernel}, Python {machine.python}. Load average before: "
        f"{machine.load_at_start:g}. Ours: {_versions(machine.ours)}. "
        f"The others': {_versions(machine.rivals)}."
    )


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "none"


def _grouped(rows: Sequence[Row]) -> dict[Key, list[Row]]:
    """Return the runs by line, sorted by workload, calls and server, in their order of arrival."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault((row["workload"], row["server"], row["calls"]), []).append(row)
    workloads = list(dict.fromkeys(workload for workload, _, _ in groups))
    servers = list(dict.fromkeys(server for _, server, _ in groups))

    def place(key: Key) -> tuple[int, int, int]:
        workload, server, calls = key
        return workloads.index(workload), calls, servers.index(server)

    return {key: groups[key] for key in sorted(groups, key=place)}


def _overloads(groups: dict[Key, list[Row]]) -> dict[Key, str]:
    """Return the lines in most of whose runs that count the server was overloaded, and how."""
    usual: dict[tuple[str, str], float] = {}
    failed = {}
    for key, taken in groups.items():
        gap_ms = _median(taken, lambda row: _at(row, ("gap_ms", "p99")))
        usual_ms = usual.setdefault(key[:2], gap_ms or 0.0)  # the fewest calls come first
        reasons = [overload(row, usual_ms) for row in _sound(taken) or taken]
        if sum(map(bool, reasons)) * 2 > len(reasons):
            failed[key] = next(filter(None, reasons))
    return failed


def _lines(groups: dict[Key, list[Row]], failed: dict[Key, str]) -> list[list[str]]:
    cpu = {key: _median(taken, _cpu) for key, taken in groups.items()}
    lines = []
    for key, taken in groups.items():
        workload, server, calls = key
        sound = {} if key in failed else cpu
        rivals = [(workload, rival, calls) for rival in RIVALS]
        ratios = [_ratio(sound.get(key), cpu.get(each), each in failed) for each in rivals]
        marks = ("\\*" if _is_disturbed(taken) else "") + (" !" if key in failed else "")
        own = [_number(cpu[key], 2), *ratios]
        lines.append([workload, server, f"{calls}{marks}", *own, *_cells(taken)])
    return lines


def _ratio(own: float | None, rival: float | None, rival_failed: bool) -> str:
    if own is None or not rival or rival_failed:
        return "–"
    return f"{own / rival:.2f}"


def _cells(taken: Sequence[Row]) -> list[str]:
    if all("error" in row for row in taken):
        return [taken[0]["error"]]

    def number(digits: int, *path: str) -> str:
        return _number(_median(taken, lambda row: _at(row, path)), digits)

    gap = " / ".join(number(1, "gap_ms", name) for name in ("p50", "p99", "p999", "max"))
    memory = _median(taken, lambda row: (row["memory_mb"] - row["idle_mb"]) / row["calls"])
    return [
        number(1, "delay_ms", "p50"),
        number(1, "heard_ms", "p50"),
        gap,
        number(2, "underruns_per_call_min"),
        number(0, "lowest_buffer_ms"),
        number(1, "messages_per_call_s"),
        _number(memory, 2),
        number(1, "gone_ms", "p50"),
    ]


def _cpu(row: Row) -> float | None:
    return _at(row, ("cpu_ms_per_call_s",))


def _at(row: Row, path: Sequence[str]) -> float | None:
    value: Any = row
    for name in path:
        value = value.get(name) if value is not None else None
    return None if value is None else float(value)


def _is_disturbed(taken: Sequence[Row]) -> bool:
    return all(row["flaw"] for row in taken)


def _sound(taken: Sequence[Row]) -> list[Row]:
    """Return the undisturbed runs, or all if there is none, but none that failed altogether."""
    run = [row for row in taken if "error" not in row]
    return [row for row in run if not row["flaw"]] or run


def _median(taken: Sequence[Row], figure: Callable[[Row], float | None]) -> float | None:
    values = [value for row in _sound(taken) if (value := figure(row)) is not None]
    return median(values) if values else None


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))
