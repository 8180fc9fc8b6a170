"""Whether a dialogue agent keeps its promises: the conformance kit of `voiced.agent.base`.

    @pytest.mark.parametrize("promise", AGENT_PROMISES, ids=lambda promise: promise.__name__)
    async def test_my_agent(promise):
        async with MyAgent.open(MySettings()) as agent:
            await promise(agent)

Each promise raises AssertionError with what was not kept. They need neither call nor clock, and run
on Trio's virtual clock as well as over real sockets; against a paid service they cost a few cents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import trio
from pydantic import ValidationError

from voiced.agent.base import (
    CallerTurn,
    CallInfo,
    DialogueAgent,
    Remembering,
    TakingOver,
    TimeAware,
)
from voiced.agent.memory import AgentSpoke, CallerSpoke
from voiced.record.heard import HeardPiece
from voiced.testing.promises import promise
from voiced.turns.expect import ExpectSpeech

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from voiced.agent.base import Dialogue, Phone, Reply
    from voiced.turns.expect import Expectation

ANSWER_S = 30.0
"""No answer may take longer, nor hang."""

MOST_CUTS = 25
"""An answer is cut at so many of its steps, if it has as many."""

Promise: TypeAlias = Callable[[DialogueAgent], Awaitable[None]]


class KitReply:
    """Fits `Reply`: writes down what an agent says and does, and may cut it at a step."""

    def __init__(self, cut_at: int | None = None) -> None:
        """Cancel the reply at its step `cut_at`, counted from 0; None for never."""
        self.said: list[str] = []
        self.n_deeds = 0
        self.ending = ""
        self.expected: Expectation = ExpectSpeech()
        self.scope = trio.CancelScope()
        self._cut_at = cut_at
        self._n_steps = 0

    async def run(self, ask: Callable[[Reply], Awaitable[None]]) -> bool:
        """Ask for the reply; say whether it was cut."""
        with trio.fail_after(ANSWER_S), self.scope:
            await ask(cast("Reply", self))
            return False
        return True

    @property
    def words(self) -> str:
        """Everything that was said."""
        return "".join(self.said).strip()

    @property
    def did_something(self) -> bool:
        """Whether the caller would notice the reply."""
        return bool(self.words or self.ending or self.n_deeds)

    async def _step(self) -> None:
        if self._n_steps == self._cut_at:
            self.scope.cancel()
        self._n_steps += 1
        await trio.lowlevel.checkpoint()

    @property
    def phone(self) -> Phone:
        """A phone on which everything works."""
        return cast("Phone", _KitPhone(self))

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        """Write down what is said."""
        assert isinstance(protected, bool)
        assert not self.ending, "something was said after hang_up or transfer"
        if isinstance(text, str):
            await self._step()
            self.said.append(f"{text} ")
            return
        async for piece in text:
            assert isinstance(piece, str), f"a piece of the text is no text but {type(piece)}"
            self.said.append(piece)
            await self._step()
        self.said.append(" ")

    async def wait_heard(self) -> None:
        """Let everything be heard at once."""
        await self._step()

    def fill(self, text: str) -> None:
        """Take a filler."""
        assert text.strip(), "a filler without words"

    def spend(self, tokens: int) -> None:
        """Count nothing."""
        assert tokens >= 0

    @asynccontextmanager
    async def tool(self, name: str, arguments: str = "") -> AsyncIterator[None]:
        """Let a tool run."""
        assert name
        assert isinstance(arguments, str)
        self.n_deeds += 1
        await self._step()
        yield
        await self._step()

    def expect(self, what: Expectation) -> None:
        """Note what is expected."""
        self.expected = what

    def hang_up(self) -> None:
        """Note the end."""
        self.ending = "hang up"

    def transfer(self, to: str, briefing: str = "") -> None:
        """Note the end."""
        assert isinstance(briefing, str)
        self.ending = f"transfer {to}"


class _KitPhone:
    """A phone whose methods all work at once."""

    def __init__(self, reply: KitReply) -> None:
        self._reply = reply

    def __getattr__(self, name: str) -> Any:
        async def done(*_: Any, **__: Any) -> bool:
            self._reply.n_deeds += 1
            await trio.lowlevel.checkpoint()
            return True

        return done

    @asynccontextmanager
    async def recording_paused(self) -> AsyncIterator[None]:
        await trio.lowlevel.checkpoint()
        yield


class _Talk:
    """One call's dialogue with the kit."""

    def __init__(self, agent: DialogueAgent, number: int = 1) -> None:
        call_id = f"v3:conformance-{number}"
        call = CallInfo(call_id=call_id, caller="+15550001", called="+15550002")
        self.dialogue: Dialogue = agent.begin(call)

    async def opens(self) -> KitReply:
        """Let the agent greet, and be heard."""
        return await self._heard(self.dialogue.open)

    async def says(self, text: str, digits: str = "") -> KitReply:
        """Say something and hear the answer."""
        turn = CallerTurn(text=text, confidence=0.9, digits=digits)
        return await self._heard(lambda reply: self.dialogue.answer(turn, reply))

    async def _heard(self, ask: Callable[[Reply], Awaitable[None]]) -> KitReply:
        reply = KitReply()
        await reply.run(ask)
        self.hears(reply, whole=True)
        return reply

    async def cuts(self, text: str, at: int) -> bool:
        """Say something and cut the answer at a step; False if it has not so many."""
        turn = CallerTurn(text=text, confidence=0.9)
        reply = KitReply(at)
        was_cut = await reply.run(lambda reply: self.dialogue.answer(turn, reply))
        if was_cut and reply.words:
            self.dialogue.interrupted(reply.words.split()[0])
            self.hears(reply, whole=False)
        elif was_cut and isinstance(self.dialogue, Remembering):
            self.dialogue.withdrawn()
        return was_cut

    def hears(self, reply: KitReply, *, whole: bool) -> None:
        """Tell the dialogue what was heard of a reply: all of it, or its first word."""
        if not isinstance(self.dialogue, Remembering) or not reply.words:
            return
        text = reply.words
        heard = text if whole else text.split()[0]
        piece = HeardPiece(text=text, heard="all" if whole else "part", heard_text=heard)
        self.dialogue.heard((piece,))


# -- the checks ------------------------------------------------------------------------------------


@promise
async def it_fits_the_protocol(agent: DialogueAgent) -> None:
    """Settings, vocabulary, open and begin are there; unknown keys are refused."""
    await trio.lowlevel.checkpoint()
    assert isinstance(agent, DialogueAgent), "lacks Settings, vocabulary, open or begin"
    config = agent.Settings.model_config
    assert config.get("extra") == "forbid", 'Settings must have extra="forbid": typing errors'
    assert config.get("frozen"), "Settings must be frozen: calls share them"
    try:
        agent.Settings.model_validate({"no_such_key": 1})
    except ValidationError:
        return
    raise AssertionError("Settings have taken a key that there is not")


@promise
async def a_dialogue_begins_at_once(agent: DialogueAgent) -> None:
    """`begin` neither waits nor raises, and what it returns has every method."""
    await trio.lowlevel.checkpoint()
    dialogue = _Talk(agent).dialogue
    for name in ("open", "answer", "prompt", "transfer_failed", "interrupted"):
        assert callable(getattr(dialogue, name, None)), f"the dialogue has no {name}"


@promise
async def a_turn_is_answered(agent: DialogueAgent) -> None:
    """After the greeting a turn brings words, a deed or an end."""
    talk = _Talk(agent)
    await talk.opens()
    reply = await talk.says("Hello, can you help me?")
    assert reply.did_something, "nothing was said or done in answer to a turn"


@promise
async def every_turn_is_taken(agent: DialogueAgent) -> None:
    """No words, only keys, many words, words of any language: all are turns."""
    for number, (text, digits) in enumerate(
        [("", ""), ("", "12#"), ("word " * 500, ""), ("Grüße, 你好, \u202e", "")]
    ):
        talk = _Talk(agent, number)
        await talk.opens()
        await talk.says(text, digits)


@promise
async def calls_do_not_mix(agent: DialogueAgent) -> None:
    """Several calls at once are answered each in its own dialogue."""
    talks = [_Talk(agent, number) for number in range(4)]
    assert len({id(talk.dialogue) for talk in talks}) == len(talks), "two calls share a dialogue"
    answered: list[bool] = []

    async def talk_on(talk: _Talk) -> None:
        await talk.opens()
        reply = await talk.says("Hello, can you help me?")
        answered.append(reply.did_something)

    async with trio.open_nursery() as nursery:
        for talk in talks:
            nursery.start_soon(talk_on, talk)
    assert answered == [True] * len(talks), "a call was not answered beside others"


@promise
async def an_answer_can_be_cut_at_any_step(agent: DialogueAgent) -> None:
    """Wherever barge-in strikes, the same dialogue answers the next turn."""
    for step in range(MOST_CUTS):
        talk = _Talk(agent, step)
        await talk.opens()
        was_cut = await talk.cuts("Tell me all about it, please.", step)
        reply = await talk.says("And now?")
        assert reply.did_something, f"after a cut at step {step} the next turn was not answered"
        if not was_cut:
            return


@promise
async def an_answer_that_has_not_begun_can_be_dropped(agent: DialogueAgent) -> None:
    """A reply may be cancelled before its first step; then the turn comes again with more words."""
    talk = _Talk(agent)
    await talk.opens()
    reply = KitReply()
    reply.scope.cancel()
    turn = CallerTurn(text="I would like", confidence=0.9)
    await reply.run(lambda reply: talk.dialogue.answer(turn, reply))
    if isinstance(talk.dialogue, Remembering):
        talk.dialogue.withdrawn()
    again = await talk.says("I would like to know more.")
    assert again.did_something, "after a turn that was withdrawn it was not answered"


@promise
async def silence_is_answered(agent: DialogueAgent) -> None:
    """A prompt comes after a silence, and again after another."""
    talk = _Talk(agent)
    await talk.opens()
    for silences in (1, 2):
        reply = KitReply()
        await reply.run(lambda reply, n=silences: talk.dialogue.prompt(n, reply))  # type: ignore[misc]
        if reply.ending:
            return
        assert reply.did_something, f"nothing was said at silence {silences}"
        talk.hears(reply, whole=True)


@promise
async def a_failed_transfer_is_answered(agent: DialogueAgent) -> None:
    """The caller who is back hears something, and the dialogue goes on."""
    talk = _Talk(agent)
    await talk.opens()
    reply = KitReply()
    await reply.run(lambda reply: talk.dialogue.transfer_failed("busy", reply))
    assert reply.did_something, "nothing was said to the caller who is back"
    if not reply.ending:
        talk.hears(reply, whole=True)
        await talk.says("Then tell me yourself.")


@promise
async def time_that_is_short_is_told(agent: DialogueAgent) -> None:
    """An agent that wants to know of the end goes on after it was told."""
    talk = _Talk(agent)
    dialogue = talk.dialogue
    if not isinstance(dialogue, TimeAware):
        return
    await talk.opens()
    reply = KitReply()
    await reply.run(lambda reply: dialogue.time_is_short(30.0, reply))
    if not reply.ending:
        talk.hears(reply, whole=True)
        await talk.says("All right.")


@promise
async def another_agents_call_is_taken_over(agent: DialogueAgent) -> None:
    """An agent that can take over goes on in the middle of a call."""
    talk = _Talk(agent)
    if not isinstance(talk.dialogue, TakingOver):
        return
    talk.dialogue.take_over(
        (AgentSpoke(heard="Hello, this is Luigi."), CallerSpoke(text="a pizza please"))
    )
    reply = await talk.says("with ham")
    assert reply.did_something, "the first turn after taking over was not answered"


AGENT_PROMISES: tuple[Promise, ...] = (
    it_fits_the_protocol,
    a_dialogue_begins_at_once,
    a_turn_is_answered,
    every_turn_is_taken,
    calls_do_not_mix,
    an_answer_can_be_cut_at_any_step,
    an_answer_that_has_not_begun_can_be_dropped,
    silence_is_answered,
    a_failed_transfer_is_answered,
    time_that_is_short_is_told,
    another_agents_call_is_taken_over,
)
