import os

import pytest

from benchmarks.plan import Plan, does, measure, open_stage


def test_the_floor_takes_part_in_the_echo_only():
    assert does("floor", "echo")
    assert not does("floor", "talk")
    assert does("voiced", "talk")
    assert not does("pipecat-8k", "talk")


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
