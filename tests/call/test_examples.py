"""The package in `examples/`, as a user would have installed it."""

import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from voiced.agent.base import CallInfo
from voiced.agent.tools.base import Use
from voiced.agent.tools.chest import open_tools
from voiced.agent.tools.settings import ToolSettings
from voiced.config import parse_config
from voiced.errors import ConfigError, ToolFailed
from voiced.providers import AGENTS, RECOGNIZERS, SYNTHESIZERS, check_providers, load_provider
from voiced.testing.agent_kit import AGENT_PROMISES
from voiced.testing.caller import Line, ScriptedCaller
from voiced.testing.recognizer_kit import RECOGNIZER_PROMISES, Sample
from voiced.testing.synthesizer_kit import SYNTHESIZER_PROMISES

EXAMPLES = Path(__file__).parents[2] / "examples"
MODULES = ("voiced_knocking", "voiced_dice")

CONFIG = {
    "recognizer": {"provider": "knocks", "loud_dbfs": -35.0},
    "agent": {"provider": "counter"},
    "synthesizer": {"provider": "whistle"},
}


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    """Install the package: what pip would write beside it, made of its own pyproject.toml."""
    project = tomllib.loads((EXAMPLES / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
        encoding="utf-8",
    )
    groups = project["entry-points"].items()
    (metadata / "entry_points.txt").write_text(
        "\n".join(
            f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in offers.items())
            for group, offers in groups
        ),
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    yield
    for module in MODULES:
        sys.modules.pop(module, None)


@pytest.fixture
def opened():
    """Open a provider of the package: `async with opened(AGENTS, "counter") as agent`."""

    def opener(group, name, **keys):
        provider = load_provider(group, name)
        return provider.open(provider.Settings(**keys))

    return opener


def test_recognizer_agent_and_voice_are_under_a_hundred_lines_together():
    assert len((EXAMPLES / "voiced_knocking.py").read_text().splitlines()) < 100


def test_voiced_finds_what_the_package_offers():
    for group, name in ((RECOGNIZERS, "knocks"), (AGENTS, "counter"), (SYNTHESIZERS, "whistle")):
        assert name in entry_points(group=group).names
    check_providers(parse_config(CONFIG, {}))


def test_its_keys_are_checked_like_ours():
    with pytest.raises(ConfigError, match=r"recognizer\.loud_dbsf"):
        parse_config({"recognizer": {"provider": "knocks", "loud_dbsf": -20.0}}, {})


@pytest.mark.parametrize("promise", AGENT_PROMISES, ids=lambda promise: promise.__name__)
async def test_its_agent_keeps_the_promises_of_agents(promise, opened, autojump_clock):
    async with opened(AGENTS, "counter") as agent:
        await promise(agent)


def knocks(n):
    """Return `n` knocks at -15 dBFS, 60 ms each, three a second."""
    time = np.arange(480) / 8000
    knock = np.concatenate([8000 * np.sin(2 * np.pi * 300 * time), np.zeros(2200)])
    return np.tile(knock, n).astype(np.int16)


@pytest.mark.parametrize("promise", RECOGNIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_its_recognizer_keeps_the_promises_of_recognizers(promise, opened, autojump_clock):
    pause = np.zeros(12_000, np.int16)
    pcm = np.concatenate([pause, knocks(2), pause, knocks(3), pause])
    async with opened(RECOGNIZERS, "knocks") as recognizer:
        await promise(recognizer, Sample(pcm=pcm, texts=("2 knocks", "3 knocks")))


@pytest.mark.parametrize("promise", SYNTHESIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_its_voice_keeps_the_promises_of_synthesizers(promise, opened, autojump_clock):
    async with opened(SYNTHESIZERS, "whistle") as voice:
        await promise(voice)


async def test_a_whole_call_is_held_with_it(open_world, opened, autojump_clock):
    caller = ScriptedCaller([Line(pcm=knocks(2)), Line(pcm=knocks(3))])
    async with (
        opened(RECOGNIZERS, "knocks") as recognizer,
        opened(AGENTS, "counter") as agent,
        opened(SYNTHESIZERS, "whistle") as voice,
        open_world(agent=agent, recognizer=recognizer, synthesizer=voice) as world,
    ):
        report = await world.ring(caller)
    (record,) = world.records
    said = [turn["heard_text"] for turn in record["turns"] if turn["who"] == "agent"]
    assert said == ["Knock, please.", "I have heard 2 knocks.", "I have heard 3 knocks."]
    assert report.ended_by == "agent"
    assert report.violations == ()


async def test_its_tool_is_one_for_models(autojump_clock):
    call = CallInfo(call_id="v3:1", caller="+15550001", called="+15550002")
    use = Use(call=call, reply=cast("Any", SimpleNamespace()), has_spoken=False)
    async with open_tools(ToolSettings(tools=("dice",)), environ={}) as tools:
        assert tools["dice"].spec.description == "Roll dice."
        assert await tools["dice"].run({"sides": 2, "n": 3}, use) in {
            f"[{a}, {b}, {c}]" for a in (1, 2) for b in (1, 2) for c in (1, 2)
        }
        with pytest.raises(ToolFailed, match="at most ten dice"):
            await tools["dice"].run({"sides": 1}, use)
