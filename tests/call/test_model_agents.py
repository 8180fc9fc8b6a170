"""Calls with language models: their fakes at the far end of a wire in memory, on virtual time."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
import trio

from voiced.agent.base import CallInfo
from voiced.agent.model.anthropic import AnthropicAgent
from voiced.agent.model.openai import OpenAiAgent
from voiced.errors import ToolFailed
from voiced.flight.reading import read_flight
from voiced.flight.recorder import open_flights
from voiced.record.journal import AgentSpeaking
from voiced.testing.callees import busy
from voiced.testing.caller import silent_caller
from voiced.testing.fake_models import FakeChat, FakeClaude, ModelTurn
from voiced.testing.fake_provider import Answer, Drop, FakeServer, Stall, open_memory_wire
from voiced.testing.providers import ScriptedRecognizer, Speech
from voiced.testing.replay import replay


@dataclass(frozen=True)
class Brand:
    """A provider, and how its requests are read."""

    agent: Any
    fake: Any
    read: Any


def read_chat(body):
    lines = []
    for message in body["messages"][1:]:
        if message["role"] == "tool":
            lines.append(("result", message["content"]))
            continue
        if message["content"]:
            lines.append((message["role"], message["content"]))
        lines += [("call", call["function"]["name"]) for call in message.get("tool_calls", ())]
    return lines


def read_messages(body):
    lines = []
    for message in body["messages"]:
        for block in message["content"]:
            match block["type"]:
                case "text":
                    lines.append((message["role"], block["text"]))
                case "tool_use":
                    lines.append(("call", block["name"]))
                case _:
                    lines.append(("result", block["content"]))
    return lines


BRANDS = {
    "openai": Brand(OpenAiAgent, FakeChat, read_chat),
    "anthropic": Brand(AnthropicAgent, FakeClaude, read_messages),
}


@pytest.fixture(params=BRANDS)
def brand(request):
    return BRANDS[request.param]


@pytest.fixture
def chat():
    """Return one of them, for what is the same with both."""
    return BRANDS["openai"]


@dataclass
class Line:
    """A world whose agent is a model, and the model's server."""

    world: Any
    server: FakeServer
    brand: Brand

    @property
    def requests(self):
        return [request.json() for request in self.server.requests]

    def asked(self, number=-1):
        """Return what a request holds, without the beginning of the call."""
        return self.brand.read(self.requests[number])[1:]

    def heard(self):
        (record,) = (kept for kept in self.world.records if kept["direction"] == "incoming")
        return [turn["heard_text"] for turn in record["turns"] if turn["who"] == "agent"]

    @property
    def end(self):
        (record,) = (kept for kept in self.world.records if kept["direction"] == "incoming")
        return record["end"]


@pytest.fixture
def open_line(open_world):
    """Open a call's world: `async with open_line(brand, turns, speech=[...]) as line`."""

    @asynccontextmanager
    async def opener(brand, script, *, speech=(), faults=(), flights=None, tables=None, **keys):
        server = FakeServer(brand.fake(script, key="secret"), faults)
        settings = brand.agent.Settings(
            model="m",
            api_key="secret",
            **{"greeting": "Hello.", "keep_warm": False, **keys},
        )
        async with (
            open_memory_wire(server) as wire,
            brand.agent.open(settings, wire) as agent,
            open_world(
                agent=agent,
                recognizer=ScriptedRecognizer(speech),
                flights=flights,
                **(tables or {}),
            ) as world,
        ):
            yield Line(world, server, brand)

    return opener


def speech(from_s, text, to_s=None, **more):
    times = {"silence_s": 0.2, "decode_s": 0.1, **more}
    return Speech(from_s=from_s, to_s=to_s or from_s + 0.5, text=text, **times)


# -- words ---------------------------------------------------------------------------------------


async def test_a_model_greets_answers_and_is_told_what_was_said(brand, open_line, autojump_clock):
    turns = [ModelTurn("Hello there."), ModelTurn("Until six."), ModelTurn("You are welcome.")]
    talk = [speech(3, "how long are you open"), speech(6, "thank you")]
    async with open_line(brand, turns, speech=talk, greeting="", prompt="Be {mood}.",
                         variables={"mood": "brief"}) as line:  # fmt: skip
        await line.world.ring(silent_caller(hangs_up_s=9))
    assert line.heard() == ["Hello there.", "Until six.", "You are welcome."]
    assert line.asked() == [
        ("assistant", "Hello there."),
        ("user", "how long are you open"),
        ("assistant", "Until six."),
        ("user", "thank you"),
    ]
    assert "Be brief." in json.dumps(line.requests[0])


async def test_a_model_knows_of_its_answer_what_was_heard_to_the_word(
    brand, open_line, autojump_clock
):
    turns = [
        ModelTurn("We have pizza with ham, with cheese, and with mushrooms."),
        ModelTurn("Yes."),
    ]
    talk = [speech(3, "what do you have"), speech(5.5, "with cheese please", 7)]
    async with open_line(brand, turns, speech=talk) as line:
        await line.world.ring(silent_caller(hangs_up_s=10))
    cut = line.heard()[1]
    assert "We have pizza".startswith(cut[:13])
    assert len(cut.split()) < 9
    assert line.asked()[2:] == [
        ("assistant", f"{cut} (cut short)"),
        ("user", "with cheese please"),
    ]


async def test_an_answer_that_was_withdrawn_never_was(brand, open_line, autojump_clock):
    turns = [ModelTurn("Which one?", first_s=1.0), ModelTurn("Seven it is.")]
    talk = [speech(3, "i want pizza number"), speech(4.2, "seven")]
    async with open_line(brand, turns, speech=talk) as line:
        await line.world.ring(silent_caller(hangs_up_s=9))
    assert line.heard() == ["Hello.", "Seven it is."]
    assert line.asked() == [("assistant", "Hello."), ("user", "i want pizza number seven")]


async def test_words_come_while_the_model_still_speaks(chat, open_line, autojump_clock):
    slow = ModelTurn("This is the first sentence. " + "And here comes another. " * 3, piece_s=0.3)
    async with open_line(chat, [slow], speech=[speech(3, "hello")]) as line:
        await line.world.ring(silent_caller(hangs_up_s=15))
    first, *_ = [event for event in line.world.journal.of(AgentSpeaking) if event.latency_s]
    assert first.text == "This is the first sentence."
    assert first.latency_s < 3


async def test_an_answer_is_over_when_it_says_so(brand, open_line, autojump_clock):
    turns = [ModelTurn("Yes?", calls=[("broken", {})], lingers_s=60), ModelTurn("It failed.")]
    async with open_line(
        brand, turns, speech=[speech(3, "hello")], tools=[f"{HERE}broken"]
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=8))
    assert line.heard() == ["Hello.", "Yes?", "It failed."]


async def test_a_connection_is_open_before_a_call_and_serves_several_requests(
    brand, open_line, autojump_clock
):
    talk = [speech(3, "hello"), speech(6, "hello again")]
    async with open_line(brand, [ModelTurn("Yes?")], speech=talk, keep_warm=True) as line:
        await trio.sleep(0.1)
        assert line.server.n_connections == 1
        await line.world.ring(silent_caller(hangs_up_s=9))
    assert len(line.requests) == 2
    assert line.server.n_connections == 1


async def test_a_model_without_words_does_not_leave_the_caller_in_silence(
    chat, open_line, autojump_clock
):
    async with open_line(chat, [ModelTurn("")], speech=[speech(3, "hello")]) as line:
        await line.world.ring(silent_caller(hangs_up_s=9))
    assert line.heard()[-1] == "I am sorry, could you say that again?"


async def test_a_silent_caller_is_prompted_in_the_models_words(chat, open_line, autojump_clock):
    tables = {"call": {"silence_timeout_s": 3}}
    async with open_line(chat, [ModelTurn("Still there?")], tables=tables) as line:
        await line.world.ring(silent_caller(hangs_up_s=6))
    assert line.heard() == ["Hello.", "Still there?"]
    assert line.asked()[-1] == ("user", "(The caller has said nothing for a while.)")


# -- tools ---------------------------------------------------------------------------------------


async def order_status(number: Annotated[int, "On the receipt"], *, call: CallInfo) -> Any:
    """Look up where an order is."""
    await trio.sleep(1.5)
    assert call.called
    return {"order": number, "place": "van"}


async def weather() -> str:
    """Tell the weather."""
    await trio.sleep(1.5)
    raise ToolFailed("the weather service is down")


async def broken() -> str:
    """Do nothing well."""
    raise ZeroDivisionError


async def stuck() -> str:
    """Never come to an end."""
    await trio.sleep_forever()
    raise AssertionError


HERE = f"{__name__}:"


async def test_tools_run_together_and_are_bridged_by_a_filler(brand, open_line, autojump_clock):
    calls = [("order_status", {"number": 7}), ("weather", {})]
    turns = [ModelTurn(calls=calls), ModelTurn("It is in the van.")]
    tools = [f"{HERE}order_status", f"{HERE}weather"]
    async with open_line(brand, turns, speech=[speech(3, "order seven")], tools=tools) as line:
        await line.world.ring(silent_caller(hangs_up_s=12))
    assert line.heard() == ["Hello.", "One moment, please.", "It is in the van."]
    assert line.asked()[1:] == [
        ("user", "order seven"),
        ("call", "order_status"),
        ("call", "weather"),
        ("result", '{"order": 7, "place": "van"}'),
        ("result", "the weather service is down"),
    ]
    filler, answer = line.world.journal.of(AgentSpeaking)[1:]
    assert (filler.filler, filler.latency_s) == (True, None)
    assert answer.latency_s == pytest.approx(1.5 + 0.8, abs=0.7)  # not twice the time of a tool


async def quick() -> str:
    """Find out at once."""
    await trio.sleep(0.2)
    ran_at.append(trio.current_time())
    return "found"


ran_at: list[float] = []

BOOK = "Let me have a look into our big book of orders, which is right here on my desk."


async def test_a_tool_runs_while_the_words_before_it_are_spoken(chat, open_line, autojump_clock):
    turns = [ModelTurn(BOOK, calls=[("quick", {})]), ModelTurn("Found it.")]
    ran_at.clear()
    async with open_line(
        chat, turns, speech=[speech(3, "order seven")], tools=[f"{HERE}quick"]
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=12))
    before, after = line.world.journal.of(AgentSpeaking)[1:3]
    assert [before.text, after.text] == [BOOK, "Found it."]
    assert ran_at[0] - before.at < 0.3
    assert after.at - before.at == pytest.approx(len(BOOK) / 20, abs=0.3)  # no gap between


async def test_words_before_a_tool_stand_before_it_once_heard(brand, open_line, autojump_clock):
    turns = [
        ModelTurn("Let me look that up.", calls=[("order_status", {"number": 7})]),
        ModelTurn("It is in the van."),
        ModelTurn("Bye."),
    ]
    talk = [speech(3, "order seven"), speech(9, "thanks")]
    async with open_line(brand, turns, speech=talk, tools=[f"{HERE}order_status"]) as line:
        await line.world.ring(silent_caller(hangs_up_s=12))
    assert line.heard() == ["Hello.", "Let me look that up.", "It is in the van.", "Bye."]
    assert line.asked()[2:] == [
        ("assistant", "Let me look that up."),
        ("call", "order_status"),
        ("result", '{"order": 7, "place": "van"}'),
        ("assistant", "It is in the van."),
        ("user", "thanks"),
    ]


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (("broken", {}), "it did not work, by a fault of its own"),
        (("nonsense", {}), "there is no tool 'nonsense'; there are broken, order_status, stuck"),
        (("order_status", '{"number": '), "the arguments are no JSON object"),
        (
            ("order_status", {"number": "x"}),
            "number: Input should be a valid integer, unable to parse string as an integer",
        ),
        (("stuck", {}), "no answer within 10 s"),
    ],
)
async def test_what_goes_wrong_with_a_tool_is_told_to_the_model(
    chat, open_line, autojump_clock, call, result
):
    turns = [ModelTurn("Let me see.", calls=[call]), ModelTurn("I cannot tell.")]
    tools = [f"{HERE}{name}" for name in ("broken", "order_status", "stuck")]
    async with open_line(chat, turns, speech=[speech(3, "hello")], tools=tools) as line:
        await line.world.ring(silent_caller(hangs_up_s=18))
    assert line.asked(1)[-1] == ("result", result)
    assert line.heard()[2] == "I cannot tell."
    assert line.end["reason"] == "caller_hung_up"


async def test_a_tool_that_takes_longer_than_a_call_allows_is_told_to_the_model_too(
    chat, open_line, autojump_clock
):
    turns = [ModelTurn("Let me see.", calls=[("stuck", {})]), ModelTurn("I cannot tell.")]
    tables = {"budgets": {"tool_s": 2}}
    async with open_line(
        chat, turns, speech=[speech(3, "hello")], tools=[f"{HERE}stuck"], tables=tables
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=12))
    assert line.asked()[-1] == ("result", "took too long")
    assert line.heard()[-1] == "I cannot tell."


async def test_a_model_that_calls_the_same_for_ever_is_stopped(chat, open_line, autojump_clock):
    def again(body):
        del body
        return ModelTurn(calls=[("broken", {})])

    async with open_line(
        chat, again, speech=[speech(3, "hello")], tools=[f"{HERE}broken"], max_steps=50
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=20))
    assert line.end["reason"] == "tool_repeated"


async def test_after_its_last_step_a_model_has_to_answer(brand, open_line, autojump_clock):
    turns = [ModelTurn(calls=[("broken", {})]), ModelTurn("I cannot tell.")]
    async with open_line(
        brand, turns, speech=[speech(3, "hello")], tools=[f"{HERE}broken"], max_steps=2
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=9))
    assert "tool_choice" not in line.requests[0]
    assert line.requests[1]["tool_choice"] in ("none", {"type": "none"})
    assert line.heard()[-1] == "I cannot tell."


async def test_a_caller_who_cuts_in_on_a_tool_is_answered_and_the_call_of_it_stays(
    brand, open_line, autojump_clock
):
    turns = [
        ModelTurn("I will look that up for you right now.", calls=[("stuck", {})]),
        ModelTurn("All right."),
    ]
    talk = [speech(3, "order seven"), speech(6.5, "forget about it", 8)]
    async with open_line(brand, turns, speech=talk, tools=[f"{HERE}stuck"]) as line:
        await line.world.ring(silent_caller(hangs_up_s=13))
    assert line.asked()[3:] == [
        ("call", "stuck"),
        ("result", "Interrupted by the caller: it is not known whether it was done."),
        ("user", "forget about it"),
    ]
    assert line.heard()[-1] == "All right."


# -- the phone -----------------------------------------------------------------------------------


async def test_a_model_hangs_up_once_its_goodbye_was_heard(brand, open_line, autojump_clock):
    turns = [ModelTurn("Goodbye, and thank you.", calls=[("hang_up", {"goodbye": "Bye."})])]
    async with open_line(brand, turns, speech=[speech(3, "that is all")]) as line:
        report = await line.world.ring(silent_caller())
    assert report.ended_by == "agent"
    assert line.end["reason"] == "agent_hung_up"
    assert line.heard() == ["Hello.", "Goodbye, and thank you."]
    assert len(line.requests) == 1  # nothing is left to ask


async def test_a_goodbye_is_never_left_out(chat, open_line, autojump_clock):
    turns = [ModelTurn(calls=[("hang_up", {})])]
    async with open_line(chat, turns, speech=[speech(3, "that is all")]) as line:
        await line.world.ring(silent_caller())
    assert line.heard()[-1] == "Goodbye."


async def test_a_caller_who_cuts_in_on_the_goodbye_stays_and_the_model_knows(
    chat, open_line, autojump_clock
):
    turns = [
        ModelTurn(
            "Goodbye, and thank you very much for calling us today.", calls=[("hang_up", {})]
        ),
        ModelTurn("Of course."),
    ]
    talk = [speech(3, "that is all"), speech(5, "wait one more thing", 6.5)]
    async with open_line(chat, turns, speech=talk) as line:
        await line.world.ring(silent_caller(hangs_up_s=11))
    assert line.end["reason"] == "caller_hung_up"
    assert ("result", "It has not come about: the caller spoke on.") in line.asked()


async def test_a_model_transfers_to_whom_it_may_and_hears_that_it_failed(
    chat, open_line, autojump_clock
):
    transfers = {"sales": {"to": "+15551234567", "description": "Sales"}}
    turns = [
        ModelTurn(calls=[("transfer", {"target": "+19005551234"})]),
        ModelTurn("I will connect you.", calls=[("transfer", {"target": "sales"})]),
        ModelTurn("Nobody is free."),
    ]
    async with open_line(
        chat, turns, speech=[speech(3, "sales please")], tools=["transfer"], transfers=transfers
    ) as line:
        line.world.telnyx.directory.entries["+15551234567"] = busy()
        await line.world.ring(silent_caller(hangs_up_s=20))
    assert ("result", "there is no such target; there are sales") in line.asked(1)
    assert line.asked(2)[-1] == (
        "user",
        "(The transfer failed: busy. The caller is back with you.)",
    )
    assert "Nobody is free." in line.heard()


async def test_a_transfer_is_announced_and_may_be_warm(chat, open_line, autojump_clock):
    transfers = {
        "sales": {"to": "+15551234567", "description": "Sales", "asks_first": True},
    }
    asked = {"target": "sales", "announcement": "I will ask sales.", "briefing": "Ann calls."}
    turns = [ModelTurn(calls=[("transfer", asked)]), ModelTurn("They cannot.")]
    async with open_line(
        chat, turns, speech=[speech(3, "sales please")], tools=["transfer"], transfers=transfers
    ) as line:
        line.world.telnyx.directory.entries["+15551234567"] = busy()
        await line.world.ring(silent_caller(hangs_up_s=16))
    assert line.heard()[1:] == ["I will ask sales.", "They cannot."]


async def test_arguments_that_make_no_sense_are_told_to_the_model(chat, open_line, autojump_clock):
    calls = [
        ("hold", {"seconds": "long"}),
        ("leave_message", {}),
        ("resume_recording", {}),
        ("press", {"digits": "5"}),
    ]
    turns = [ModelTurn("One moment.", calls=calls), ModelTurn("There.")]
    async with open_line(
        chat,
        turns,
        speech=[speech(3, "hello")],
        tools=["hold", "leave_message", "resume_recording", "press"],
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=11))
    assert [told for kind, told in line.asked(1) if kind == "result"] == [
        "seconds must be a number",
        "argument 'message' is missing",
        "Recording goes on.",
        "Pressed.",
    ]


async def test_a_model_presses_keys_and_pauses_the_recording(chat, open_line, autojump_clock):
    calls = [("press", {"digits": "12#"}), ("press", {"digits": "one"}), ("pause_recording", {})]
    turns = [ModelTurn("One moment.", calls=calls), ModelTurn("Now your card number.")]
    tools = ["press", "pause_recording", "resume_recording"]
    async with open_line(chat, turns, speech=[speech(3, "i want to pay")], tools=tools) as line:
        report = await line.world.ring(silent_caller(hangs_up_s=12))
    assert [text for kind, text in line.asked() if kind == "result"] == [
        "Pressed.",
        "digits must be 1 to 64 of 0-9 A-D * # and w for half a second",
        "Nothing is recorded now.",
    ]
    assert report.violations == ()


async def test_a_hold_lasts_until_the_caller_speaks(chat, open_line, autojump_clock):
    turns = [ModelTurn(calls=[("hold", {"seconds": 60})]), ModelTurn("Thank you.")]
    tables = {"call": {"silence_timeout_s": 3}}
    talk = [speech(3, "wait i fetch it"), speech(30, "here it is", 31.5)]
    async with open_line(chat, turns, speech=talk, tools=["hold"], tables=tables) as line:
        await line.world.ring(silent_caller(hangs_up_s=34.5))
    assert line.heard() == ["Hello.", "All right, I will wait.", "Thank you."]
    assert ("result", "The caller has spoken: the hold is over.") in line.asked()


async def test_a_hold_may_have_music(chat, open_line, autojump_clock):
    music = "https://music.example.com/hold.mp3"
    turns = [ModelTurn("Sure.", calls=[("hold", {"seconds": 5})]), ModelTurn("Still there?")]
    async with open_line(
        chat, turns, speech=[speech(3, "wait")], tools=["hold"], hold_music=music
    ) as line:
        report = await line.world.ring(silent_caller(hangs_up_s=14))
    assert line.asked(1)[-1] == (
        "result",
        "5 seconds have passed; the caller has said nothing.",
    )
    assert report.violations == ()


@pytest.mark.parametrize(
    "turn",
    [ModelTurn(calls=[("stuck", {})]), ModelTurn("Hm.", first_s=9), ModelTurn("A b c. " * 9)],
    ids=["in a tool", "before words", "in words"],
)
async def test_a_caller_who_hangs_up_leaves_nothing_behind(chat, open_line, autojump_clock, turn):
    async with open_line(
        chat, [turn], speech=[speech(3, "hello")], tools=[f"{HERE}stuck"], first_token_s=20
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=6))
    (record,) = line.world.records
    assert record["end"]["reason"] == "caller_hung_up"
    assert record["teardown_s"] < 0.1


async def test_a_message_is_left_to_its_end(chat, open_line, autojump_clock):
    turns = [ModelTurn(calls=[("leave_message", {"message": "Please call back."})])]
    async with open_line(
        chat, turns, speech=[speech(3, "leave a message")], tools=["leave_message"]
    ) as line:
        await line.world.ring(silent_caller())
    assert line.heard()[-1] == "Please call back."
    assert line.end["reason"] == "agent_hung_up"


# -- what goes wrong with the provider -----------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Answer(status=503),
        Answer(status=529, body="Overloaded"),
        Answer(status=429, retry_after="1"),
        Stall(),
        Drop(),
        Drop(after=1),
    ],
    ids=repr,
)
async def test_trouble_before_the_first_words_is_tried_again(
    brand, open_line, autojump_clock, fault
):
    turns = [ModelTurn("Until six."), ModelTurn("Until six.")]
    async with open_line(
        brand, turns, speech=[speech(3, "how long are you open")], faults=[fault], first_token_s=2
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=12))
    assert line.heard() == ["Hello.", "Until six."]
    assert len(line.requests) == 2


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ([Answer(status=401)], "agent_failed"),
        ([Answer(status=400, body="no such model")], "agent_failed"),
        ([Answer(status=429, retry_after="60")], "agent_failed"),
        ([Answer(status=500), Answer(status=500)], "agent_failed"),
        ([Stall(), Stall()], "agent_too_slow"),
    ],
)
async def test_trouble_that_stays_ends_the_call(chat, open_line, autojump_clock, faults, reason):
    async with open_line(
        chat, [], speech=[speech(3, "hello")], faults=faults, first_token_s=2
    ) as line:
        await line.world.ring(silent_caller())
    assert line.end["reason"] == reason
    assert len(line.requests) == len(faults)


async def test_nothing_is_said_twice_when_an_answer_breaks_off(chat, open_line, autojump_clock):
    turn = ModelTurn("This is the first sentence. And this is the second one of them.", piece_s=0.1)
    async with open_line(
        chat, [turn, turn], speech=[speech(3, "hello")], faults=[Drop(after=9)]
    ) as line:
        await line.world.ring(silent_caller())
    assert len(line.requests) == 1
    assert line.end["reason"] == "agent_failed"


async def test_tokens_are_counted_and_end_a_call(chat, open_line, autojump_clock):
    talk = [speech(3, "hello"), speech(6, "hello again")]
    tables = {"budgets": {"max_tokens": 100}}
    async with open_line(
        chat, [ModelTurn("Yes?"), ModelTurn("Yes?")], speech=talk, tables=tables
    ) as line:
        await line.world.ring(silent_caller(hangs_up_s=20))
    assert line.end["reason"] == "budget_spent"
    assert "tokens" in line.end["evidence"]


async def at_once(function, *args):
    """Run what would block."""
    function(*args)


# -- replay --------------------------------------------------------------------------------------


async def test_a_tool_beside_words_is_replayed_in_its_time(
    chat, open_line, autojump_clock, tmp_path
):
    turns = [
        ModelTurn(BOOK, calls=[("quick", {})]),
        ModelTurn("It is on its way, and it will be with you on Monday or on Tuesday."),
        ModelTurn("Good."),
    ]
    talk = [speech(3, "order seven"), speech(9.3, "that is fine", 10.4)]
    async with (
        open_flights(lambda _: tmp_path / "call", at_once) as flights,
        open_line(chat, turns, speech=talk, flights=flights, tools=[f"{HERE}quick"]) as line,
    ):
        await line.world.ring(silent_caller(hangs_up_s=13))
    (path,) = (tmp_path / "call").glob("wire.jsonl*")
    replayed = await trio.to_thread.run_sync(lambda: replay(read_flight(path)))
    heard = [turn["heard_text"] for turn in replayed.record["turns"] if turn["who"] == "agent"]
    assert heard == line.heard()
    assert heard[2].startswith("It is on its way")
    assert len(heard[2].split()) < 10  # the caller has cut in on it


async def test_a_call_with_tools_and_fillers_is_replayed_as_it_was(
    brand, open_line, autojump_clock, tmp_path
):
    turns = [
        ModelTurn(calls=[("order_status", {"number": 7}), ("stuck", {})]),
        ModelTurn("It is in the van, and it will be with you before noon."),
        ModelTurn("Goodbye.", calls=[("hang_up", {})]),
    ]
    talk = [speech(3, "order seven"), speech(11, "thanks", 12.5)]

    async with (
        open_flights(lambda _: tmp_path / "call", at_once) as flights,
        open_line(
            brand,
            turns,
            speech=talk,
            flights=flights,
            tools=["hang_up", f"{HERE}order_status", f"{HERE}stuck"],
            tables={"budgets": {"tool_s": 4}},
        ) as line,
    ):
        await line.world.ring(silent_caller())
    assert line.end["reason"] == "agent_hung_up"
    (path,) = (tmp_path / "call").glob("wire.jsonl*")
    replayed = await trio.to_thread.run_sync(lambda: replay(read_flight(path)))
    assert replayed.differences() == []
    assert replayed.record["end"]["reason"] == "agent_hung_up"
    heard = [turn["heard_text"] for turn in replayed.record["turns"] if turn["who"] == "agent"]
    assert heard == line.heard()
