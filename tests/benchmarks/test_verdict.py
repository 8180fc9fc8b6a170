import pytest

from benchmarks.verdict import flaw, overload

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
