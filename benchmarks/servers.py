"""Starts the servers, one at a time, each as its users run it and pinned to one core."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Workload: TypeAlias = Literal["echo", "talk", "listen"]
Server: TypeAlias = Literal[
    "voiced", "voiced-flight", "voiced-recording", "pipecat", "pipecat-plain", "pipecat-8k", "floor"
]

START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0

_HERE = Path(__file__).parent
_ROOT = _HERE.parent


class ServerFailed(Exception):
    """A server did not start; the text is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that listens; the fields are the load's (see `load.Job`)."""

    pid: int
    kind: str
    url: str
    admin_url: str
    rest_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all servers of a benchmark share."""

    core: int
    rivals: Path | None
    """The rivals' Python; None when none of them is wanted."""
    folder: Path
    """Working directory, for configuration, records and logs; holds `talk.pcm`."""


@contextmanager
def run_server(server: Server, workload: Workload, stage: Stage) -> Iterator[Running]:
    """Start the server and wait until it listens; stopped at the end, with all its children.

    Raises:
        ServerFailed: it ended, or does not listen in time.
    """
    public, admin, rest = _free_ports(3)
    command: list[str | Path]
    base = f"http://127.0.0.1:{public}"
    if server.startswith("voiced"):
        config = _write_config(server, workload, stage, (public, admin, rest))
        command = [Path(sys.executable).with_name("voiced"), "--config", config]
        urls = (f"{base}/telnyx/webhook", f"http://127.0.0.1:{admin}")
    elif server == "floor":
        command = [_python(stage), _HERE / "floor_server.py", str(public)]
        urls = (f"ws://127.0.0.1:{public}/media", "")
    else:
        command = [_python(stage), _HERE / "pipecat_server.py", str(public), workload]
        command += [stage.folder / "talk.pcm", *_PIPECAT[server]]
        urls = (f"ws://127.0.0.1:{public}/media", base)
    kind = "webhook" if server.startswith("voiced") else "direct"
    with _started(command, public, stage) as pid:
        yield Running(pid=pid, kind=kind, url=urls[0], admin_url=urls[1], rest_port=rest)


def _python(stage: Stage) -> Path:
    assert stage.rivals is not None
    return stage.rivals


_PIPECAT = {
    "pipecat": ("tuned", "16000"),
    "pipecat-plain": ("plain", "16000"),
    "pipecat-8k": ("plain", "8000"),
}
"""TRIM and RATE_HZ of `pipecat_server`; 8 kHz, which needs no resampling, is its example's rate."""

_AGENTS = {
    "echo": 'provider = "echo"',
    "talk": 'provider = "benchmarks.agents:TalkAgent"\naudio = "{}/talk.pcm"',
    "listen": 'provider = "benchmarks.agents:ListenAgent"',
}

_CONFIG = """
[server]
bind = "127.0.0.1:{}"
insecure = true
[admin]
bind = "127.0.0.1:{}"
[telnyx]
api_key = "benchmark"
api_base = "http://127.0.0.1:{}/v2"
[call]
max_concurrent = 10000
[inbound]
max_lag_ms = 0
[recording]
audio = {}
[records]
path = "{}/calls"
wire = {}
[agent]
{}
"""


def _write_config(
    server: Server, workload: Workload, stage: Stage, ports: tuple[int, int, int]
) -> Path:
    audio = str(server == "voiced-recording").lower()
    wire = str(server != "voiced").lower()
    agent = _AGENTS[workload].format(stage.folder)
    path = stage.folder / "voiced.toml"
    path.write_text(_CONFIG.format(*ports, audio, stage.folder, wire, agent))
    return path


@contextmanager
def _started(command: list[str | Path], port: int, stage: Stage) -> Iterator[int]:
    log = stage.folder / "server.log"
    # No account of the developer's takes part.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TELNYX_")}
    with log.open("wb") as output, _pinned_to(stage.core):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=stage.folder,
            env=environ | {"PYTHONPATH": str(_ROOT)},
            start_new_session=True,
        )
    try:
        _wait_until_listening(process, port, log)
        yield process.pid
    finally:
        _stop(process)


@contextmanager
def _pinned_to(core: int) -> Iterator[None]:
    """Run on one core for a moment: a child that is started meanwhile stays there."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    limit = time.perf_counter() + START_LIMIT_S
    while time.perf_counter() < limit:
        if process.poll() is not None:
            raise ServerFailed(f"ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise ServerFailed(f"does not listen after {START_LIMIT_S:g} s:\n{log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server by SIGTERM, and what is left of its process group by SIGKILL."""
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        print(f"the server did not end within {STOP_LIMIT_S:g} s of SIGTERM", file=sys.stderr)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody has at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
