import pytest

from benchmarks.machine import Machine
from benchmarks.report import BEGIN, END, put_between_marks, write_report

MACHINE = Machine(
    cpu="A processor", cores=2, virtual=True, memory_gb=8.0, kernel="6.1", python="3.11.7",
    load_at_start=0.1, server_core=0, load_core=1, ours={"voiced": "0.1.0"}, rivals={},
)  # fmt: skip


def row(server, cpu_ms, calls=20, **others):
    percentiles = {"p50": 1.0, "p99": 2.0, "p999": 3.0, "max": 4.0}
    return {
        "workload": "echo", "server": server, "calls": calls, "cpu_ms_per_call_s": cpu_ms,
        "gap_ms": percentiles, "delay_ms": percentiles, "heard_ms": None, "gone_ms": None,
        "underruns_per_call_min": 0.0, "lowest_buffer_ms": 100.0, "messages_per_call_s": 50.0,
        "memory_mb": 60.0, "dropped": 0, "audio_share": 1.0, "idle_mb": 50.0, "flaw": "", **others,
    }  # fmt: skip


def table_of(rows):
    report = write_report(MACHINE, "2026-01-01", rows, [])
    lines = [line.strip("| ").split(" | ") for line in report.splitlines() if line.startswith("|")]
    return lines[2:]


def test_a_line_holds_the_median_and_its_ratio_to_pipecat():
    rows = [row("voiced", cpu) for cpu in (4.0, 9.0, 5.0)]
    rows += [row("pipecat", cpu) for cpu in (10.0, 11.0, 99.0)]
    rows += [row("pipecat-plain", 20.0)]
    voiced, pipecat, plain = table_of(rows)
    assert voiced[:6] == ["echo", "voiced", "20", "5.00", "0.25", "0.45"]
    assert pipecat[:6] == ["echo", "pipecat", "20", "11.00", "0.55", "1.00"]
    assert plain[:6] == ["echo", "pipecat-plain", "20", "20.00", "1.00", "1.82"]
    assert voiced[8] == "1.0 / 2.0 / 3.0 / 4.0"
    assert voiced[12] == "0.50"


def test_lines_are_compared_at_equal_load():
    rows = [
        row("voiced", 1.0),
        row("voiced", 2.0, 40),
        row("pipecat", 4.0),
        row("pipecat", 4.0, 40),
    ]
    assert [line[1:6] for line in table_of(rows)] == [
        ["voiced", "20", "1.00", "–", "0.25"],
        ["pipecat", "20", "4.00", "–", "1.00"],
        ["voiced", "40", "2.00", "–", "0.50"],
        ["pipecat", "40", "4.00", "–", "1.00"],
    ]


def test_disturbed_runs_do_not_count_beside_sound_ones():
    assert table_of([row("voiced", 5.0), row("voiced", 50.0, flaw="late")])[0][3] == "5.00"


def test_a_line_of_disturbed_runs_only_says_so():
    report = write_report(MACHINE, "2026-01-01", [row("voiced", 5.0, flaw="late")], [])
    assert "| echo | voiced | 20\\* | 5.00 |" in report
    assert "undisturbed" in report


def test_a_server_that_failed_says_how():
    rows = [{"workload": "echo", "server": "voiced", "calls": 20, "error": "no answer", "flaw": ""}]
    assert table_of(rows)[0][6] == "no answer"


def test_the_cost_of_an_overloaded_server_is_not_compared():
    rows = [row("voiced", 5.0), row("pipecat", 1.0, underruns_per_call_min=9.0)]
    voiced, pipecat = table_of(rows)
    assert voiced[2:6] == ["20", "5.00", "–", "–"]
    assert pipecat[2:6] == ["20 !", "1.00", "–", "–"]
    report = write_report(MACHINE, "2026-01-01", rows, [])
    assert "- echo pipecat 20: 9.0 underruns a call and minute" in report


def test_a_server_is_overloaded_where_its_gap_has_grown_from_its_fewest_calls():
    wide = {"p50": 1.0, "p99": 40.0, "p999": 50.0, "max": 60.0}
    assert [line[2] for line in table_of([row("pipecat", 9.0, gap_ms=wide)])] == ["20"]
    rows = [row("voiced", 9.0), row("voiced", 9.0, 40, gap_ms=wide)]
    assert [line[2] for line in table_of(rows)] == ["20", "40 !"]


def test_one_overloaded_run_of_three_is_chance():
    rows = [row("voiced", 5.0), row("voiced", 5.0), row("voiced", 5.0, dropped=1)]
    assert table_of(rows)[0][2] == "20"


def test_the_search_has_a_table_of_its_own():
    found = [{"workload": "talk", "server": "voiced", "held": 80, "reason": "2 connections lost"}]
    report = write_report(MACHINE, "2026-01-01", [row("voiced", 5.0)], found)
    assert "| talk | voiced | 80 | 2 connections lost |" in report


def test_the_report_replaces_what_stood_between_the_marks():
    document = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert put_between_marks(document, "new") == f"before\n{BEGIN}\n\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="no marks"):
        put_between_marks("nothing", "new")
