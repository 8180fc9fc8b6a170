"""CPU time and memory of a server, the business of a core, and a description of the computer."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_OUR_PACKAGES = ("voiced", "trio", "hypercorn", "websockets", "numpy", "onnxruntime")


def process_tree(root: int) -> list[int]:
    """Return `root` and all that descend from it and live."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [root]
    for pid in tree:
        tree += children.get(pid, ())
    return tree


def cpu_s(pids: list[int]) -> float:
    """Return user and system time of the processes and of their children that have ended."""
    ticks = 0
    for pid in pids:
        if fields := _stat(pid):
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks / _TICKS_PER_S


def memory_mb(pids: list[int]) -> float:
    """Return the memory that is the processes' own, MB: not code that other processes share."""
    kilobytes = 0
    for pid in pids:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Anon:"):
                kilobytes += int(line.split()[1])
    return kilobytes / 1024


@dataclass(frozen=True, slots=True)
class CoreTime:
    """Seconds since boot that a core was busy, and of those, that another machine had it."""

    busy_s: float
    stolen_s: float


def core_time(core: int) -> CoreTime:
    """Read the counters of one core."""
    for line in (_PROC / "stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
            busy = user + nice + system + irq + softirq + steal
            return CoreTime(busy_s=busy / _TICKS_PER_S, stolen_s=steal / _TICKS_PER_S)
    raise ValueError(f"there is no core {core}")


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the state on; none if it has gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where the figures come from."""

    cpu: str
    cores: int
    virtual: bool
    memory_gb: float
    kernel: str
    python: str
    load_at_start: float
    server_core: int
    load_core: int
    ours: dict[str, str]
    rivals: dict[str, str]

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def describe_machine(server_core: int, load_core: int, rivals: dict[str, str]) -> Machine:
    """Look round; `rivals` are the versions of their packages."""
    info = (_PROC / "cpuinfo").read_text()
    model = next((line for line in info.splitlines() if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cpu=model.partition(":")[2].strip() or platform.machine(),
        cores=os.cpu_count() or 1,
        virtual=" hypervisor " in info,
        memory_gb=round(memory / 2**30, 1),
        kernel=platform.release(),
        python=sys.version.split()[0],
        load_at_start=round(os.getloadavg()[0], 2),
        server_core=server_core,
        load_core=load_core,
        ours={name: version(name) for name in _OUR_PACKAGES},
        rivals=rivals,
    )
