"""How a daemon bears three times as many callers as it can serve: `python -m benchmarks.overload`.

The daemon is the real program, with an echo that works on the loop for 2 ms for each frame: 10 % of
a core for each call, so that eight or nine calls are all it could bear, and the emulated Telnyx in
this process has time to spare. First a few callers, for comparison; then three times as many as
there is room for, as fast as they like, with the guard on the loop and without.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import trio

from benchmarks.busy_agent import BusyAgent
from voiced.audio.frame import LINE_RATE_HZ
from voiced.errors import TelnyxError
from voiced.testing.caller import tone_caller
from voiced.testing.emulator import Account, EmulatedTelnyx, open_emulator
from voiced.testing.network import open_loopback
from voiced.testing.telnyx_api.rest import serve_api

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm
    from voiced.testing.report import CallReport

CAPACITY = 8
"""Calls that a core bears, at 2 ms for each frame of 20 ms and what a call costs besides."""

LASTS_S = 45.0
SPEAKS_S = 35.0
LOUD = 1000
START_LIMIT_S = 20.0

HEADER = """\
| run | callers | served | refused | failed | echo after, ms | at worst | emulator late, ms |
|---|---|---|---|---|---|---|---|"""

CONFIG = """
[server]
bind = "127.0.0.1:{port}"
[admin]
bind = "127.0.0.1:{admin_port}"
[agent]
provider = "benchmarks.busy_agent:{agent}"
[inbound]
max_lag_ms = {max_lag_ms}
[records]
wire = false
[log]
level = "warning"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the callers of one run."""

    name: str
    callers: int
    served: int
    refused: int
    failed: int
    delay_ms: tuple[float, float]
    """Until callers hear what they said echoed, towards the end of the call: median, worst."""
    late_ms: float
    """By how much the emulated Telnyx was late itself, at worst."""

    def row(self) -> str:
        """Return the outcome as a row of Markdown."""
        return (
            f"| {self.name} | {self.callers} | {self.served} | {self.refused} | {self.failed} "
            f"| {self.delay_ms[0]:.0f} | {self.delay_ms[1]:.0f} | {self.late_ms:.0f} |"
        )


async def main() -> None:
    """Run all four and print a table."""
    print(HEADER)
    for name, callers, apart_s, max_lag_ms in (
        ("few", CAPACITY // 2, 1.5, 60),
        ("three times, one every 1.5 s", 3 * CAPACITY, 1.5, 60),
        ("three times, one every 0.5 s", 3 * CAPACITY, 0.5, 60),
        ("three times, one every 1.5 s, unguarded", 3 * CAPACITY, 1.5, 0),
    ):
        reports = await run(callers, apart_s, max_lag_ms)
        print(judge(name, reports).row(), flush=True)


def judge(name: str, reports: list[CallReport]) -> Outcome:
    """Count what became of the calls."""
    refused = [report for report in reports if "reject" in report.actions]
    served = [report for report in reports if report not in refused]
    failed = [report for report in served if report.ended_by != "caller"]
    delays_ms = [1000 * (last_sound_s(r.heard) - last_sound_s(r.spoken)) for r in served]
    return Outcome(
        name=name,
        callers=len(reports),
        served=len(served),
        refused=len(refused),
        failed=len(failed),
        delay_ms=(statistics.median(delays_ms), max(delays_ms)),
        late_ms=1000 * max(report.worst_lateness_s for report in reports),
    )


def last_sound_s(pcm: Pcm) -> float:
    """Return when something was to be heard for the last time."""
    loud = np.flatnonzero(np.abs(pcm) > LOUD)
    return float(loud[-1]) / LINE_RATE_HZ if len(loud) else 0.0


async def run(callers: int, apart_s: float, max_lag_ms: int) -> list[CallReport]:
    """Ring the program so many times, and return what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            open_loopback() as network,
            open_emulator(network, account=Account()) as telnyx,
            serve_api(telnyx.app) as api_url,
        ):
            process = await start(Path(folder), telnyx, api_url, max_lag_ms)
            try:
                return await ring_all(telnyx, callers, apart_s)
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()


async def start(
    folder: Path, telnyx: EmulatedTelnyx, api_url: str, max_lag_ms: int
) -> trio.Process:
    """Start the program, on the last core, and wait until it listens."""
    port, admin_port = free_port(), free_port()
    text = CONFIG.format(
        port=port, admin_port=admin_port, max_lag_ms=max_lag_ms, agent=BusyAgent.__name__
    )
    await trio.Path(folder / "config.toml").write_text(text)
    telnyx.webhook_url = f"http://127.0.0.1:{port}/telnyx/webhook"
    cores = sorted(os.sched_getaffinity(0))
    process = await trio.lowlevel.open_process(
        ["taskset", "-c", str(cores[-1]), sys.executable, "-m", "voiced"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "TELNYX_API_KEY": telnyx.api_key,
            "TELNYX_PUBLIC_KEY": telnyx.public_key,
            "TELNYX_API_BASE": api_url,
        },
        stderr=subprocess.DEVNULL,
    )
    with trio.fail_after(START_LIMIT_S):
        while not await answers(telnyx, f"http://127.0.0.1:{admin_port}/livez"):  # noqa: ASYNC110
            await trio.sleep(0.1)
    return process


async def answers(telnyx: EmulatedTelnyx, url: str) -> bool:
    """Return whether somebody answers there."""
    try:
        await telnyx.network.fetch("GET", url, {})
    except TelnyxError:
        return False
    return True


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def ring_all(telnyx: EmulatedTelnyx, callers: int, apart_s: float) -> list[CallReport]:
    """Ring, one caller after the other, until all have hung up."""
    reports: list[CallReport] = []

    async def ring() -> None:
        caller = tone_caller(starts_s=0.5, lasts_s=SPEAKS_S, hangs_up_s=LASTS_S)
        reports.append(await telnyx.ring(caller))

    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(ring)
            await trio.sleep(apart_s)
    return reports


if __name__ == "__main__":
    trio.run(main)
