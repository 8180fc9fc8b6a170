"""A memory that holds what was heard and no more."""

from voiced.agent.base import CallerTurn
from voiced.agent.memory import AgentSpoke, CallerSpoke, Memory, UsedTools
from voiced.agent.messages import Message, ToolCall, ToolResult
from voiced.record.heard import HeardPiece


def said(text, digits=""):
    return CallerTurn(text=text, confidence=0.9, digits=digits)


def piece(text, heard_text, heard="part"):
    return HeardPiece(text=text, heard=heard, heard_text=heard_text)


def whole(text):
    return piece(text, text, "all")


def test_a_conversation_becomes_messages():
    memory = Memory()
    memory.heard([whole("Hello."), whole("Your number?")])
    memory.caller_said(said("it is", "4711"))
    memory.heard([whole("Thank you.")])
    memory.caller_said(said(""))
    assert memory.messages() == [
        Message(role="assistant", content="Hello. Your number?"),
        Message(role="user", content="it is (keys: 4711)"),
        Message(role="assistant", content="Thank you."),
        Message(role="user", content="(not understood)"),
    ]


def test_what_was_cut_is_not_in_the_messages():
    memory = Memory()
    memory.heard([piece("We are open until six.", "We are"), piece("Shall I book?", "", "none")])
    (message,) = memory.messages()
    assert message.content == "We are (cut short)"
    assert memory.entries == (AgentSpoke(heard="We are", unheard="open until six. Shall I book?"),)


def test_a_false_alarm_leaves_nothing_unheard():
    memory = Memory()
    memory.heard(
        [
            piece("We are open until six.", "We are"),
            piece("Shall I book?", "", "none"),
            whole("open until six."),
            whole("Shall I book?"),
        ]
    )
    assert memory.entries == (AgentSpoke(heard="We are open until six. Shall I book?"),)


def test_what_may_have_been_heard_is_neither_heard_nor_unheard():
    memory = Memory()
    memory.heard([whole("Hello."), piece("We are open.", "", "unknown"), piece("Bye.", "", "none")])
    memory.heard([piece("Which day?", "", "unknown")])
    assert memory.entries == (
        AgentSpoke(heard="Hello.", doubtful="We are open.", unheard="Bye."),
        AgentSpoke(heard="", doubtful="Which day?"),
    )
    assert [message.content for message in memory.messages()] == [
        "Hello. (perhaps not heard: We are open.) (cut short)",
        "(perhaps not heard: Which day?)",
    ]


def test_what_may_have_been_heard_and_was_said_again_is_no_doubt():
    memory = Memory()
    memory.heard([piece("We are open.", "", "unknown"), whole("We are open.")])
    assert memory.entries == (AgentSpoke(heard="We are open."),)


def test_a_reply_of_which_nothing_was_heard_is_no_message():
    memory = Memory()
    memory.caller_said(said("hello"))
    memory.heard([piece("Hello.", "", "none")])
    memory.heard([])
    assert memory.messages() == [Message(role="user", content="hello")]


def test_a_turn_that_was_not_over_is_forgotten():
    memory = Memory()
    memory.heard([whole("Which day?")])
    memory.withdrawn()  # nothing to forget: a prompt was withdrawn
    memory.caller_said(said("on thursday"))
    memory.withdrawn()
    memory.caller_said(said("on thursday morning"))
    assert memory.entries[1:] == (CallerSpoke(text="on thursday morning"),)


def test_another_agent_is_told_of_a_turn_only_what_was_done_for_it():
    memory = Memory([CallerSpoke(text="hello"), AgentSpoke(heard="Good day.")])
    memory.caller_said(CallerTurn(text="book it", confidence=0.9))
    assert memory.handed_over() == memory.entries[:2]
    call = ToolCall(id="1", name="book", arguments="{}")
    memory.tools_asked("", [call], [{"type": "thinking"}])
    memory.tool_done(ToolResult(call_id="1", content="booked"))
    *_, turn, used = memory.handed_over()
    assert turn == CallerSpoke(text="book it")
    assert isinstance(used, UsedTools)
    assert used.results == (ToolResult(call_id="1", content="booked"),)
    assert used.native == ()
