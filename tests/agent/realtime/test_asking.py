"""How the model is asked to speak, one response at a time."""

from typing import Any

import pytest

from voiced.agent.realtime.asking import Asking
from voiced.agent.realtime.waits import Limits, Waits


class Player:
    """A player, as far as it says whether the API is busy."""

    is_making = False


@pytest.fixture
def player():
    return Player()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def asking(player, sent):
    async def send(message):
        sent.append(message)

    limits = Limits(answer_s=5.0, budget_s=10.0, silence_s=10.0, max_prompts=3)
    waits = Waits(limits, 0.0)
    held: Any = player
    return Asking("You are a clerk.", held, waits, send)


async def test_instructions_stand_behind_the_operators_prompt(asking, sent, autojump_clock):
    await asking.ask("Be quick.")
    assert "You are a clerk.\\n\\nBe quick." in sent[0]


async def test_what_is_asked_while_a_response_is_made_waits_for_its_end(
    asking, player, sent, autojump_clock
):
    player.is_making = True
    await asking.ask("")
    assert sent == []
    player.is_making = False
    await asking.go_on()
    await asking.go_on()
    assert len(sent) == 1


async def test_what_the_api_was_too_busy_for_is_asked_again(asking, sent, autojump_clock):
    await asking.ask_to_say("Goodbye.")
    asking.was_busy()
    await asking.go_on()
    assert sent == [sent[0]] * 2


async def test_a_caller_who_speaks_makes_it_pointless(asking, player, sent, autojump_clock):
    player.is_making = True
    await asking.ask("")
    asking.forget()
    player.is_making = False
    await asking.go_on()
    assert sent == []
