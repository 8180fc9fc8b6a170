from __future__ import annotations

import io

import numpy as np
import pytest

from voiced.audio.wav import write_wav
from voiced.errors import ConfigError
from voiced.testing.script import load_script, parse_script, shipped_scripts, speak_script


def test_the_shipped_script_can_be_loaded_by_name():
    assert "booking" in shipped_scripts()
    script = load_script("booking")
    assert len(script.lines) >= 4
    assert all(line.say for line in script.lines)


def test_a_script_says_what_and_when(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(
        'voice = "slt"\n[[line]]\nsay = "hello"\nafter_s = 2\n'
        '[[line]]\nwav = "a.wav"\nbarge_in = true\n',
        encoding="utf-8",
    )
    script = load_script(path)
    assert script.voice == "slt"
    assert [(line.say, line.after_s, line.barge_in) for line in script.lines] == [
        ("hello", 2.0, False),
        ("", 0.7, True),
    ]
    assert script.lines[1].wav == tmp_path / "a.wav"


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ({}, ["line"]),
        ({"line": "x"}, ["line"]),
        ({"line": [{"say": "x"}], "voise": "x"}, ["voise"]),
        ({"line": [{"say": "x"}], "voice": 7}, ["voice"]),
        ({"line": [{}, {"say": "a", "wav": "b"}]}, ["line 1", "line 2"]),
        ({"line": [{"say": "x", "afters": 1}]}, ["line 1.afters"]),
        ({"line": [{"say": "x", "after_s": "1"}]}, ["line 1.after_s"]),
        ({"line": [{"say": "x", "after_s": True}]}, ["line 1.after_s"]),
        ({"line": [{"say": "x", "after_s": 61}]}, ["line 1.after_s"]),
        ({"line": [{"say": "x", "barge_in": 1}]}, ["line 1.barge_in"]),
    ],
)
def test_every_fault_of_a_script_is_named(table, keys, tmp_path):
    with pytest.raises(ConfigError) as caught:
        parse_script(table, folder=tmp_path)
    assert [problem.key for problem in caught.value.problems] == keys


@pytest.mark.parametrize("content", [None, "line = [", b"\xff\xfe"])
def test_a_file_that_is_no_script_is_one_clear_error(content, tmp_path):
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load_script(path)
    assert caught.value.problems[0].value == str(path)


async def test_recordings_are_brought_to_the_rate_of_the_line(tmp_path):
    file = io.BytesIO()
    write_wav(file, np.full(16000, 1000, np.int16), 16000)
    (tmp_path / "a.wav").write_bytes(file.getvalue())
    script = parse_script({"line": [{"wav": "a.wav"}]}, folder=tmp_path)
    (line,) = await speak_script(script)
    assert len(line.pcm) == pytest.approx(8000, abs=80)
    assert line.text == "(a.wav)"


@pytest.mark.parametrize("content", [None, b"not a wav"])
async def test_a_recording_that_cannot_be_read_is_a_clear_error(content, tmp_path):
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    script = parse_script({"line": [{"wav": "a.wav"}]}, folder=tmp_path)
    with pytest.raises(ConfigError, match=r"a\.wav"):
        await speak_script(script)


@pytest.mark.slow
async def test_words_are_spoken_with_flite(tmp_path):
    table = {"voice": "kal16", "line": [{"say": "hello there"}, {"say": "goodbye"}]}
    lines = await speak_script(parse_script(table, folder=tmp_path))
    assert [line.text for line in lines] == ["hello there", "goodbye"]
    assert all(0.3 < len(line.pcm) / 8000 < 2 for line in lines)
    assert all(np.abs(line.pcm).max() > 1000 for line in lines)
