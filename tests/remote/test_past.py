"""`voiced calls` with filters."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from voiced.__main__ import main
from voiced.cli import make_parser
from voiced.errors import BadRequest
from voiced.flight.reading import read_flight
from voiced.index import CallQuery
from voiced.remote.past import parameters_of, query_of
from voiced.remote.show import past_table

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
RECORDINGS = Path(__file__).parents[1] / "recordings"


def asked(*argv):
    return query_of(make_parser().parse_args(["calls", *argv]), NOW)


def test_without_filters_the_daemons_calls_are_meant():
    assert asked() is None


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--past"], {"state": "ended"}),
        (["--all"], {"state": "any"}),
        (["--reason", "silence"], {"state": "any", "reason": "silence"}),
        (["--past", "--since", "2h"], {"state": "ended", "since": "2026-11-22T09:00:00.000+00:00"}),
        (["--until", "2026-11-22"], {"state": "any", "until": "2026-11-22T00:00:00.000+00:00"}),
        (["--line", ""], {"state": "any", "line": ""}),
        (["--number", "+1312*", "--lasted", "60"], {"number": "+1312*", "min_duration_s": 60.0}),
    ],
)
def test_options_become_a_query(argv, expected):
    query = asked(*argv)
    assert query is not None
    assert {name: getattr(query, name) for name in expected} == expected


def test_a_query_goes_into_a_url_and_comes_back_the_same():
    place = "2026-11-22T10:00:00.000+00:00~0123456789abcdef"
    query = asked("--past", "--number", "+1312*", "--line", "", "--after", place, "--limit", "7")
    assert query is not None
    assert CallQuery.model_validate(parameters_of(query)) == query


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--since", "yesterday"], "--since yesterday: must be a time, like .* 2h or 3d"),
        (["--limit", "0"], "--limit 0: "),
        (["--lasted", "long"], "--lasted long: "),
        (["--after", "x"], "--after x: must be the `next`"),
        (["--reason", "silencee"], '--reason silencee: .*did you mean "silence"'),
        (["--outcome", "xyz"], "--outcome xyz: .*known: completed, busy"),
    ],
)
def test_a_faulty_filter_is_named(argv, sentence):
    with pytest.raises(BadRequest, match=sentence):
        asked(*argv)


def test_past_calls_stand_in_columns_with_their_end():
    call = {
        "id": "0123456789abcdef",
        "direction": "outgoing",
        "from": "+13125550199",
        "to": "+13125550123",
        "started_at": "2026-11-22T10:00:00.123+00:00",
        "duration_s": 61.4,
        "worst_latency_s": 2.34,
        "end": {"reason": "unreached", "evidence": "busy"},
        "outcome": "busy",
    }
    headings, row, more = past_table([call], "place")
    assert headings.split()[:3] == ["ID", "WAY", "FROM"]
    assert row.split("  ")[0] == "0123456789abcdef"
    assert row.endswith("-     2026-11-22 10:00:00  1:01    2.3 s  unreached  busy")
    assert headings.index("END") == row.index("unreached")
    assert more == "more: --after place"
    assert list(past_table([], None)) == ["no calls"]


def test_past_calls_are_found_while_no_daemon_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text('[admin]\nbind = "127.0.0.1:1"\n')
    refs = []
    for name in ("barge_in", "outbound_busy"):
        record = read_flight(RECORDINGS / f"{name}.jsonl.gz").record
        assert record is not None
        refs.append(record["ref"])
        directory = tmp_path / "calls" / f"20261122T100000-{record['ref']}"
        directory.mkdir(parents=True)
        (directory / "call.json").write_text(json.dumps(record))
    assert main(["calls", "--past", "--direction", "outgoing", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert [call["id"] for call in page["calls"]] == [refs[1]]
    shutil.rmtree(tmp_path / "calls")
    assert main(["calls", "--past"]) == 1
    assert "no daemon answers" in capsys.readouterr().err
