from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voiced.explain.waits import (
    interruption_spreads,
    interruption_table,
    spreads,
    wait_table,
)
from voiced.record.latency import PARTS
from voiced.record.percentiles import spread_of


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_percentiles_are_in_order_and_within_the_values(values):
    spread = spread_of(values)
    assert spread is not None
    assert spread.n == len(values)
    assert min(values) <= spread.p50 <= spread.p95 <= spread.p99 <= spread.most == max(values)


def test_percentiles_lie_between_two_values_in_proportion():
    spread = spread_of([0.0, 1.0, 2.0, 3.0, 4.0])
    assert spread is not None
    assert (spread.p50, round(spread.p95, 6)) == (2.0, 3.8)


def test_of_nothing_there_are_no_percentiles():
    assert spread_of([]) is None
    assert spreads([]) == {}
    assert list(wait_table([])) == []


def test_the_whole_is_the_sum_of_the_parts_of_each_answer():
    waits = [{f"{part}_s": 0.1 * n for part in PARTS} for n in (1, 2, 3)]
    found = spreads(waits)
    assert list(found) == ["total", *PARTS]
    assert round(found["total"].p50, 6) == 1.2
    assert round(found["model"].most, 6) == 0.3


def test_interruptions_have_percentiles_of_what_is_known():
    barge_ins: list[dict[str, Any]] = [
        {"cleared_after_s": 0.1, "silenced_after_s": 0.12},
        {"cleared_after_s": 0.2, "silenced_after_s": None},
        {"cleared_after_s": None, "silenced_after_s": None},
    ]
    found = interruption_spreads(barge_ins)
    assert (found["cleared"].n, found["cleared"].most, found["silent"].n) == (2, 0.2, 1)
    assert [line.split() for line in interruption_table(barge_ins)] == [
        ["interruptions,", "s", "p50", "p95", "p99", "longest"],
        ["cleared", "0.15", "0.20", "0.20", "0.20"],
        ["silent", "0.12", "0.12", "0.12", "0.12"],
    ]
    assert list(interruption_table([])) == []
