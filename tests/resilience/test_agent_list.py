"""A list of dialogue agents, on the virtual clock."""

from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from voiced.agent.base import CallerTurn, CallInfo, Remembering, TimeAware
from voiced.agent.memory import AgentSpoke, CallerSpoke
from voiced.errors import AgentFailed, AgentTooSlow, ToolTooSlow
from voiced.recognizer.base import Vocabulary
from voiced.record.heard import HeardPiece
from voiced.resilience.agent import AgentList
from voiced.testing.providers import FunctionAgent

CALL = CallInfo(call_id="c", caller="+1", called="+2")
TURN = CallerTurn(text="a table for two", confidence=0.9)
SORRY = "I am sorry, one moment please."


class NotedReply:
    """A reply that only notes what is said."""

    def __init__(self):
        self.said = []
        self.done = []
        self.phone = object()

    async def say(self, text, *, protected=False):
        del protected
        await trio.lowlevel.checkpoint()
        if isinstance(text, str):
            self.said.append(text)
        else:
            async for piece in text:
                self.said.append(piece)

    async def wait_heard(self):
        await trio.sleep(5)

    @asynccontextmanager
    async def tool(self, name, arguments=""):
        self.done.append((name, arguments))
        await trio.lowlevel.checkpoint()
        yield
        await trio.lowlevel.checkpoint()

    def spend(self, tokens):
        self.done.append(("spend", tokens))

    def expect(self, what):
        self.done.append(("expect", what))

    def fill(self, text):
        self.done.append(("fill", text))

    def hang_up(self):
        self.done.append("hang_up")

    def transfer(self, to, briefing=""):
        self.done.append(("transfer", to, briefing))


class Mindful(FunctionAgent):
    """Its dialogues take over, and remember what they are told."""

    def begin(self, call):
        dialogue = super().begin(call)
        return _MindfulDialogue(dialogue)


class _MindfulDialogue:
    last: Any = None

    def __init__(self, inner):
        self.inner = inner
        self.past = None
        self.notes = []
        self.open, self.answer, self.prompt = inner.open, inner.answer, inner.prompt
        self.transfer_failed, self.interrupted = inner.transfer_failed, inner.interrupted
        type(self).last = self

    def take_over(self, past):
        self.past = tuple(past)

    def withdrawn(self):
        self.notes.append("withdrawn")

    def heard(self, pieces):
        self.notes.append(tuple(pieces))

    async def time_is_short(self, left_s, reply):
        await reply.say(f"{left_s:g} s left")


async def fail(*_):
    await trio.lowlevel.checkpoint()
    raise AgentFailed("x", "no", kind="closed")


async def stall(*_):
    await trio.sleep_forever()


class Pieces:
    """A model's stream: pieces, each after a while; then, perhaps, trouble."""

    def __init__(self, pieces, then, gap_s):
        self.left = list(pieces)
        self.then = then
        self.gap_s = gap_s

    def __aiter__(self):
        return self

    async def __anext__(self):
        await trio.sleep(self.gap_s)
        if self.left:
            return self.left.pop(0)
        if self.then is not None:
            await self.then()
        raise StopAsyncIteration


def says(*pieces, then=None, gap_s=0.0):
    async def respond(turn, reply):
        del turn
        await reply.say(Pieces(pieces, then, gap_s))

    return respond


def one_after_the_other(*responses):
    """Return what does the first of `responses` first, then the next one."""
    left = list(responses)

    async def respond(turn, reply):
        await left.pop(0)(turn, reply)

    return respond


@pytest.fixture
def converse(members, notes):
    """Return a dialogue of a list of agents, and a reply."""

    def begin(*agents, **keys):
        return AgentList(members(*agents, **keys), SORRY, notes).begin(CALL), NotedReply()

    return begin


async def test_who_has_no_words_is_followed_by_the_next(converse, notes, autojump_clock):
    dialogue, reply = converse(FunctionAgent(respond=fail), FunctionAgent(respond=says("Yes.")))
    await dialogue.answer(TURN, reply)
    assert reply.said == ["Yes."]
    assert notes.failures == [("one", "closed")]
    assert notes.switches == [("one", "two")]


@pytest.mark.parametrize("pieces", [[], ["  ", "\n"]])
async def test_words_must_come_in_time_and_spaces_are_none(converse, notes, autojump_clock, pieces):
    slow = FunctionAgent(respond=says(*pieces, then=stall))
    dialogue, reply = converse(slow, FunctionAgent(respond=says("Yes.")))
    await dialogue.answer(TURN, reply)
    assert trio.current_time() == pytest.approx(2.0)
    assert notes.failures == [("one", "too_slow")]
    assert SORRY not in reply.said


async def test_who_breaks_off_is_apologized_for_once_in_a_call(converse, notes, autojump_clock):
    breaks = one_after_the_other(says("Your table", then=fail), says("Then yes."))
    works = one_after_the_other(says("It is booked."), says("And", then=fail))
    dialogue, reply = converse(FunctionAgent(respond=breaks), FunctionAgent(respond=works))
    await dialogue.answer(TURN, reply)
    assert reply.said == ["Your table", SORRY, "It is booked."]
    reply = NotedReply()
    await dialogue.answer(TURN, reply)
    assert reply.said == ["And", "Then yes."]
    assert notes.switches == [("one", "two"), ("two", "one")]


async def test_a_stall_between_pieces_is_a_failure_and_a_slow_caller_is_not(
    converse, notes, autojump_clock
):
    dialogue, reply = converse(
        FunctionAgent(respond=says("One.", "Two.", gap_s=1.9)), FunctionAgent(respond=fail)
    )
    await dialogue.answer(TURN, reply)
    assert notes.events == []
    dialogue, reply = converse(
        FunctionAgent(respond=says("One.", then=stall)), FunctionAgent(respond=says("All."))
    )
    await dialogue.answer(TURN, reply)
    assert reply.said == ["One.", SORRY, "All."]


async def test_tools_and_the_phone_take_their_own_time(converse, notes, autojump_clock):
    async def respond(turn, reply):
        del turn
        async with reply.tool("lookup", "{}"):
            await trio.sleep(10)
        await reply.say("Found.")
        await reply.wait_heard()
        await trio.sleep(10)
        reply.hang_up()

    dialogue, reply = converse(FunctionAgent(respond=respond), FunctionAgent(respond=fail))
    await dialogue.answer(TURN, reply)
    assert reply.said == ["Found."]
    assert notes.events == []
    assert reply.done == [("lookup", "{}"), "hang_up"]


async def test_words_are_not_due_while_those_before_a_tool_are_still_spoken(
    converse, notes, autojump_clock
):
    class SlowReply(NotedReply):
        async def say(self, text, *, protected=False):
            await super().say(text, protected=protected)
            await trio.sleep(20)

    def respond(then):
        async def both(turn, reply):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(says("A long sentence."), turn, reply)
                await trio.sleep(1)
                async with reply.tool("quick"):
                    pass
            await then()

        return both

    async def come():
        await trio.lowlevel.checkpoint()

    dialogue, _ = converse(FunctionAgent(respond=respond(come)), FunctionAgent(respond=fail))
    await dialogue.answer(TURN, SlowReply())
    assert notes.events == []
    dialogue, reply = converse(
        FunctionAgent(respond=respond(trio.sleep_forever)), FunctionAgent(respond=says("Yes."))
    )
    await dialogue.answer(TURN, reply)
    assert notes.failures == [("one", "too_slow")]


async def test_after_a_tool_words_are_due_again(converse, notes, autojump_clock):
    async def respond(turn, reply):
        del turn
        async with reply.tool("lookup"):
            pass
        await trio.sleep_forever()

    dialogue, reply = converse(
        FunctionAgent(respond=respond), FunctionAgent(respond=says("Found."))
    )
    await dialogue.answer(TURN, reply)
    assert notes.failures == [("one", "too_slow")]


async def test_a_tool_that_is_too_slow_is_not_the_agents_failure(converse, notes):
    async def respond(turn, reply):
        del turn, reply
        await trio.lowlevel.checkpoint()
        raise ToolTooSlow("agent", "the tool")

    dialogue, reply = converse(FunctionAgent(respond=respond), FunctionAgent(respond=says("x")))
    with pytest.raises(ToolTooSlow):
        await dialogue.answer(TURN, reply)
    assert notes.events == []


async def test_when_all_fail_the_last_error_is_the_calls(converse, autojump_clock):
    dialogue, reply = converse(FunctionAgent(respond=fail), FunctionAgent(respond=stall))
    with pytest.raises(AgentTooSlow, match="two: nothing came within 2 s"):
        await dialogue.answer(TURN, reply)


async def test_the_next_one_is_told_what_was_said_and_heard(converse, autojump_clock):
    first = FunctionAgent(respond=one_after_the_other(says("Hello there."), fail))
    dialogue, reply = converse(first, Mindful())
    await dialogue.open(reply)
    await dialogue.answer(TURN, reply)
    dialogue.heard([HeardPiece(text="Hello there.", heard="part", heard_text="Hello")])
    await dialogue.answer(CallerTurn(text="again", confidence=1.0), reply)
    taken = _MindfulDialogue.last
    assert taken.past == (
        CallerSpoke(text="a table for two"),
        AgentSpoke(heard="Hello", unheard="there."),
    )
    assert taken.inner.turns == ["again"]
    dialogue.withdrawn()
    dialogue.heard([HeardPiece(text="Yes.", heard="all", heard_text="Yes.")])
    assert taken.notes == ["withdrawn", (HeardPiece(text="Yes.", heard="all", heard_text="Yes."),)]
    assert [entry for entry in dialogue._memory.entries if entry == CallerSpoke(text="again")] == []


async def test_what_was_done_is_told_by_who_has_done_it(converse, autojump_clock):
    done = (CallerSpoke(text="a table for two"), AgentSpoke(heard="Booked."))

    class Doer(FunctionAgent):
        def begin(self, call):
            dialogue: Any = _MindfulDialogue(super().begin(call))
            dialogue.hand_over = lambda: done
            return dialogue

    dialogue, reply = converse(Doer(respond=fail), Mindful())
    await dialogue.answer(TURN, reply)
    assert _MindfulDialogue.last.past == done


async def test_the_first_one_begins_and_does_not_take_over(converse, autojump_clock):
    dialogue, reply = converse(Mindful(), Mindful())
    await dialogue.open(reply)
    assert _MindfulDialogue.last.past is None


async def test_a_dialogue_of_a_list_can_all_that_any_dialogue_can(converse, autojump_clock):
    dialogue, reply = converse(Mindful(), Mindful())
    whatever: object = dialogue
    assert isinstance(whatever, Remembering)
    assert isinstance(whatever, TimeAware)
    dialogue.interrupted("nothing yet")
    dialogue.withdrawn()
    dialogue.heard([])
    await dialogue.time_is_short(30.0, reply)
    assert reply.said == ["30 s left"]
    await dialogue.prompt(1, reply)
    await dialogue.transfer_failed("busy", reply)
    dialogue.interrupted("30 s")
    assert _MindfulDialogue.last.inner.cut == ["30 s"]
    assert _MindfulDialogue.last.inner.failed_transfers == ["busy"]


async def test_the_words_of_all_are_expected(members, notes):
    first, second = FunctionAgent(), FunctionAgent()
    first.vocabulary = Vocabulary(("hello",), ("Luigi's",))
    second.vocabulary = Vocabulary(("good day",))
    listed = AgentList(members(first, second), SORRY, notes)
    assert listed.vocabulary == Vocabulary(("hello", "good day"), ("Luigi's",))
    assert listed.for_call(notes).vocabulary is listed.vocabulary  # put together once


async def test_who_knows_nothing_of_time_says_nothing_of_it(converse, notes, autojump_clock):
    dialogue, reply = converse(FunctionAgent(), FunctionAgent())
    await dialogue.time_is_short(30.0, reply)
    assert reply.said == []
    assert notes.events == []


async def test_all_that_a_reply_can_is_passed_on(converse, autojump_clock):
    async def respond(turn, reply):
        del turn
        reply.spend(3)
        reply.fill("One moment.")
        reply.expect("digits")
        assert reply.phone is not None
        reply.transfer("+1", "hello")
        await reply.say("One.", protected=True)

    dialogue, reply = converse(FunctionAgent(respond=respond), FunctionAgent())
    await dialogue.answer(TURN, reply)
    assert reply.said == ["One."]
    assert reply.done == [
        *(("spend", 3), ("fill", "One moment."), ("expect", "digits")),
        ("transfer", "+1", "hello"),
    ]
