"""Every agent behaves: the embedded one, and remote ones against their fakes on real sockets."""

from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from voiced.agent.http import HttpAgent, HttpAgentSettings
from voiced.agent.model.anthropic import AnthropicAgent, AnthropicSettings
from voiced.agent.model.openai import OpenAiAgent, OpenAiSettings
from voiced.agent.script import ScriptAgent, ScriptSettings
from voiced.testing.agent_kit import (
    AGENT_PROMISES,
    a_turn_is_answered,
    an_answer_can_be_cut_at_any_step,
    calls_do_not_mix,
    it_fits_the_protocol,
)
from voiced.testing.fake_brain import FakeBrain
from voiced.testing.fake_models import FakeChat, FakeClaude, ModelTurn
from voiced.testing.fake_provider import FakeServer, serve_fake
from voiced.testing.providers import FunctionAgent


def answer(body):
    """Use a tool first, then talk."""
    asked_before = (
        "tool_result" in str(body["messages"][-1]) or body["messages"][-1]["role"] == "tool"
    )
    if asked_before:
        return ModelTurn("Here it is. " * 3)
    return ModelTurn("Let me see.", calls=[("look_up", {"what": "it"})])


async def look_up(what: str) -> str:
    """Look something up."""
    return what


MODEL: dict[str, Any] = {"model": "m", "api_key": "k", "tools": ["hang_up", f"{__name__}:look_up"]}


@asynccontextmanager
async def script():
    async with ScriptAgent.open(ScriptSettings()) as agent:
        yield agent


@asynccontextmanager
async def openai():
    async with serve_fake(FakeServer(FakeChat(answer))) as host:
        settings = OpenAiSettings(base_url=f"http://{host}/v1", **MODEL)
        async with OpenAiAgent.open(settings) as agent:
            yield agent


@asynccontextmanager
async def anthropic():
    async with serve_fake(FakeServer(FakeClaude(answer))) as host:
        settings = AnthropicSettings(base_url=f"http://{host}", **MODEL)
        async with AnthropicAgent.open(settings) as agent:
            yield agent


@asynccontextmanager
async def http():
    def respond(request):
        return [("say", {"text": "Here "}), ("say", {"text": "it is."}), ("press", {"digits": "1"})]

    async with (
        serve_fake(FakeServer(FakeBrain(respond))) as host,
        HttpAgent.open(HttpAgentSettings(url=f"http://{host}")) as agent,
    ):
        yield agent


@pytest.mark.socket
@pytest.mark.parametrize("opener", [script, openai, anthropic, http])
@pytest.mark.parametrize("promise", AGENT_PROMISES, ids=lambda promise: promise.__name__)
async def test_an_agent_keeps_its_promises(promise, opener):
    async with opener() as agent:
        await promise(agent)


# -- the kit finds faults ------------------------------------------------------------------------


async def silent(*_):
    pass


async def polite(*_):
    await _[-1].say("Yes?")


async def test_an_agent_that_says_nothing_is_found_out(autojump_clock):
    with pytest.raises(AssertionError, match="nothing was said or done"):
        await a_turn_is_answered(FunctionAgent(respond=silent))


async def test_settings_that_take_anything_are_found_out(autojump_clock):
    with pytest.raises(AssertionError, match="forbid"):
        await it_fits_the_protocol(FunctionAgent(respond=polite))


async def test_an_agent_that_swallows_its_cancellation_is_found_out(autojump_clock):
    async def stubborn(turn, reply):
        if "all about" in turn.text:
            with suppress(BaseException):
                await reply.say("I go on.")
            broken.append(turn)
        elif not broken:
            await reply.say("Yes?")

    broken: list[object] = []
    with pytest.raises(AssertionError, match="after a cut at step 0"):
        await an_answer_can_be_cut_at_any_step(FunctionAgent(respond=stubborn))


async def test_calls_that_share_a_dialogue_are_found_out(autojump_clock):
    class Shared(FunctionAgent):
        def begin(self, call):
            return self.dialogues[0] if self.dialogues else super().begin(call)

    with pytest.raises(AssertionError, match="share a dialogue"):
        await calls_do_not_mix(Shared(respond=polite))


class Strict(BaseModel, frozen=True, extra="forbid"):
    pass


async def test_a_plain_agent_passes(autojump_clock):
    class Plain(FunctionAgent):
        Settings: ClassVar[type[BaseModel]] = Strict

    for promise in AGENT_PROMISES:
        await promise(Plain(greet=polite, respond=polite, nudge=polite, take_back=polite))
