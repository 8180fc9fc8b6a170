"""Every golden call is ended wherever its tasks can stand, in five ways, and leaves nothing.

The call is replayed once for each way. Before each step of one of its tasks in a state that has not
been seen yet (who is about to run, and where in the code each task of the call stands), the process
is forked: in the child the blow falls, and the call must come to a clean end; the parent goes on.
So each state is struck, without the way to it being gone again each time. A frame that finds every
task where the frame before found it is no new state. `make sweep EVERY=step` strikes those as well:
every step of every task, ten times as many, which has to find no more than the states do.

A failure names call, way and point. `strike(name, way, point)` repeats it, without a fork.
"""

import json
import os
import signal
from pathlib import Path

import pytest
import trio

from voiced.flight.reading import read_flight
from voiced.telnyx.events import parse_event
from voiced.testing.replay import replay
from voiced.testing.replay.run import Saboteur

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").glob("*.jsonl.gz"))
NAMES = [path.name.partition(".")[0] for path in RECORDINGS]
GONE_WITHIN_S = 0.1
CHILDREN = 2
CHILD_S = 20

EVERY = os.environ.get("SWEEP", "")
"""`make sweep` says `state` or `step`, and takes every call in every way; the suite takes these:"""

IN_SHORT = [
    ("barge_in", "hangup webhook"),
    ("early_hangup", "socket closed"),
    ("caller_hangs_up", "socket reset"),
    ("voicemail", "daemon stopped"),
    ("outbound", "max duration"),
    ("texml_get", "socket reset"),
]

FAR_END = {"caller_hung_up", "callee_hung_up", "unreached", "transferred"}
"""Endings in which the leg was gone before we could end it."""


def hang_up(core, network, call):
    payload = {
        "call_control_id": call.id or "v3:dialled",
        "call_leg_id": "leg",
        "call_session_id": "session",
        "connection_id": "1",
        "client_state": call.keys.dialled_state if not call.id else None,
        "hangup_cause": "normal_clearing",
        "hangup_source": "caller",
    }
    data = {
        "record_type": "event",
        "event_type": "call.hangup",
        "id": "blow",
        "occurred_at": "2026-11-22T10:00:00.000000Z",
        "payload": payload,
    }
    core.switchboard.webhook(parse_event(json.dumps({"data": data}).encode()))


def close_socket(core, network, call):
    for socket in network.open_sockets:
        socket.close(1000)


def reset_socket(core, network, call):
    for socket in network.open_sockets:
        socket.close(1006)


def stop_daemon(core, network, call):
    trio.lowlevel.spawn_system_task(core.switchboard.close)


def reach_max_duration(core, network, call):
    call._scope.deadline = trio.current_time()


WAYS = {
    "hangup webhook": hang_up,
    "socket closed": close_socket,
    "socket reset": reset_socket,
    "daemon stopped": stop_daemon,
    "max duration": reach_max_duration,
}


EVERYTHING = [(name, way) for name in NAMES for way in WAYS]


class Sweeper(Saboteur):
    """Strikes at a point; or at every point, each in a child process of its own."""

    def __init__(self, way, point=None, *, every=EVERY):
        self.points = 0
        self.struck = False
        self.is_child = False
        self.failures = []
        self.said = []
        self.call = None
        self._way = WAYS[way]
        self._point = point
        self._takes_every_step = every == "step"
        self._seen = set()
        self._children = {}
        self._tasks = {}
        self._exits = {}

    def begin(self, core, network):
        self._core, self.network = core, network

    # -- watching --------------------------------------------------------------------------------

    def task_spawned(self, task):
        parent = task.parent_nursery.parent_task if task.parent_nursery is not None else None
        if parent in self._tasks or (not self._tasks and task.name.startswith("call ")):
            self._tasks[task] = task.name

    def task_exited(self, task):
        if task in self._tasks:
            self._exits[task] = trio.current_time()

    def before_task_step(self, task):
        if self.struck or task not in self._tasks or task in self._exits:
            return
        if not (self._takes_every_step or self._is_new(task)):
            return
        calls = [call for _, call in self._core.switchboard.live()]
        if not calls:
            return
        self.points += 1
        (self.call,) = calls
        if self._point is None:
            self._fork()
        elif self._point == self.points:
            self._strike()

    def _is_new(self, task):
        state = (task.name, self._state())
        is_new = state not in self._seen
        self._seen.add(state)
        return is_new

    def _state(self):
        """Return where each task of the call stands, and the leg with it."""
        (call_task, *_) = self._tasks
        stands = frozenset(
            (name, stack_of(task.coro))
            for task, name in self._tasks.items()
            if task not in self._exits
        )
        return stands, getattr(self.call and self.call.leg, "state", None), call_task in self._exits

    # -- striking --------------------------------------------------------------------------------

    def _strike(self):
        self.struck = True
        self._way(self._core, self.network, self.call)

    def _fork(self):
        while len(self._children) >= CHILDREN:
            self.reap()
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            self.is_child, self._writer = True, writer
            signal.alarm(CHILD_S)
            self._strike()
        else:
            os.close(writer)
            self._children[pid] = (reader, self.points)

    def reap(self):
        """Wait for one child and take its word."""
        pid, _ = os.wait()
        reader, point = self._children.pop(pid)
        with open(reader, "rb") as words:
            said = words.read().decode()
        if said != "clean":
            self.failures.append(f"point {point}: {said or 'died'}")

    def end(self, replayed):
        """Say what came of it; a child ends here, and never closes what it shares (epoll)."""
        self.said = self.faults(replayed) if self.struck else []
        if self.is_child:
            os.write(self._writer, ("; ".join(self.said) or "clean").encode())
            os._exit(0)

    def finish(self):
        while self._children:
            self.reap()

    # -- judging ---------------------------------------------------------------------------------

    def faults(self, replayed):
        """Return what is not clean after a strike."""
        assert self.call is not None
        record = replayed.record
        ended_at = self.call.ending.at
        (call_task, *children) = self._tasks
        late = [
            self._tasks[task]
            for task in children
            if self._exits.get(task, float("inf")) - ended_at > GONE_WITHIN_S
        ]
        requests = [entry.data for entry in replayed.entries if entry.kind == "request"]
        ids = [
            json.loads(request["body"])["command_id"]
            for request in requests
            if request["action"] in {"hangup", "reject"}
        ]
        was_dialled = any(request["action"] == "dial" for request in requests)
        reason = record["end"]["reason"]
        bridged_on = reason == "shutdown" and self.call.leg.is_bridged
        gone = reason in FAR_END or self._way is hang_up
        never_up = record["direction"] == "outgoing" and not was_dialled
        owed = 0 if gone or bridged_on or never_up else 1
        checks = {
            f"left after {GONE_WITHIN_S} s: {late}": not late,
            "call task left": call_task in self._exits,
            f"record says {record['state']}": record["state"] == "ended",
            "no evidence": bool(record["end"]["evidence"]),
            "hangup not confirmed": record["hangup_confirmed"] is True,
            f"{len(set(ids))} hangups, {reason}": owed <= len(set(ids)) <= 1,
            "media socket left open": not self.network.open_sockets,
            "switchboard not empty": self._core.switchboard.snapshot() == [],
        }
        return [fault for fault, is_well in checks.items() if not is_well]


def stack_of(coroutine):
    """Return the places in the code at which a suspended task stands."""
    places = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            break
        places.append((frame.f_code, frame.f_lasti))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return tuple(places)


def strike(name, way, point, every="state"):
    """Strike one point, of every `state` or `step`, without a fork; returns the faults."""
    sweeper = Sweeper(way, point, every=every)
    replay(read_flight(RECORDINGS[NAMES.index(name)]), saboteur=sweeper)
    assert sweeper.struck, f"{name} has only {sweeper.points} points"
    return sweeper.said


def sweep(path, way):
    """Strike every point of a call; returns their number and the failures."""
    sweeper = Sweeper(way)
    try:
        replay(read_flight(path), saboteur=sweeper)
    finally:
        if sweeper.is_child:  # it broke: it must not come back as a second test run
            os._exit(1)
    sweeper.finish()
    return sweeper.points, sweeper.failures


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(("name", "way"), EVERYTHING if EVERY else IN_SHORT)
def test_a_golden_call_leaves_nothing_wherever_it_is_ended(name, way):
    points, failures = sweep(RECORDINGS[NAMES.index(name)], way)
    assert failures == [], f"of {points} points"
    assert points >= 5
