"""A whole conversation is ended at every single step of its tasks, in three ways.

The conversation has a greeting, a barge-in, a turn, a goodbye and our own hangup, in 1.7 s. Trio's
scheduling is made deterministic, so that a failing point fails again: its number is in the message.
"""

import json
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from voiced.errors import TelnyxError
from voiced.leg.leg import EndReason
from voiced.telnyx.events import parse_event
from voiced.testing.caller import Spoken, silent_caller

GONE_WITHIN_S = 0.1
MOST_POINTS = 2000


@pytest.fixture
def conversation(brisk):
    return {**brisk, "call": {"apology": "Sorry."}}


@pytest.fixture(autouse=True)
def _same_order_every_time(monkeypatch):
    """Trio runs the tasks of one instant in random order; here in that of their birth."""
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
    monkeypatch.setattr("trio._core._run._r.random", lambda: 0.0)


class Probe(trio.abc.Instrument):
    """Watches the tasks of the next call and runs `strike` at step `point` of them."""

    def __init__(self, point, strike):
        self.steps = 0
        self.struck_at = None
        self.call_task = None
        self.left = set()
        self.exits = []
        self._point = point
        self._strike = strike

    def task_spawned(self, task):
        if self.call_task is None and task.name.startswith("call "):
            self.call_task = task
            self.left.add(task)
        elif task.parent_nursery is not None and task.parent_nursery.parent_task in self.left:
            self.left.add(task)

    def before_task_step(self, task):
        if task in self.left:
            self.steps += 1
            if self.steps == self._point:
                self.struck_at = trio.current_time()
                self._strike()

    @property
    def call_id(self):
        assert self.call_task is not None
        return self.call_task.name.removeprefix("call ")

    def task_exited(self, task):
        if task in self.left:
            self.left.discard(task)
            self.exits.append((task, trio.current_time()))

    def last_child_gone_after_s(self):
        """Return how long after the strike the call's nursery was empty."""
        exits = [at for task, at in self.exits if task is not self.call_task]
        return max([0.0, *(at - self.struck_at for at in exits)])


class ObedientCaller:
    """Silent, until told to go."""

    utterances = ()
    notes = ()

    def __init__(self):
        self.has_gone = False
        self._silence = silent_caller()

    def step(self, heard):
        return Spoken(pcm=self._silence.step(heard).pcm, hangs_up=self.has_gone)


class FragileNetwork:
    """A network whose media sockets can be cut at any moment, for good."""

    def __init__(self, network):
        self.post = network.post
        self._network = network
        self.mend()

    def mend(self):
        self._is_cut = False
        self._socket = None

    def cut(self):
        self._is_cut = True
        if self._socket is not None:
            self._socket.close(1006)

    @asynccontextmanager
    async def open_websocket(self, url, headers):
        if self._is_cut:
            await trio.lowlevel.checkpoint()
            raise TelnyxError("media socket not opened: nobody there")
        async with self._network.open_websocket(url, headers) as self._socket:
            yield self._socket


def hangup_of(call_id):
    payload = {
        "call_control_id": call_id,
        "call_leg_id": "leg",
        "call_session_id": "session",
        "connection_id": "1",
        "hangup_cause": "normal_clearing",
        "hangup_source": "caller",
    }
    data = {
        "record_type": "event",
        "event_type": "call.hangup",
        "id": "strike",
        "occurred_at": "2026-11-22T10:00:00.000000Z",
        "payload": payload,
    }
    return parse_event(json.dumps({"data": data}).encode())


async def ring(world, caller, probe):
    trio.lowlevel.add_instrument(probe)
    try:
        report = await world.ring(caller, ring_s=0.5, background_dbfs=None)
        with trio.move_on_after(0.2):  # what the far end does not wait for: the record
            while probe.left:  # noqa: ASYNC110  # a set of the test's own
                await trio.sleep(0.001)
    finally:
        trio.lowlevel.remove_instrument(probe)
    return report


def assert_clean(probe, report, record, where):
    """The call has left nothing, anywhere, and its end is accounted for."""
    assert probe.left == set(), where
    assert report.violations == (), where
    assert not report.zombie, where
    assert record["state"] == "ended", where
    assert record["end"]["evidence"], where
    assert record["hangup_confirmed"] is True, where
    assert report.actions.count("hangup") <= 1, where
    if report.ended_by == "agent":
        assert report.actions.count("hangup") == 1, where
    if probe.struck_at is not None:
        assert probe.last_child_gone_after_s() <= GONE_WITHIN_S, where


async def sweep(run_point):
    """Call `run_point(k)` for k = 1, 2 ... until it says that the call had no k-th step."""
    for point in range(1, MOST_POINTS):
        if not await run_point(point):
            return point - 1
    raise AssertionError(f"the conversation takes more than {MOST_POINTS} steps")


@pytest.mark.slow
async def test_a_hangup_webhook_at_any_step_leaves_nothing(
    open_world, autojump_clock, conversation
):
    async with open_world(**conversation) as world:

        async def run_point(point):
            caller = ObedientCaller()

            def strike():
                caller.has_gone = True
                world.switchboard.webhook(hangup_of(probe.call_id))

            probe = Probe(point, strike)
            report = await ring(world, caller, probe)
            where = f"call.hangup at step {point}"
            assert_clean(probe, report, world.records[-1], where)
            if probe.struck_at is None:
                return False
            reason = world.records[-1]["end"]["reason"]
            assert reason in {"caller_hung_up", "agent_hung_up"}, where
            if reason == "caller_hung_up":
                assert "hangup" not in [c.action for c in report.commands], where
                call_gone_at = max(at for _, at in probe.exits)
                assert call_gone_at - probe.struck_at <= GONE_WITHIN_S, where
            return True

        assert await sweep(run_point) > 150
        assert world.switchboard.snapshot() == []


@pytest.mark.slow
async def test_losing_the_media_socket_at_any_step_leaves_nothing(
    open_world, autojump_clock, conversation
):
    async with open_world(**conversation, media={"reconnect_s": 0}) as world:
        network = world.telnyx.network = FragileNetwork(world.telnyx.network)
        reasons = set()

        async def run_point(point):
            network.mend()
            probe = Probe(point, network.cut)
            report = await ring(world, silent_caller(), probe)
            where = f"socket lost at step {point}"
            record = world.records[-1]
            assert_clean(probe, report, record, where)
            assert report.ended_by == "agent", where
            reason = record["end"]["reason"]
            reasons.add(reason)
            if probe.struck_at is not None and reason != "agent_hung_up":
                assert report.actions == ("answer", "speak", "hangup"), where
            return probe.struck_at is not None

        assert await sweep(run_point) > 150
        assert reasons == {"streaming_failed", "media_lost", "agent_hung_up"}


@pytest.mark.slow
async def test_stopping_the_daemon_at_any_step_leaves_nothing(
    open_world, autojump_clock, conversation
):
    async def run_point(point):
        async with open_world(**conversation) as world, trio.open_nursery() as nursery:
            probe = Probe(point, partial(nursery.start_soon, world.switchboard.close))
            report = await ring(world, silent_caller(), probe)
        where = f"switchboard closed at step {point}"
        (record,) = world.records
        assert_clean(probe, report, record, where)
        assert report.ended_by == "agent", where
        assert record["end"]["reason"] in {EndReason.SHUTDOWN.value, "agent_hung_up"}, where
        return probe.struck_at is not None

    assert await sweep(run_point) > 150
