"""What is written about metrics agrees with what a scrape has: page, rules, dashboard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from voiced.leg.leg import EndReason
from voiced.metrics import Metrics

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
RULES = (MONITORING / "rules.yml").read_text(encoding="utf-8")
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\| ([^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"\b(?:voiced|process|python_gc)[_:][a-z0-9_:]+")
FOREIGN = {"up"}


def told(family):
    name, kind, _, _ = family
    return f"{name}_total" if kind == "counter" else name


def queries():
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def expressions():
    """Return what the rules compute, one line for each."""
    joined = re.sub(r">-\n\s+|\n\s+(?=/)", " ", RULES)
    return re.findall(r"expr: *(.+)", joined)


def test_the_page_tells_of_every_series_and_of_no_other(families):
    written = {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in ROW.findall(PAGE)
    }
    ours = {told(f): (f[1], f[3], f[2]) for f in families if f[0].startswith("voiced")}
    assert written == ours


def test_rules_and_dashboard_ask_only_for_series_that_exist(families):
    known = {told(f) for f in families}
    for name, kind, _, _ in families:
        if kind == "histogram":
            known |= {f"{name}_{suffix}" for suffix in ("bucket", "sum", "count")}
    known |= set(re.findall(r"record: (\S+)", RULES))
    texts = [*expressions(), *queries(), *re.findall(r"label_values\((\w+)", json.dumps(DASHBOARD))]
    assert len(expressions()) > 15
    for text in texts:
        assert set(NAME.findall(text)) <= known, text


def test_every_series_of_ours_is_on_the_dashboard_or_in_a_rule(families):
    shown = " ".join([*expressions(), *queries()])
    missing = [f[0] for f in families if f[0].startswith("voiced") and f[0] not in shown]
    assert missing == []


def test_what_the_rules_call_a_failure_is_one():
    (reasons,) = re.findall(r'voiced_calls_ended_total\{reason=~"([^"]+)"', RULES)
    assert set(reasons.split("|")) == {r.value for r in EndReason if r.is_failure}


def test_panels_lie_side_by_side_and_say_what_they_show():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["fieldConfig"]["defaults"]["unit"]


# -- with Prometheus' own tool ----------------------------------------------------------------


def promtool(*arguments, stdin=b""):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    result = subprocess.run(["promtool", *arguments], input=stdin, capture_output=True, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr).decode()
    return (result.stdout + result.stderr).decode()


def test_promtool_finds_nothing_to_say_about_a_scrape():
    assert promtool("check", "metrics", stdin=Metrics().render()) == ""


def test_promtool_accepts_the_rules_and_the_alerts_sound_when_they_should():
    promtool("check", "rules", str(MONITORING / "rules.yml"))
    promtool("test", "rules", str(MONITORING / "rules_test.yml"))


def test_promtool_can_read_every_query_of_the_dashboard(tmp_path):
    asked = (q.replace("$__rate_interval", "1m").replace("$instance", ".*") for q in queries())
    rules = [{"record": f"q{n}", "expr": query} for n, query in enumerate(asked)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))
