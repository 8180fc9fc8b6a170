"""A memory in which tools were used: what was heard stands where it belongs."""

import pytest

from voiced.agent.base import CallerTurn
from voiced.agent.context import TokenGauge, fit
from voiced.agent.memory import LEFT_OUT, UNFINISHED, Happened, Memory
from voiced.agent.messages import Message, ToolCall, ToolResult, ToolRound
from voiced.record.heard import HeardPiece

LOOKUP = ToolCall(id="c1", name="lookup", arguments='{"number": 7}')
BOOK = ToolCall(id="c2", name="book", arguments="{}")


def said(text):
    return CallerTurn(text=text, confidence=0.9)


def rounds(memory):
    return [message for message in memory.messages() if isinstance(message, ToolRound)]


def whole(text):
    return HeardPiece(text=text, heard="all", heard_text=text)


def part(text, heard_text):
    return HeardPiece(text=text, heard="part" if heard_text else "none", heard_text=heard_text)


def found(call=LOOKUP, content="seven"):
    return ToolResult(call_id=call.id, content=content)


@pytest.fixture
def asked():
    """A memory of a reply that has said two sentences and called a tool."""
    memory = Memory()
    memory.caller_said(said("where is order seven"))
    memory.tools_asked("I will look that up. Please hold on.", [LOOKUP])
    memory.tool_done(found())
    return memory


def test_in_the_making_a_reply_stands_as_it_was_generated(asked):
    assert asked.messages()[1:] == [
        ToolRound(
            content="I will look that up. Please hold on.", calls=(LOOKUP,), results=(found(),)
        )
    ]


def test_words_before_and_after_a_tool_stay_apart(asked):
    asked.heard([whole("I will look that up."), whole("Please hold on."), whole("It comes today.")])
    before, after = asked.messages()[1:]
    assert before.content == "I will look that up. Please hold on."
    assert after == Message(role="assistant", content="It comes today.")


def test_a_caller_who_cuts_in_before_the_tool_has_heard_nothing_of_what_follows(asked):
    asked.heard([part("I will look that up.", "I will"), part("Please hold on.", "")])
    (before,) = asked.messages()[1:]
    assert before == ToolRound(content="I will (cut short)", calls=(LOOKUP,), results=(found(),))


def test_what_went_on_after_a_false_alarm_belongs_where_it_began(asked):
    asked.heard(
        [
            part("I will look that up.", "I will"),
            part("Please hold on.", ""),
            whole("look that up."),
            whole("Please hold on."),
            whole("It comes today."),
        ]
    )
    before, after = asked.messages()[1:]
    assert before.content == "I will look that up. Please hold on."
    assert after.content == "It comes today."


def test_a_filler_comes_with_the_words_behind_it(asked):
    asked.heard(
        [
            whole("I will look that up."),
            whole("Please hold on."),
            whole("One moment, please."),
            part("It comes today, at noon.", "It comes"),
        ]
    )
    assert asked.messages()[-1].content == "One moment, please. It comes (cut short)"


def test_a_call_that_was_cut_has_a_result_that_says_so():
    memory = Memory()
    memory.caller_said(said("book it"))
    memory.tools_asked("", [LOOKUP, BOOK])
    memory.tool_done(found())
    memory.heard([])
    memory.caller_said(said("stop"))
    (used,) = rounds(memory)
    assert [result.content for result in used.results] == ["seven", UNFINISHED]
    assert used.results[1].is_error


def test_the_last_result_of_a_call_counts():
    memory = Memory()
    memory.caller_said(said("book it"))
    memory.tools_asked("", [BOOK])
    memory.tool_done(ToolResult(call_id="c2", content="in the making", is_error=True))
    memory.tool_done(found(BOOK, "booked"))
    (used,) = rounds(memory)
    assert used.results == (found(BOOK, "booked"),)


def test_a_withdrawn_turn_that_has_used_a_tool_is_not_forgotten(asked):
    asked.withdrawn()
    asked.caller_said(said("where is order seven please"))
    turn, used, again = asked.messages()
    assert (turn.content, again.content) == ("where is order seven", "where is order seven please")
    assert used == ToolRound(content="", calls=(LOOKUP,), results=(found(),))


def test_a_reply_that_nobody_heard_of_leaves_no_words(asked):
    asked.caller_said(said("hello"))  # it was cut before it sounded
    assert [message.content for message in asked.messages()] == [
        "where is order seven",
        "",
        "hello",
    ]


def test_what_else_happened_is_a_note():
    memory = Memory()
    memory.happened("The call begins.")
    memory.heard([whole("Hello.")])
    memory.happened("The caller is silent.")
    memory.withdrawn()
    assert memory.messages() == [
        Message(role="user", content="(The call begins.)"),
        Message(role="assistant", content="Hello."),
    ]
    assert memory.entries[0] == Happened(text="The call begins.")


def test_thinking_is_kept_until_the_next_reply_is_over():
    thought = {"type": "thinking", "thinking": "hm", "signature": "x"}
    memory = Memory()
    memory.caller_said(said("hello"))
    memory.tools_asked("", [LOOKUP], [thought])
    assert rounds(memory)[0].native == (thought,)
    memory.heard([])  # the caller cut in
    memory.caller_said(said("wait"))
    assert rounds(memory)[0].native == (thought,)
    memory.heard([whole("Yes?")])
    assert rounds(memory)[0].native == ()


def test_another_memory_can_go_on_from_here(asked):
    other = Memory(asked.entries)
    assert other.messages() == asked.messages()


# -- the limit -----------------------------------------------------------------------------------


def long_talk(n):
    memory = Memory()
    for number in range(n):
        memory.caller_said(said(f"question {number} " + "x" * 80))
        memory.tools_asked("Let me see.", [LOOKUP])
        memory.tool_done(found())
        memory.heard([whole("Let me see."), whole(f"Answer {number}.")])
    memory.caller_said(said("and the last one"))
    return memory


def test_a_conversation_within_the_limit_is_given_whole():
    memory = long_talk(3)
    assert fit(memory, TokenGauge(), fixed=10, limit=10_000) == memory.messages()
    assert len(memory.messages()) == 10


def test_the_oldest_exchanges_are_left_out_with_their_tools():
    memory, gauge = long_talk(20), TokenGauge()
    messages = fit(memory, gauge, fixed=100, limit=500)
    assert gauge.of(messages) + 100 <= 0.75 * 500
    assert messages[0] == Message(role="user", content=LEFT_OUT)
    assert isinstance(messages[1], Message)  # no answer to a question that is gone
    assert messages[1].content.startswith("question 1")
    assert messages[-1].content == "and the last one"


def test_the_beginning_stays_the_same_for_a_while():
    memory, gauge = long_talk(20), TokenGauge()
    first = fit(memory, gauge, fixed=100, limit=500)
    memory.heard([whole("Yes.")])
    memory.caller_said(said("go on"))
    assert fit(memory, gauge, fixed=100, limit=500)[: len(first)] == first


def test_the_last_exchange_is_never_left_out():
    memory = Memory()
    memory.caller_said(said("x" * 4000))
    memory.tools_asked("", [LOOKUP])
    memory.tool_done(found(content="y" * 4000))
    assert len(fit(memory, TokenGauge(), fixed=0, limit=100)) == 2


def test_a_gauge_learns_from_what_the_provider_counts():
    gauge = TokenGauge()
    assert gauge.of_text("x" * 400) == 100
    gauge.learn(100, 150)
    assert gauge.of_text("x" * 400) == 150
    gauge.learn(150, 0)  # a provider that does not count
    assert gauge.of_text("x" * 400) == 150
    gauge.learn(1, 1000)
    assert gauge.of_text("x" * 400) == 400
