"""The load: every caller of a run, in one process and one thread, on a core of its own.

    python -m benchmarks.load < job.json > result.json

Frames go out on one absolute schedule: frame i of all calls together is due at start + i * 20 ms
/ calls, so that the calls' phases lie evenly over the 20 ms and nothing drifts. What comes in is
stamped and kept; it is looked at after the run, so that a run costs the load as little as can be.
How late the load itself was is part of the result: a run in which it was late is worth nothing.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import select
import sys
from array import array
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.analysis import Caller, Window, onsets, percentiles, receive, summarize
from benchmarks.audio import FRAME_BYTES
from benchmarks.frames import CLOSE, PING, PONG, TEXT, client_frame
from benchmarks.machine import core_time, cpu_s, memory_mb, process_tree
from benchmarks.telnyx_side import Line, NotAnswered, open_calls
from voiced.audio.g711 import decode_ulaw

if TYPE_CHECKING:
    from benchmarks.telnyx_side import Calls

PTIME_S = 0.020
CLOSING_STEP_S = 0.050
CLOSING_LIMIT_S = 5.0
UNSENT_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run: what is asked of the load, as JSON on its standard input."""

    kind: str
    """"webhook" or "direct": how calls are set up."""
    url: str
    """Webhook URL, or media URL."""
    admin_url: str
    rest_port: int
    calls: int
    warm_s: float
    seconds: float
    cycle: str
    """Path of the callers' audio, PCMU."""
    echo: bool
    """Whether the server sends the caller's audio back; otherwise it speaks by itself."""
    prefill_ms: float
    server_pid: int
    server_core: int
    load_core: int


class Load:
    """All calls of a run."""

    def __init__(self, lines: list[Line], cycle: bytes) -> None:
        self._lines = lines
        self._by_fd = {line.socket.fileno(): line for line in lines}
        frames = [cycle[at : at + FRAME_BYTES] for at in range(0, len(cycle), FRAME_BYTES)]
        self._frames = [base64.b64encode(frame) for frame in frames]
        # Each call begins elsewhere in the cycle, so that the callers do not speak in chorus.
        self._offsets = [len(frames) * number // len(lines) for number in range(len(lines))]
        self._epoll = select.epoll()
        for fd in self._by_fd:
            self._epoll.register(fd, select.EPOLLIN)
        self._step_s = PTIME_S / len(lines)
        self._sent = 0
        self.start = perf_counter() + 0.1
        self.late = array("d")

    def drive(self, until: float) -> None:
        """Send what is due and keep what comes, until then."""
        lines, n_lines, step_s, start = self._lines, len(self._lines), self._step_s, self.start
        epoll = self._epoll
        while True:
            due = start + self._sent * step_s
            now = perf_counter()
            while due <= now:
                self.late.append(now - due)
                self._send_frame(lines[self._sent % n_lines], self._sent)
                self._sent += 1
                due = start + self._sent * step_s
                now = perf_counter()
            if now >= until:
                return
            # epoll rounds up to milliseconds, select does not.
            if select.select((epoll,), (), (), max(0.0, min(due, until) - now))[0]:
                for fd, events in epoll.poll(0):
                    self._serve(self._by_fd[fd], events)

    def hang_up(self, line: Line) -> None:
        """End one call as Telnyx does: `stop`, then a close."""
        call_id = line.call_id
        stop = {"event": "stop", "stream_id": call_id, "stop": {"call_control_id": call_id}}
        line.hung_up_at = perf_counter()
        self._send(line, client_frame(TEXT, json.dumps(stop).encode()))
        self._send(line, client_frame(CLOSE, (1000).to_bytes(2, "big")))

    def _send_frame(self, line: Line, number: int) -> None:
        if line.hung_up_at or line.closed_at:
            return
        line.chunk = chunk = line.chunk + 1
        n_lines, frames = len(self._lines), self._frames
        at = (self._offsets[number % n_lines] + number // n_lines) % len(frames)
        body = (
            b'{"event":"media","sequence_number":"%d","media":{"track":"inbound","chunk":"%d",'
            b'"timestamp":"%d","payload":"%b"},"stream_id":"%b"}'
            % (chunk + 1, chunk, chunk * 20, frames[at], line.call_id.encode())
        )
        self._send(line, client_frame(TEXT, body))

    def _send(self, line: Line, data: bytes) -> None:
        if line.closed_at:
            return
        if line.unsent:  # the server reads too slowly: nothing may overtake
            line.unsent += data
            if len(line.unsent) > UNSENT_LIMIT:
                self._close(line)
            return
        try:
            n_sent = line.socket.send(data)
        except BlockingIOError:
            n_sent = 0
        except OSError:
            self._close(line)
            return
        if n_sent < len(data):
            line.unsent = data[n_sent:]
            self._epoll.modify(line.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _serve(self, line: Line, events: int) -> None:
        if events & select.EPOLLOUT:
            data, line.unsent = line.unsent, b""
            self._epoll.modify(line.socket.fileno(), select.EPOLLIN)
            self._send(line, data)
        if not events & ~select.EPOLLOUT or line.closed_at:
            return
        try:
            data = line.socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = perf_counter()
        if not data:
            self._close(line)
            return
        for opcode, payload in line.reader.take(data):
            if opcode == TEXT:
                line.arrivals.append(now)
                line.messages.append(payload)
            elif opcode == PING:
                self._send(line, client_frame(PONG, payload))
            elif opcode == CLOSE and not line.hung_up_at:
                self._send(line, client_frame(CLOSE, payload))

    def _close(self, line: Line) -> None:
        line.closed_at = perf_counter()
        del self._by_fd[line.socket.fileno()]
        line.socket.close()

    def callers(self) -> list[Caller]:
        """Return what each call said, and when."""
        cycle = b"".join(map(base64.b64decode, self._frames))
        sounds = onsets(decode_ulaw(cycle * 2))  # twice: a pause may reach over the seam
        found = sorted({sound % len(cycle) for sound in sounds})
        return [
            Caller(
                onsets=found,
                n_frames=len(self._frames),
                offset=offset,
                start=self.start + number * self._step_s,
            )
            for number, offset in enumerate(self._offsets)
        ]

    def close_all(self) -> None:
        """Hang up one call after the other while the rest go on, then wait for the last."""
        at = perf_counter()
        for line in self._lines:
            self.hang_up(line)
            at += min(CLOSING_STEP_S, CLOSING_LIMIT_S / len(self._lines))
            self.drive(at)
        limit = perf_counter() + CLOSING_LIMIT_S
        while self._by_fd and perf_counter() < limit:
            self.drive(perf_counter() + PTIME_S)


def run(job: Job, calls: Calls) -> dict[str, Any]:
    """Do one run. Raises NotAnswered."""
    lines = [calls.open(number) for number in range(job.calls)]
    load = Load(lines, Path(job.cycle).read_bytes())
    load.drive(load.start + job.warm_s)
    pids = process_tree(job.server_pid)
    load.late = array("d")
    before, began, ours = cpu_s(pids), perf_counter(), cpu_s([os.getpid()])
    cores = core_time(job.server_core), core_time(job.load_core)
    load.drive(began + job.seconds)
    ended, used_s = perf_counter(), cpu_s(process_tree(job.server_pid)) - before
    ours = cpu_s([os.getpid()]) - ours
    busy_s = core_time(job.server_core).busy_s - cores[0].busy_s
    window = Window(begin=began, end=ended)
    late = load.late
    megabytes = memory_mb(pids)
    dropped = sum(1 for line in lines if line.closed_at)
    load.close_all()
    ended_at = perf_counter()
    while calls.live() and perf_counter() < ended_at + CLOSING_LIMIT_S:
        select.select((), (), (), 0.01)
    received = [receive(line.arrivals, line.messages) for line in lines]
    callers = load.callers() if job.echo else []
    return {
        "seconds": ended - began,
        "cpu_s": used_s,
        "cpu_ms_per_call_s": 1000 * used_s / (ended - began) / job.calls,
        "load_cpu_share": ours / (ended - began),
        "foreign_share": max(0.0, busy_s - used_s) / (ended - began),
        "load_late_ms": percentiles(array("d", (1000 * each for each in late))),
        "memory_mb": megabytes,
        "dropped": dropped,
        "left_over": calls.live(),
        "gone_ms": _gone_ms(lines, calls.gone_at()),
        **summarize(received, callers, window, job.prefill_ms / 1000),
    }


def _gone_ms(lines: list[Line], gone_at: dict[str, float]) -> dict[str, float] | None:
    """Return how long after its hangup each call was gone: socket closed, server done with it."""
    if not gone_at:
        return None
    gone = [
        1000 * (max(line.closed_at, gone_at.get(line.call_id, float("inf"))) - line.hung_up_at)
        for line in lines
        if line.hung_up_at and line.closed_at
    ]
    return percentiles(array("d", gone))


def main() -> None:
    """Read the job, run it, write the result; {"error": ...} when a call could not be set up."""
    job = Job(**json.load(sys.stdin))
    os.sched_setaffinity(0, {job.load_core})
    gc.collect()
    gc.disable()
    with open_calls(job.kind, job.url, job.admin_url, job.rest_port) as calls:
        try:
            result = run(job, calls)
        except NotAnswered as error:
            result = {"error": str(error)}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
