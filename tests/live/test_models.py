"""The real models behind the agents, of which the fakes are likenesses. They cost some cents."""

import os
from typing import Annotated

import pytest

from voiced.agent.base import CallerTurn, CallInfo
from voiced.agent.model.anthropic import AnthropicAgent, AnthropicSettings
from voiced.agent.model.openai import OpenAiAgent, OpenAiSettings
from voiced.testing.agent_kit import KitReply

CALL = CallInfo(call_id="v3:live", caller="+15550001", called="+15550002")
PROMPT = "You are a clerk. Before you tell of an order, look it up with the tool."


async def order_status(number: Annotated[int, "On the receipt"]) -> str:
    """Look up where an order is."""
    return f"order {number} is in the purple van"


SETTINGS = {"prompt": PROMPT, "tools": ["hang_up", f"{__name__}:order_status"]}


@pytest.mark.parametrize(
    ("agent", "settings", "model", "extra"),
    [
        pytest.param(
            OpenAiAgent,
            OpenAiSettings,
            os.environ.get("VOICED_LIVE_OPENAI_MODEL", "gpt-6-luna"),
            {"reasoning_effort": "none"},  # or it takes no tools
            marks=pytest.mark.live("OPENAI_API_KEY"),
        ),
        pytest.param(
            AnthropicAgent,
            AnthropicSettings,
            os.environ.get("VOICED_LIVE_ANTHROPIC_MODEL", "claude-haiku-4-5"),
            {},
            marks=pytest.mark.live("ANTHROPIC_API_KEY"),
        ),
    ],
)
async def test_a_model_uses_a_tool_and_tells_what_it_found(agent, settings, model, extra):
    patient = {"first_token_s": 30.0, "extra": extra}
    async with agent.open(settings(model=model, **patient, **SETTINGS)) as opened:
        dialogue = opened.begin(CALL)
        reply = KitReply()
        turn = CallerTurn(text="Where is my order number seven?", confidence=0.9)
        await reply.run(lambda reply: dialogue.answer(turn, reply))
    assert "purple" in reply.words
    assert reply.n_deeds >= 1
