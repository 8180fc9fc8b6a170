"""Remote agents whose servers fail, over real sockets."""

from contextlib import asynccontextmanager
from typing import Any

import pytest

from voiced.agent.base import CallerTurn, CallInfo
from voiced.agent.http import HttpAgent, HttpAgentSettings
from voiced.agent.model.anthropic import AnthropicAgent, AnthropicSettings
from voiced.agent.model.openai import OpenAiAgent, OpenAiSettings
from voiced.errors import AgentFailed, AgentTooSlow, ProviderError
from voiced.testing.agent_kit import KitReply
from voiced.testing.fake_brain import FakeBrain
from voiced.testing.fake_models import FakeChat, FakeClaude, ModelTurn
from voiced.testing.fake_provider import (
    Answer,
    Drop,
    FakeServer,
    Garbage,
    Refuse,
    Stall,
    serve_fake,
)

pytestmark = pytest.mark.socket

CALL = CallInfo(call_id="v3:1", caller="+15550001", called="+15550002")
TURN = CallerTurn(text="hello", confidence=0.9)
WORDS = "We are open until six in the evening."
MODEL = {"model": "m", "api_key": "k", "keep_warm": False, "first_token_s": 0.2}


def openai(host):
    return OpenAiAgent.open(OpenAiSettings(base_url=f"http://{host}/v1", **MODEL))


def anthropic(host):
    return AnthropicAgent.open(AnthropicSettings(base_url=f"http://{host}", **MODEL))


def http(host):
    settings = HttpAgentSettings(url=f"http://{host}/", keep_warm=False, first_event_s=0.2)
    return HttpAgent.open(settings)


def script(_):
    return ModelTurn(WORDS)


KINDS: dict[str, Any] = {
    "openai": (openai, lambda: FakeChat(script)),
    "anthropic": (anthropic, lambda: FakeClaude(script)),
    "http": (http, lambda: FakeBrain(lambda _: [("say", {"text": WORDS}), ("say", {"text": " "})])),
}


@pytest.fixture(params=KINDS)
def answer(request):
    """Have a turn answered whose server has faults: returns what was said, and the server."""

    @asynccontextmanager
    async def opened(*faults):
        opener, fake = KINDS[request.param]
        server = FakeServer(fake(), faults)
        async with serve_fake(server) as host, opener(host) as agent:
            yield agent.begin(CALL), server

    return opened


@pytest.mark.parametrize(
    "fault",
    [Refuse(), Answer(status=503), Answer(status=429, retry_after="0"), Stall(), Drop()],
    ids=lambda fault: type(fault).__name__,
)
async def test_what_fails_before_the_first_words_is_tried_again(answer, fault):
    async with answer(fault) as (dialogue, server):
        reply = KitReply()
        await reply.run(lambda reply: dialogue.answer(TURN, reply))
    assert reply.words == WORDS
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("faults", "error", "kind"),
    [
        ([Answer(status=401)], AgentFailed, "unauthorized"),
        ([Answer(status=400)], AgentFailed, "bad_request"),
        ([Answer(status=429, retry_after="30")], AgentFailed, "rate_limited"),
        ([Answer(status=500), Answer(status=500)], AgentFailed, "overloaded"),
        pytest.param([Stall()] * 2, AgentTooSlow, "too_slow", marks=pytest.mark.slow),
        ([Refuse()] * 4, AgentFailed, "closed"),
        ([Drop(after=2), Drop(after=2)], AgentFailed, "closed"),
        ([Garbage(text="data: {\n\n", after=1)] * 2, AgentFailed, "garbage"),
    ],
    ids=str,
)
async def test_what_stays_is_raised_with_its_kind(answer, faults, error, kind):
    async with answer(*faults) as (dialogue, _):
        with pytest.raises(ProviderError) as caught:
            await KitReply().run(lambda reply: dialogue.answer(TURN, reply))
    assert isinstance(caught.value, error)
    assert caught.value.kind == kind
