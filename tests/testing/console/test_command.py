"""`voiced console`, as a person or a script runs it."""

import io
import json

import pytest

from voiced.__main__ import main

DIALOGUE = """
greeting = "Hello."
start = "shop"
[states.shop]
say = "Ask me."
[[states.shop.answers]]
hear = ["are you open"]
say = "Yes."
[[everywhere]]
hear = ["goodbye"]
say = "Bye."
hang_up = true
"""


@pytest.fixture
def console(tmp_path, monkeypatch, capsys):
    """Run the console with lines from a file: returns exit code, stdout and stderr."""

    def run(lines, *arguments, agent):
        file = tmp_path / "config.toml"
        file.write_text(f"[agent]\n{agent}\n")
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        output = str(tmp_path / "out")
        code = main(["console", "--config", str(file), "--output", output, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.slow
def test_a_conversation_from_a_file_is_held_and_leaves_a_record(console, tmp_path):
    (tmp_path / "shop.toml").write_text(DIALOGUE)
    agent = f'provider = "script"\ndialogue = "{tmp_path / "shop.toml"}"'
    code, out, err = console("are you open\ngoodbye\n", agent=agent)
    assert (code, err) == (0, "")
    told = [line.partition("  [")[0] for line in out.splitlines()]
    said = ("you     are you open", "agent   Yes.", "you     goodbye", "agent   Bye.")
    assert [line for line in told if line in said] == list(said)
    assert told[1].startswith("agent   Hello.")
    assert out.count("first word after") == 2
    assert "ended: the agent hung up · 2 answers after" in out
    (path,) = (tmp_path / "out" / "records").glob("*/call.json")
    assert json.loads(path.read_text())["end"]["reason"] == "agent_hung_up"
    assert f"record: {path.parent}" in out


def test_an_agent_that_listens_to_audio_cannot_read(console):
    code, _, err = console("", agent='provider = "echo"')
    assert code == 2
    assert "voiced console --voice" in err


def test_a_line_that_there_is_not_is_told(console):
    code, _, err = console("", "--line", "sales", agent='provider = "echo"')
    assert code == 2
    assert "--line = sales: there is no such line (known: none)" in err
