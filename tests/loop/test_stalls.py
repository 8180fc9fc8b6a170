"""Who held the loop up."""

from __future__ import annotations

import io
import json
import logging
import signal
import time

import pytest
import structlog
import trio
import trio.lowlevel

from voiced.log import configure_logging
from voiced.loop.stalls import LIMIT_S, TICK_S, Stall, StallLog, StallWatch, StepJudge


def watched(main):
    """Run `main` under the instrument; return the stalls that it told of."""
    told: list[Stall] = []
    watch = StallWatch(told.append)
    try:
        trio.run(main, instruments=[watch])
    finally:
        watch.close()
    return told


def compute(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def hold_up(work):
    """Wait first, as tasks do, so that the step that follows is one of its own."""
    structlog.contextvars.bind_contextvars(call="c0ffee")
    await trio.sleep(0.001)
    work()
    await trio.sleep(0.001)


async def in_a_task_of_a_name(work):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold_up, work, name="slow one")
        nursery.start_soon(trio.sleep, 0.001, name="bystander")


WORK = {
    "computing": lambda: compute(0.1),
    "waiting without Trio": lambda: time.sleep(0.1),  # noqa: TID251  # the fault to be found
    "a C function that keeps the interpreter": lambda: sum(range(6_000_000)),
}


def is_at_work(stall):
    return any("hold_up" in place or "test_stalls" in place for place in stall.where)


@pytest.mark.parametrize("kind", WORK)
def test_the_task_the_call_and_the_place_of_a_long_step_are_named(kind):
    async def main():
        await in_a_task_of_a_name(WORK[kind])

    stalls: list[Stall] = []
    for _ in range(5):  # where a busy machine takes our time away, that is the place
        stalls = [stall for stall in watched(main) if stall.task == "slow one"]
        if len(stalls) == 1 and is_at_work(stalls[0]):
            break
    (stall,) = stalls
    assert stall.call == "c0ffee"
    assert is_at_work(stall)
    assert stall.seconds > LIMIT_S
    if kind == "waiting without Trio":
        assert stall.cpu_s < stall.seconds / 2


def test_the_signal_is_given_back():
    async def main():
        await trio.lowlevel.checkpoint()

    before = signal.getsignal(signal.SIGALRM)
    watched(main)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


# -- the judge, with times as arguments -------------------------------------------------------


def judged(*seen, begins=0.0):
    """Return (task, seconds) of the long steps; `seen` are (task, time) of each tick."""
    judge = StepJudge()
    judge.begin(begins, 0.0)
    for task, at in seen:
        step = judge.see(task, at, at / 2)
        if step is not None:
            step.name, step.where = task, ("somewhere",)
    return [(stall.task, round(stall.seconds, 3), round(stall.cpu_s, 3)) for stall in judge.end()]


def ticks(task, first, last):
    return [(task, n * TICK_S) for n in range(first, last + 1)]


def test_a_step_that_is_seen_at_work_for_long_is_told():
    assert judged(*ticks("a", 1, 25)) == [("a", 0.1, 0.05)]


def test_many_short_steps_of_one_pass_are_not():
    assert judged(*((f"task {n}", n * TICK_S) for n in range(1, 50))) == []


def test_the_long_one_among_short_ones_is_told_alone():
    seen = [*ticks("a", 1, 2), *ticks("b", 3, 12), *ticks("c", 13, 14)]
    assert [task for task, _, _ in judged(*seen)] == ["b"]


def test_every_step_over_the_limit_is_told_wherever_the_ticks_fall():
    for shift in range(8):
        begins = shift * TICK_S / 8
        ends = begins + LIMIT_S + 0.0001
        seen = [("a", n * TICK_S) for n in range(1, 10) if begins <= n * TICK_S <= ends]
        assert judged(*seen), f"begun {begins:.4f} s before a tick"


def test_a_tick_that_is_late_was_held_up_by_the_step_it_meets():
    assert judged(("a", TICK_S), ("b", 0.104)) == [("b", 0.1, 0.05)]


def test_work_of_a_pass_before_does_not_count():
    judge = StepJudge()
    for at in (0.0, 0.01, 0.02):
        judge.begin(at, 0.0)
        judge.see("a", at + TICK_S, 0.0)
        assert judge.end() == []


# -- the log ----------------------------------------------------------------------------------

STALL = Stall(task="agent", call="c0ffee", seconds=0.05, cpu_s=0.04, where=("m:1 f", "v:2 g"))


@pytest.fixture
def lines():
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logging("info", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_stall_is_one_line_and_many_are_one_a_second(lines):
    times = iter((0.0, 0.2, 0.9, 1.0))
    tell = StallLog(clock=lambda: next(times))
    for _ in range(4):
        tell(STALL)
    first, second = lines()
    assert first["event"] == "a step held the loop up"
    assert (first["task"], first["call"], first["step_ms"], first["cpu_ms"]) == (
        "agent",
        "c0ffee",
        50,
        40,
    )
    assert first["where"] == "m:1 f < v:2 g"
    assert (first["unsaid"], second["unsaid"]) == (0, 2)


def test_the_loops_own_work_is_no_task_of_a_call(lines):
    StallLog()(Stall(task="", call="", seconds=0.05, cpu_s=0.0, where=()))
    (line,) = lines()
    assert line["task"] == "the loop itself"
    assert "call" not in line
