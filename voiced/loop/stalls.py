"""Who held the loop up: names the task, the call and the line behind a step of over 20 ms.

All calls share one thread. A task that computes, or waits for a disk or a socket without Trio, for
so long makes every call late, and nothing in the late ones says why.

A timer of the kernel is started when the loop has work and stopped before it waits: two system
calls each time, and nothing for each step (the figures: docs/decisions, "Who stalled the loop").
Only a loop that is busy for longer sees it fire, every `TICK_S`, and each time the signal's handler
notes which task is at work, and where. One task seen at work for long enough has held the loop up.
Code that does not let go of the interpreter (a C library) delays the handler until it has returned;
then the tick that came late says as much, since nothing else has run in between.

So a duration is right to within two ticks, and a step between 12 and 20 ms may be told as well.
`cpu_ms` of it tells computing from waiting: for a disk, a lock of the interpreter that a thread
holds, or a machine that gave the time to somebody else.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import trio

from voiced.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

log = get_logger(__name__)

LIMIT_S = 0.020
TICK_S = 0.004
_SURE_S = LIMIT_S - 2 * TICK_S
"""What is seen of a step is shorter than the step by up to two ticks."""

LOG_EVERY_S = 1.0
"""A loop that stalls all the time says so once a second."""

_MOST_FRAMES = 4
_OURS = "voiced."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A step that was too long.

    Attributes:
        task: its name; "" for the loop's own work.
        call: the call's id, as log lines have it; "" for a task of no call.
        seconds: how long it was seen at work, plus the tick in which it began.
        cpu_s: processor time of that.
        where: the innermost function first, "module:line function", ours and who called it.
    """

    task: str
    call: str
    seconds: float
    cpu_s: float
    where: tuple[str, ...]


@dataclass(slots=True)
class _Step:
    """A step that was seen at work; times in seconds of any one clock."""

    task: object
    since: float
    cpu_since: float
    cpu_seen: float
    name: str = ""
    call: str = ""
    where: tuple[str, ...] = ()


class StepJudge:
    """Finds the long steps of a pass by the moments at which somebody was seen at work. Pure."""

    def __init__(self) -> None:
        self._seen_at = 0.0
        self._cpu_seen = 0.0
        self._step: _Step | None = None
        self._found: list[Stall] = []

    def begin(self, at: float, cpu_s: float) -> None:
        """Begin a pass."""
        self._seen_at, self._cpu_seen = at, cpu_s

    def see(self, task: object, at: float, cpu_s: float) -> _Step | None:
        """Note who is at work; return his step, to be described, once it has become long."""
        step = self._step
        if step is None or step.task is not task:
            self._settle()
            # A tick that is late was held up by this very step.
            since = min(at, self._seen_at + TICK_S)
            step = _Step(task, since, self._cpu_seen, cpu_s)
            self._step = step
        step.cpu_seen = cpu_s
        self._seen_at, self._cpu_seen = at, cpu_s
        return step if not step.where and at - step.since >= _SURE_S else None

    def end(self) -> list[Stall]:
        """End a pass; return its long steps."""
        self._settle()
        found, self._found = self._found, []
        return found

    def _settle(self) -> None:
        step, self._step = self._step, None
        if step is not None and self._seen_at - step.since >= _SURE_S:
            stall = Stall(
                task=step.name,
                call=step.call,
                seconds=self._seen_at - step.since + TICK_S,
                cpu_s=step.cpu_seen - step.cpu_since,
                where=step.where,
            )
            self._found.append(stall)


class StallWatch(trio.abc.Instrument):
    """An instrument for `trio.run` in the main thread. Takes SIGALRM; not for the virtual clock.

    `close` gives the signal back.
    """

    def __init__(self, *tell: Callable[[Stall], None]) -> None:
        """Tell each of `tell` of a stall, between two passes of the loop; none may raise."""
        self._tell = list(tell)
        self._judge = StepJudge()
        self._has_ticked = False
        self._before = signal.signal(signal.SIGALRM, self._tick)

    def tell_also(self, tell: Callable[[Stall], None]) -> None:
        """Tell one more."""
        self._tell.append(tell)

    def close(self) -> None:
        """Stop; the signal is as it was."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def after_io_wait(self, timeout: float) -> None:
        """A pass begins. Where nothing was waited for, the timer still runs from the one before."""
        self._judge.begin(time.perf_counter(), time.thread_time())
        if timeout > 0:
            signal.setitimer(signal.ITIMER_REAL, TICK_S, TICK_S)

    def before_io_wait(self, timeout: float) -> None:
        """A pass ends."""
        if timeout > 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self._has_ticked:
            self._has_ticked = False
            for stall in self._judge.end():
                for tell in self._tell:
                    tell(stall)

    def _tick(self, _signal: int, frame: FrameType | None) -> None:
        """Note who is at work. Runs between any two instructions: notes, and does nothing else."""
        self._has_ticked = True
        try:
            task = trio.lowlevel.current_task()
        except RuntimeError:
            task = None
        step = self._judge.see(task, time.perf_counter(), time.thread_time())
        if step is not None:
            step.name = "" if task is None else task.name
            step.call = str(structlog.contextvars.get_contextvars().get("call", ""))
            step.where = tuple(_places(frame))


def _places(frame: FrameType | None) -> Iterator[str]:
    """Yield where the code is: its innermost function, then ours that led there."""
    n = 0
    innermost = frame
    while frame is not None and n < _MOST_FRAMES:
        module = str(frame.f_globals.get("__name__", "?"))
        if frame is innermost or module.startswith(_OURS):
            n += 1
            yield f"{module}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back


class StallLog:
    """Writes a line for a stall, at most one a second; those between are counted."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._next_at = float("-inf")
        self._unsaid = 0

    def __call__(self, stall: Stall) -> None:
        """Take a stall."""
        now = self._clock()
        if now < self._next_at:
            self._unsaid += 1
            return
        self._next_at = now + LOG_EVERY_S
        keys = {"call": stall.call} if stall.call else {}
        log.warning(
            "a step held the loop up",
            task=stall.task or "the loop itself",
            **keys,
            step_ms=round(stall.seconds * 1000),
            cpu_ms=round(stall.cpu_s * 1000),
            where=" < ".join(stall.where),
            unsaid=self._unsaid,
        )
        self._unsaid = 0
