"""The three stacks of `examples/stacks`: sound as they stand, and a whole call over each.

The providers are fakes behind real sockets; the caller speaks, and the daemon is the real one.
"""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

from voiced.cli import run as run_command
from voiced.config import load_config
from voiced.providers import check_providers
from voiced.testing.fake_ears.deepgram import FakeDeepgram
from voiced.testing.fake_ears.openai import FakeTranscription
from voiced.testing.fake_models import FakeChat, ModelTurn
from voiced.testing.fake_provider import Answer, FakeServer, serve_fake
from voiced.testing.fake_realtime import FakeRealtime, RealtimeTurn
from voiced.testing.fake_voices import FakeElevenLabs, FakeOpenAISpeech
from voiced.testing.simulate import SimulateOptions, run

STACKS = Path(__file__).parents[2] / "examples" / "stacks"
KEYS = ("OPENAI_API_KEY", "DEEPGRAM_API_KEY", "ANTHROPIC_API_KEY", "ELEVENLABS_API_KEY")
GREETING = "Luigi's, good day."
BYE = "Goodbye."


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name in KEYS:
        monkeypatch.setenv(name, "any")


@pytest.mark.parametrize("path", sorted(STACKS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_stack_passes_the_check(path, capsys):
    assert run_command(["check", "--config", str(path)]) == 0
    config = load_config(path, {})
    assert config.agent.fallback


def test_there_are_three():
    assert {path.stem for path in STACKS.glob("*.toml")} == {
        *("local", "one-vendor", "best-of-breed"),
    }


def test_without_its_keys_a_stack_names_each_of_them(monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name)
    with pytest.raises(Exception, match=r".") as raised:
        check_providers(load_config(STACKS / "best-of-breed.toml", {}))
    said = str(raised.value)
    assert all(name in said for name in KEYS)
    assert "synthesizer.fallback.0" in said


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Hold one call over a stack whose providers are at other addresses; returns its record."""
    monkeypatch.chdir(tmp_path)

    async def hold(name, fakes, places):
        text = (STACKS / f"{name}.toml").read_text(encoding="utf-8")
        async with AsyncExitStack() as stack:
            for key, server in fakes.items():
                host = await stack.enter_async_context(serve_fake(server))
                for old, new in places[key].items():
                    assert old in text
                    text = text.replace(old, new.format(host=host))
            config = tmp_path / "voiced.toml"
            config.write_text(text, encoding="utf-8")
            options = SimulateOptions(config=config, say=("Goodbye.",), output=tmp_path / "out")
            with trio.fail_after(150):  # above [budgets] warn_left_s: an agent is told of deadlines
                status = await run(options)
        printed = capsys.readouterr().out
        assert status == 0, printed
        (path,) = (tmp_path / "out" / "records").glob("*/call.json")
        record = json.loads(path.read_text(encoding="utf-8"))
        assert record["end"]["reason"] == "agent_hung_up", printed
        return record

    return hold


def said(record, who):
    return [turn["text"] for turn in record["turns"] if turn["who"] == who]


CHAT = [ModelTurn(BYE, calls=[("hang_up", {})])]


@pytest.mark.socket
@pytest.mark.slow
async def test_a_call_over_the_local_stack(call):
    chat = FakeServer(FakeChat(CHAT))
    places = {"chat": {"http://127.0.0.1:11434": "http://{host}"}}
    record = await call("local", {"chat": chat}, places)
    assert said(record, "agent") == [GREETING, BYE]
    assert said(record, "caller") == ["goodbye"]
    assert record["provider_failures"] == []


@pytest.mark.socket
@pytest.mark.slow
async def test_a_call_over_three_vendors_one_of_whom_fails(call):
    voice = FakeElevenLabs()
    fakes = {
        "ears": FakeServer(FakeDeepgram(["Goodbye."], key="any")),
        "chat": FakeServer(FakeChat(CHAT, key="any"), [Answer(status=503)] * 2),
        "claude": FakeServer(FakeChat()),
        "voice": FakeServer(voice),
    }
    places = {
        "ears": {'model = "nova-3"': 'model = "nova-3"\nurl = "ws://{host}/v1/listen"'},
        "chat": {
            'model = "gpt-6-luna"': 'model = "gpt-6-luna"\nbase_url = "http://{host}/v1"\n'
            'api_key_from = "OPENAI_API_KEY"\nretries = 2'
        },
        "claude": {'model = "claude-haiku-4-5"': 'model = "c"\nbase_url = "http://{host}"'},
        "voice": {'model = "eleven_flash_v2_5"': 'model = "v"\nurl = "ws://{host}"'},
    }
    record = await call("best-of-breed", fakes, places)
    assert said(record, "agent") == [GREETING, BYE]
    assert said(record, "caller") == ["Goodbye."]
    assert [turn["heard"] for turn in record["turns"] if turn["who"] == "agent"] == ["all"] * 2
    assert len(voice.said) == 2
    assert record["provider_failures"] == []  # it was had at the third attempt


@pytest.mark.socket
@pytest.mark.slow
async def test_a_call_over_one_vendor_whose_large_model_is_refused(call):
    fake = FakeRealtime(
        [RealtimeTurn(GREETING), RealtimeTurn(BYE, [("hang_up", {})], heard="Goodbye.")],
        key="any",
    )
    server = FakeServer(fake, [Answer(status=429, retry_after="20")])
    small = (
        'model = "gpt-realtime-2.1-mini"\ngreeting = "Good day."\nurl = "ws://{host}/v1/realtime"'
    )
    places = {
        "realtime": {
            'turn_detection = "semantic"': 'url = "ws://{host}/v1/realtime"',
            'model = "gpt-realtime-2.1-mini"': small,
        }
    }
    record = await call("one-vendor", {"realtime": server}, places)
    assert said(record, "agent") == [GREETING, BYE]
    assert said(record, "caller") == ["Goodbye."]
    (failure,) = record["provider_failures"]
    assert (failure["provider"], failure["kind"]) == ("openai-realtime", "rate_limited")
    assert [request.query["model"] for request in server.requests] == [
        *("gpt-realtime-2.1", "gpt-realtime-2.1-mini"),
    ]
    assert fake.faults == []


@pytest.mark.socket
@pytest.mark.slow
async def test_a_call_over_one_vendor_whose_realtime_models_are_refused(call):
    voice = FakeOpenAISpeech(key="any")
    fakes = {
        "realtime": FakeServer(FakeRealtime(), [Answer(status=401)] * 3),
        "chat": FakeServer(FakeChat(CHAT, key="any")),
        "ears": FakeServer(FakeTranscription(["Goodbye."], key="any")),
        "voice": FakeServer(voice),
    }
    own = 'base_url = "http://{host}/v1"\napi_key'
    places = {
        "realtime": {
            'turn_detection = "semantic"': 'url = "ws://{host}/v1/realtime"',
            'model = "gpt-realtime-2.1-mini"': 'model = "m"\nurl = "ws://{host}/v1/realtime"',
        },
        "chat": {'model = "gpt-6-luna"': f'model = "m"\n{own}_from = "OPENAI_API_KEY"'},
        "ears": {"[recognizer]": f'[recognizer]\n{own} = "any"'},
        "voice": {"[synthesizer]": f'[synthesizer]\n{own} = "any"'},
    }
    record = await call("one-vendor", fakes, places)
    assert said(record, "agent") == [GREETING, BYE]
    assert said(record, "caller") == ["Goodbye."]
    assert len(voice.said) == 2
    providers = [(entry["provider"], entry["kind"]) for entry in record["provider_failures"]]
    assert providers == [(f"openai-realtime{n}", "unauthorized") for n in ("", " 2")]
    assert [switch["to"] for switch in record["provider_switches"]] == [
        *("openai-realtime 2", "openai"),
    ]
