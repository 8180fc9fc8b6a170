import os

import pytest

from benchmarks.plan import Plan, does, flaw, measure, open_stage, overload

HELD = {
    "load_late_ms": {"p999": 1.0},
    "foreign_share": 0.0,
    "gap_ms": {"p99": 5.0},
    "dropped": 0,
    "underruns_per_call_min": 0.0,
    "audio_share": 1.0,
}


def test_an_undisturbed_run_has_no_flaw():
    assert flaw(HELD) == ""


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"load_late_ms": {"p999": 7.0}}, "the load was late by 7.0 ms (p99.9)"),
        ({"foreign_share": 0.3}, "others had 30 % of the server's core"),
    ],
)
def test_a_disturbed_run_says_by_what(figures, said):
    assert flaw(HELD | figures) == said


def test_a_server_that_serves_its_callers_is_not_overloaded():
    assert overload(HELD, 1.0) == ""
    assert overload(HELD | {"gap_ms": None}, 1.0) == ""


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"error": "no answer"}, "no answer"),
        ({"dropped": 3}, "3 connections lost"),
        ({"underruns_per_call_min": 4.0}, "4.0 underruns"),
        ({"gap_ms": {"p99": 30.0}}, "p99 gap 30 ms, 1 ms with few calls"),
        ({"audio_share": 0.9}, "90 % of the audio came back"),
    ],
)
def test_an_overloaded_server_says_in_what(figures, said):
    assert said in overload(HELD | figures, 1.0)


def test_the_floor_takes_part_in_the_echo_only():
    assert does("floor", "echo")
    assert not does("floor", "talk")
    assert does("voiced", "talk")


@pytest.mark.socket
@pytest.mark.slow
@pytest.mark.parametrize("workload", ["talk", "listen"])
def test_voiced_is_measured_from_the_first_ring_to_the_last_hangup(workload):
    cores = sorted(os.sched_getaffinity(0))
    plan = Plan(
        workloads=(workload,),
        servers=("voiced",),
        calls=(2,),
        seconds=0.5,
        warm_s=0.3,
        repeat=1,
        retries=0,
        prefill_ms=100.0,
        search=False,
        server_core=cores[0],
        load_core=cores[-1],
    )
    with open_stage(plan, None) as stage:
        (row,) = measure(plan, stage)
    assert row["dropped"] == row["left_over"] == 0
    assert row["cpu_ms_per_call_s"] > 0
    assert row["messages_per_call_s"] > 5
    assert row["gone_ms"]["p50"] > 0
    assert (row["gap_ms"] is None) == (workload == "talk")
