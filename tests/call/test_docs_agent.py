"""The agent of docs/agents.md works as it stands there."""

import re
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from voiced.agent.base import DialogueAgent
from voiced.agent.http import HttpAgent, HttpAgentSettings
from voiced.testing.agent_kit import (
    AGENT_PROMISES,
    a_turn_is_answered,
    calls_do_not_mix,
    silence_is_answered,
)
from voiced.testing.callees import busy
from voiced.testing.caller import silent_caller
from voiced.testing.providers import ScriptedRecognizer, Speech

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"


def speech(from_s, text):
    return Speech(from_s=from_s, to_s=from_s + 0.5, text=text, silence_s=0.2, decode_s=0.1)


def names_of(page):
    """Return what the first example of a page defines."""
    code = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[0]
    names: dict[str, Any] = {"__name__": "an example"}
    exec(compile(code, str(page), "exec"), names)  # it is our own page
    return names


@pytest.mark.parametrize("promise", AGENT_PROMISES, ids=lambda promise: promise.__name__)
async def test_the_agent_of_the_manual_behaves(promise, autojump_clock):
    clerk = names_of(PAGE)["Clerk"]
    async with clerk.open(clerk.Settings()) as agent:
        await promise(agent)


@pytest.mark.socket
@pytest.mark.parametrize("check", [a_turn_is_answered, calls_do_not_mix, silence_is_answered])
async def test_the_brain_of_the_manual_answers(check, capfd):
    brain = names_of(PAGE.with_name("http-agent.md"))["Brain"]
    with ThreadingHTTPServer(("127.0.0.1", 0), brain) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            settings = HttpAgentSettings(url=f"http://127.0.0.1:{server.server_port}/")
            async with HttpAgent.open(settings) as agent:
                await check(agent)
        finally:
            server.shutdown()
            thread.join()


async def test_the_agent_of_the_manual_holds_a_call(open_world, autojump_clock):
    clerk = names_of(PAGE)["Clerk"]
    recognizer = ScriptedRecognizer([speech(5.0, "two pizzas"), speech(10.0, "a person please")])
    async with clerk.open(clerk.Settings(shop="Mario's")) as agent:
        assert isinstance(agent, DialogueAgent)
        async with open_world(agent=agent, recognizer=recognizer) as world:
            world.telnyx.directory.entries["+15551234567"] = busy()
            report = await world.ring(silent_caller(hangs_up_s=30.0))
    assert report.violations == ()
    (record,) = (kept for kept in world.records if kept["direction"] == "incoming")
    said = " ".join(turn["heard_text"] for turn in record["turns"] if turn["who"] == "agent")
    assert said.startswith("Welcome to Mario's. How can I help you? You said: two pizzas.")
    assert "One moment, please. I am sorry, nobody is free." in said
