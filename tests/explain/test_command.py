"""`voiced explain`, from the command line."""

from __future__ import annotations

import json
import shutil
import struct
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from voiced.__main__ import main
from voiced.explain import png
from voiced.flight.reading import read_flight
from voiced.picture import svg

RECORDINGS = Path(__file__).parents[1] / "recordings"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A configuration whose records hold one call; its daemon does not run."""
    monkeypatch.chdir(tmp_path)
    file = RECORDINGS / "barge_in.jsonl.gz"
    record = read_flight(file).record
    assert record is not None
    directory = tmp_path / "calls" / f"20261122T100000-{record['ref']}"
    directory.mkdir(parents=True)
    shutil.copy(file, directory / "wire.jsonl.gz")
    (directory / "call.json").write_text(json.dumps(record))
    (tmp_path / "config.toml").write_text('[admin]\nbind = "127.0.0.1:1"\n')
    return record


def test_a_call_is_explained_while_no_daemon_runs(config, capsys):
    assert main(["explain", config["ref"][:6]]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"call {config['ref']}   incoming")
    assert "the caller interrupts: cleared after" in told
    assert "[not heard: " in told
    assert "last words: " in told


def test_for_programs_it_is_json(config, capsys):
    assert main(["explain", "last", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["record"]["ref"] == config["ref"]
    assert document["findings"] == [] or document["findings"][0]["sentence"]


def test_its_picture_is_drawn_from_the_flight_recording(config, tmp_path, capsys):
    assert main(["explain", "last", "--picture", "call.svg"]) == 0
    assert capsys.readouterr().out.endswith("picture: call.svg\n")
    root = ET.fromstring((tmp_path / "call.svg").read_bytes())
    drawn = {element.get("class") for element in root.iter()}
    assert {"caller", "agent", "wait", "barge-in", "unheard", "hangup"} <= drawn


def test_its_picture_is_a_png_where_the_name_says_so(config, tmp_path, capsys, monkeypatch):
    with_words = drawn_png(tmp_path)
    monkeypatch.setattr(svg, "xml_text", lambda text: "")
    assert drawn_png(tmp_path) != with_words  # resvg leaves words out where it has no font


def drawn_png(folder):
    if main(["explain", "last", "--picture", "call.png"]):
        pytest.skip("no font here (apt install fonts-dejavu-core)")
    data = (folder / "call.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width >= 1600
    assert height > 500
    return data


def test_what_a_png_needs_and_is_not_there_is_named_before_anything_is_told(
    config, capsys, monkeypatch
):
    monkeypatch.setattr(png, "FONTS", ("No Such Font",))
    assert main(["explain", "last", "--picture", "call.png"]) == 1
    told = capsys.readouterr()
    assert "apt install fonts-dejavu-core" in told.err
    assert told.out == ""
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert main(["explain", "last", "--picture", "call.png"]) == 1
    assert "pip install 'voiced[png]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nosuchcall"], 1, "there is no call 'nosuchcall' in calls"),
        (["last", "--picture", "call.gif"], 2, "name it call.svg or call.png"),
        (["last", "--picture", "none/call.svg"], 1, "none/call.svg: No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(config, capsys, arguments, code, sentence):
    assert main(["explain", *arguments]) == code
    errors = capsys.readouterr().err
    assert sentence in errors
    assert errors.count("\n") == 1


def test_of_a_call_that_was_left_live_what_is_on_the_disk_is_told(config, tmp_path, capsys):
    (file,) = tmp_path.glob("calls/*/call.json")
    file.write_text(json.dumps({**config, "state": "live", "end": None, "turns": []}))
    assert main(["explain", "last"]) == 0
    told = capsys.readouterr().out
    assert "live, or left by a daemon that has died" in told
    assert "what was said is from the flight recording" in told
    assert "[not heard: " in told
