from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import trio

from voiced.config import parse_config
from voiced.errors import ConfigError
from voiced.log import configure_logging
from voiced.public.listeners import open_listener
from voiced.server.daemon import open_daemon
from voiced.testing.emulator import API_KEY
from voiced.testing.fault_plans import FAULT_PLANS
from voiced.testing.provider_plans import PROVIDER_PLANS
from voiced.testing.simulate import SimulateOptions, run
from voiced.testing.webhooks import Signer, load_key

DIALOGUE = """
greeting = "Good day."
start = "only"

[states.only]
say = "Are you there?"

[[states.only.answers]]
hear = ["yes [i am] [here]"]
say = "Goodbye."
hang_up = true
confirm = "never"
"""


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (SimulateOptions(faults="storm"), "--faults"),
        (SimulateOptions(calls=0), "--calls"),
        (SimulateOptions(script=Path("x"), say=("y",)), "--script"),
        (SimulateOptions(against="127.0.0.1:8080"), "--against"),
        (SimulateOptions(script=Path("/no/such/file")), "script"),
        (SimulateOptions(output=Path("file")), "--output"),
    ],
)
async def test_options_that_cannot_be_are_named(options, key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if options.output is not None:
        options.output.write_text("a file where a folder is wanted", encoding="utf-8")
        options = SimulateOptions(output=options.output, wav=(_short_wav(tmp_path),))
    with pytest.raises(ConfigError) as caught:
        await run(options)
    assert caught.value.problems[0].key == key


def _short_wav(folder):
    path = folder / "short.wav"
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(b"\x00\x00" * 800)
    return path


async def test_the_fault_plans_can_be_asked_for(capsys):
    assert await run(SimulateOptions(faults="help")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=1) == ["none", "nothing goes wrong"]
    assert [line.split()[0] for line in lines] == [*FAULT_PLANS, *PROVIDER_PLANS]


async def test_faults_of_providers_are_not_for_a_daemon_that_runs_already():
    with pytest.raises(ConfigError, match="those of a daemon that runs already are its own"):
        await run(SimulateOptions(faults="agent-stalls", against="http://127.0.0.1:8080"))


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A configuration with a dialogue of one turn; the working directory is empty."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.toml").write_text(DIALOGUE, encoding="utf-8")
    path = tmp_path / "voiced.toml"
    path.write_text(f'[agent]\ndialogue = "{tmp_path / "desk.toml"}"\n', encoding="utf-8")
    return path


@pytest.mark.socket
@pytest.mark.slow
async def test_a_spoken_conversation_ends_well_and_leaves_its_recording(desk, tmp_path, capsys):
    output = tmp_path / "out"
    with trio.fail_after(50):
        status = await run(SimulateOptions(config=desk, say=("Yes I am here.",), output=output))
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert "agent   Good day." in printed
    assert "Are you there?" in printed
    assert "caller  Yes I am here." in printed
    assert 'understood "yes i am here"' in printed
    assert "agent   Goodbye.  [after " in printed
    assert "ended: agent hung up (normal_clearing" in printed
    assert str(output) in printed
    with wave.open(str(output / "call.wav"), "rb") as recording:
        assert (recording.getnchannels(), recording.getframerate()) == (2, 8000)
        assert recording.getnframes() > 8000
    svg = (output / "timeline.svg").read_text(encoding="utf-8")
    ET.fromstring(svg)
    assert "Are you there?" in svg
    assert "Yes I am here." in svg
    assert list((output / "records").iterdir())


@pytest.mark.socket
@pytest.mark.slow
async def test_a_running_daemon_can_be_rung_by_several_callers(desk, tmp_path, capsys, nursery):
    key = tmp_path / "key.pem"
    with open_listener("127.0.0.1:0", "a free port") as free:
        api = str(free.address)
    environ = {
        "TELNYX_API_BASE": f"http://{api}/v2",
        "TELNYX_API_KEY": API_KEY,
        "TELNYX_PUBLIC_KEY": Signer(load_key(key)).public_key,
    }
    document = {
        "server": {"bind": "127.0.0.1:0"},
        "admin": {"bind": "127.0.0.1:0"},
        "records": {"path": str(tmp_path / "records")},
        "agent": {"dialogue": str(tmp_path / "desk.toml")},
        "inbound": {"max_lag_ms": 0},
    }
    configure_logging("error")
    with trio.fail_after(50):
        async with open_daemon(parse_config(document, environ)) as daemon:
            options = SimulateOptions(
                against=f"http://{daemon.public.address}",
                say=("Yes I am here.",),
                output=tmp_path / "again",
                api_bind=api,
                key=key,
            )
            again = await run(options)  # and once more, with the key that is kept
            status = await run(replace(options, calls=2, output=tmp_path / "out"))
    printed = capsys.readouterr().out
    assert (again, status) == (0, 0), printed
    assert f"TELNYX_PUBLIC_KEY={environ['TELNYX_PUBLIC_KEY']}" in printed
    assert "agent   (speaks)  [after " in printed
    assert printed.count("  fine\n") == 2
    assert (tmp_path / "out/call-002.wav").exists()
