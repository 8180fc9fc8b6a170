"""Ends a recorded call wherever its tasks can stand, in every way, in forks of one replay.

Before each step of a task of the call in a state that has not been seen yet (who is about to run,
and where in the code each task of the call stands), the process is forked once for each way: in the
child the blow falls, and the call must come to a clean end; the parent goes on. So each state is
struck, without the way to it being gone again each time. A frame that finds every task where the
frame before found it is no new state; a sweep of every step strikes those as well, ten times as
many, and has to find no more.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from tests.sweep.judge import NOTHING_YET, Blow, Lives, Unharmed, faults
from tests.sweep.ways import WAYS, Scene
from voiced.testing.inventory import live_tasks
from voiced.testing.replay import replay
from voiced.testing.replay.run import Saboteur

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from voiced.flight.reading import FlightRecording
    from voiced.server.core import Core
    from voiced.testing.memory import CoreNetwork
    from voiced.testing.replay import Replayed

CHILD_S = 20
"""A child that takes longer is killed, and is a failure."""

Every: TypeAlias = Literal["state", "step"]


@dataclass(kw_only=True)
class Swept:
    """What came of a sweep: how many points there were, how many ends were struck, what failed."""

    points: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Sweeper(Saboteur):
    """Watches the tasks of a replay, and calls `meet` at every point of its call."""

    def __init__(
        self,
        meet: Callable[[Sweeper], None],
        every: Every,
        unharmed: Unharmed = NOTHING_YET,
    ) -> None:
        self.points = 0
        self.tasks: Counter[str] = Counter()
        self.blow: Blow | None = None
        self.said: list[str] = []
        self.judged: Callable[[list[str]], None] = lambda said: None
        self._unharmed = unharmed
        self._meet = meet
        self._takes_every_step = every == "step"
        self._seen: set[object] = set()
        self._names: dict[trio.lowlevel.Task, str] = {}
        self._exits: dict[trio.lowlevel.Task, float] = {}
        self._channels: list[Any] = []
        self._core: Any = None
        self._network: Any = None
        self._call: Any = None

    def begin(self, core: Core, network: CoreNetwork) -> None:
        self._core, self._network = core, network

    # -- watching --------------------------------------------------------------------------------

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        parent = task.parent_nursery.parent_task if task.parent_nursery is not None else None
        if parent in self._names or (not self._names and task.name.startswith("call ")):
            self._names[task] = task.name

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        if task in self._names:
            self._exits[task] = trio.current_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.blow is not None or task not in self._names or task in self._exits:
            return
        if not (self._takes_every_step or self._is_new(task)):
            return
        calls = [call for _, call in self._core.switchboard.live()]
        if calls:
            (self._call,) = calls
            self.points += 1
            self._meet(self)

    def opened(self, channels: Iterable[Any]) -> None:
        """Take note of memory channels that the call, or what makes it, has opened."""
        if self._core is None:
            return
        task = trio.lowlevel.current_task()
        if task in self._names or not self._names:
            self._channels += channels

    def _is_new(self, task: trio.lowlevel.Task) -> bool:
        state = (task.name, self._state())
        is_new = state not in self._seen
        self._seen.add(state)
        return is_new

    def _state(self) -> object:
        """Return where each task of the call stands, and the leg with it."""
        (call_task, *_) = self._names
        stands = frozenset(
            (name, stack_of(task.coro))
            for task, name in self._names.items()
            if task not in self._exits
        )
        return (
            stands,
            getattr(self._call and self._call.leg, "state", None),
            call_task in self._exits,
        )

    # -- striking --------------------------------------------------------------------------------

    @property
    def scene(self) -> Scene:
        return Scene(core=self._core, network=self._network, call=self._call)

    def strike(self, name: str) -> None:
        """End the call in this way, now."""
        way, call = WAYS[name], self._call
        self.blow = Blow(
            way=way,
            at=trio.current_time(),
            ending=call.ending,
            reason=way.reason(call) if way.reason is not None else None,
        )
        way.strike(self.scene)
        self.blow.has_ended_it = call.ending is not None

    def end(self, replayed: Replayed) -> None:
        """See what came of it."""
        self.tasks = live_tasks()
        if self.blow is not None:
            (call_task, *_) = self._names
            lives = Lives(
                call_task=call_task,
                names=self._names,
                exits=self._exits,
                channels=self._channels,
            )
            self.said = faults(self.scene, self.blow, lives, replayed, self._unharmed)
            self.judged(self.said)


def stack_of(coroutine: Any) -> tuple[object, ...]:
    """Return the places in the code at which a suspended task stands."""
    places = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            break
        places.append((frame.f_code, frame.f_lasti))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return tuple(places)


def _hold(recording: FlightRecording, sweeper: Sweeper) -> Replayed:
    with _watched_channels(sweeper):
        return replay(recording, saboteur=sweeper)


def _unharmed(recording: FlightRecording) -> Unharmed:
    """Hold the call without a blow."""
    sweeper = Sweeper(lambda sweeper: None, "state")
    record = _hold(recording, sweeper).record
    return Unharmed(reason=record["end"]["reason"], tasks=sweeper.tasks)


@contextmanager
def _watched_channels(sweeper: Sweeper) -> Iterator[None]:
    """Let `sweeper` know of every memory channel that is opened."""
    original: Any = trio.open_memory_channel

    class Opener:
        def __getitem__(self, kind: Any) -> Callable[[float], Any]:
            return self

        def __call__(self, size: float) -> Any:
            ends = original(size)
            sweeper.opened(ends)
            return ends

    module: Any = trio
    module.open_memory_channel = Opener()
    try:
        yield
    finally:
        module.open_memory_channel = original


# -- one point, and all of them -------------------------------------------------------------------


def strike(recording: FlightRecording, way: str, point: int, every: Every = "state") -> list[str]:
    """Strike one point, without a fork; returns the faults.

    Raises:
        LookupError: there is no such point, or the way makes no difference there.
    """

    def meet(sweeper: Sweeper) -> None:
        if sweeper.points == point and WAYS[way].can(sweeper.scene):
            sweeper.strike(way)

    sweeper = Sweeper(meet, every, _unharmed(recording))
    _hold(recording, sweeper)
    if sweeper.blow is None:
        raise LookupError(f"no {way} at point {point} of {sweeper.points}")
    return sweeper.said


def sweep(
    recording: FlightRecording, ways: Iterable[str], every: Every, most_children: int
) -> Swept:
    """Strike every point of a call in these ways, so many at a time."""
    children, swept, chosen = Children(most_children), Swept(), tuple(ways)

    def meet(sweeper: Sweeper) -> None:
        for way in chosen:
            if not WAYS[way].can(sweeper.scene):
                continue
            swept.ends[way] += 1
            if children.fork(f"point {sweeper.points}, {way}"):
                sweeper.judged = children.report
                sweeper.strike(way)
                return

    sweeper = Sweeper(meet, every, _unharmed(recording))
    try:
        _hold(recording, sweeper)
    finally:
        if children.is_child:  # it broke: it must not go on as a second sweep
            children.report(["broke"])
    swept.failures = children.wait()
    swept.points = sweeper.points
    return swept


class Children:
    """Forks of this process, of which each says in the end what was wrong."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: dict[int, tuple[int, str]] = {}
        self._failures: list[str] = []
        self._writer = -1

    @property
    def is_child(self) -> bool:
        return self._writer >= 0

    def fork(self, what: str) -> bool:
        """Fork, once there is room; True in the child."""
        while len(self._running) >= self._most:
            self._reap()
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._writer = writer
            signal.alarm(CHILD_S)
            return True
        os.close(writer)
        self._running[pid] = (reader, what)
        return False

    def report(self, faults: list[str]) -> None:
        """End this child; it closes nothing that it shares (Trio's epoll)."""
        os.write(self._writer, ("; ".join(faults) or "clean").encode())
        os._exit(0)

    def wait(self) -> list[str]:
        """Wait for all; return what failed."""
        while self._running:
            self._reap()
        return self._failures

    def _reap(self) -> None:
        pid, _ = os.wait()
        reader, what = self._running.pop(pid)
        with open(reader, "rb") as words:
            said = words.read().decode()
        if said != "clean":
            self._failures.append(f"{what}: {said or 'died'}")
