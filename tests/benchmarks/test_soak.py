"""The soak in a few seconds: what grows is found, and nothing does."""

from dataclasses import replace

import pytest

from benchmarks.soak.callers import CALLEES, KINDS, Turn
from benchmarks.soak.real import RealPlan, run_real
from benchmarks.soak.samples import Sample, growth, table
from benchmarks.soak.virtual import VirtualPlan, run_virtual
from voiced.switchboard.switchboard import Switchboard
from voiced.testing.fault_plans import FAULT_PLANS

WARM = Sample(
    at_s=3600.0,
    calls=100,
    rss_mb=100.0,
    threads=1,
    descriptors=13,
    objects={"voiced.leg.leg.Leg": 1},
    tasks={"ledger": 1},
    entries={"Ledger._entries": 0, "Directory._ended": 100},
)
LATER = replace(
    WARM, at_s=7200.0, calls=200, rss_mb=107.0, entries={"Directory._ended": 200}
)  # fmt: skip
SHORT = VirtualPlan(hours=0.1, calls_per_hour=120, parts=2)


def test_what_may_grow_does_not_count():
    assert growth([WARM, LATER]) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"threads": 2}, "threads: 1 at first, 2 at last"),
        ({"descriptors": 14}, "descriptors: 13 at first, 14 at last"),
        ({"processes": 3}, "processes: 1 at first, 3 at last"),
        ({"objects": {"voiced.leg.leg.Leg": 3}}, "objects: 2 more of voiced.leg.leg.Leg"),
        ({"tasks": {"ledger": 1, "call x": 1}}, "tasks: 1 more of call x"),
        ({"entries": {"Ledger._entries": 1}}, "entries: 1 more of Ledger._entries"),
        ({"rss_mb": 120.0}, "memory: 20.0 MB more, 200.0 kB a call"),
    ],
)
def test_whatever_else_has_grown_is_named(change, says):
    assert growth([WARM, replace(LATER, **change)]) == [says]


def test_the_table_tells_what_was_seen_inside_and_what_only_from_outside():
    inside, outside = table([WARM, LATER]), table([replace(WARM, tasks={}, entries={})])
    assert "| 2.00 h | 200 | 107.0 | 13 | 1 | 1 | 1 | 1 | 0 | 200 |" in inside
    assert outside.splitlines()[-1] == "| 1.00 h | 100 | 100.0 | 13 | 1 | 1 |"


def test_every_kind_of_call_every_fault_and_every_callee_gets_its_turn():
    turns = [Turn(number) for number in range(10 * len(FAULT_PLANS))]
    assert {turn.kind for turn in turns} == set(KINDS)
    assert {turn.fault for turn in turns} == set(FAULT_PLANS)
    assert {turn.callee for turn in turns if turn.kind == "dialled"} == set(CALLEES)


@pytest.mark.slow
def test_nothing_grows_on_the_virtual_clock():
    run = run_virtual(SHORT, lambda sample: None)
    assert run.faults == []
    assert run.samples[-1].calls == sum(run.reasons.values()) == 12
    assert growth(run.samples) == []


@pytest.mark.slow
def test_a_leak_of_the_daemon_is_found(monkeypatch):
    forget = Switchboard._forget

    def keep(self, call):
        forget(self, call)
        self.kept = [*getattr(self, "kept", []), call]

    monkeypatch.setattr(Switchboard, "_forget", keep)
    run = run_virtual(replace(SHORT, hours=0.05), lambda sample: None)
    found = growth(run.samples)
    assert "entries: 3 more of Switchboard.kept" in found
    assert "objects: 3 more of voiced.call.call.Call" in found


@pytest.mark.socket
@pytest.mark.slow
def test_the_program_serves_calls_and_ends_when_told():
    run = run_real(RealPlan(minutes=0, rounds=1, calls=2, rest_s=0.1), lambda sample: None)
    assert run.faults == []
    assert run.exit_code == 0
    assert run.ended_by == {"dialled": 1, "caller": 1}
    assert run.samples[0].processes >= 2  # the program, and its recognizer
