"""What it costs to know who held the loop up: processor time of each way, in one run.

`python -m benchmarks.stalls`. The cost of a step counts where many tasks have work at a time, that
of a pass where the loop waits before each event. Every way runs in turn, several times over; the
least time of each counts, so that the work of others does not.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import trio

from voiced.loop.stalls import StallWatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 9
LIMIT_S = 0.020


class EachStep(trio.abc.Instrument):
    """The plain way: the clock before and after each step."""

    def __init__(self) -> None:
        self._since = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """A step begins."""
        self._since = time.perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """A step ends."""
        if time.perf_counter() - self._since > LIMIT_S:
            self.slow = task


def _none() -> list[trio.abc.Instrument]:
    return []


def _each_step() -> list[trio.abc.Instrument]:
    return [EachStep()]


def _watch() -> list[trio.abc.Instrument]:
    return [StallWatch(lambda _stall: None)]


WAYS = {"nothing": _none, "each step": _each_step, "voiced.loop.stalls": _watch}


async def busy(tasks: int, steps: int) -> None:
    """Let so many tasks take so many steps each, all of them ready all the time."""

    async def work() -> None:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(work)


async def waiting(messages: int) -> None:
    """Pass a byte to and fro between two sockets: the loop waits before each."""
    left, right = (trio.socket.from_stdlib_socket(s) for s in socket.socketpair())

    async def answer() -> None:
        for _ in range(messages):
            await right.recv(1)
            await right.send(b"x")

    with left, right:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            for _ in range(messages):
                await left.send(b"x")
                await left.recv(1)


def measure(load: Callable[..., Awaitable[None]], *arguments: int) -> dict[str, float]:
    """Return the processor time of a load under each way, in seconds."""
    least = dict.fromkeys(WAYS, float("inf"))
    for _ in range(ROUNDS):
        for name, make in WAYS.items():
            instruments = make()
            began = time.process_time()
            trio.run(load, *arguments, instruments=instruments)
            least[name] = min(least[name], time.process_time() - began)
            for instrument in instruments:
                if isinstance(instrument, StallWatch):
                    instrument.close()
    return least


def main() -> None:
    """Measure, and print a table."""
    loads: list[tuple[str, Callable[..., Awaitable[None]], tuple[int, ...], int]] = [
        ("20 tasks at a time, a step", busy, (20, 1500), 20 * 1500),
        ("100 tasks at a time, a step", busy, (100, 300), 100 * 300),
        ("one event at a time, an event", waiting, (4000,), 2 * 4000),
    ]
    print(f"{'extra, in microseconds':32}" + "".join(f"{name:>16}" for name in WAYS))
    for title, load, arguments, n in loads:
        took = measure(load, *arguments)
        extra = (f"{(took[name] - took['nothing']) / n * 1e6:16.2f}" for name in WAYS)
        print(f"{title:32}" + "".join(extra))


if __name__ == "__main__":
    main()
