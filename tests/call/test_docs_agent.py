"""The agent of docs/agents.md works as it stands there."""

import re
from pathlib import Path
from typing import Any

from voiced.agent.base import DialogueAgent
from voiced.testing.callees import busy
from voiced.testing.caller import silent_caller
from voiced.testing.providers import ScriptedRecognizer, Speech

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"


def speech(from_s, text):
    return Speech(from_s=from_s, to_s=from_s + 0.5, text=text, silence_s=0.2, decode_s=0.1)


async def test_the_agent_of_the_manual_holds_a_call(open_world, autojump_clock):
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)  # it is our own page
    clerk = names["Clerk"]
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
