from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio
from pydantic import ValidationError

from voiced.agent.base import CallerTurn, CallInfo, DialogueAgent, Remembering, TimeAware
from voiced.agent.script import ScriptAgent, ScriptSettings
from voiced.errors import ConfigError
from voiced.turns.expect import (
    Expectation,
    ExpectDigits,
    ExpectSpeech,
    ExpectSpelling,
    ExpectYesNo,
)

CALL = CallInfo(call_id="c1", caller="+15551230000", called="+15559990000")


class RecordedReply:
    """Fits `voiced.agent.base.Reply`; keeps what was said and decided."""

    def __init__(self) -> None:
        self.phone: Any = None
        self.said: list[str] = []
        self.protected: list[str] = []
        self.ending = ""
        self.expected: Expectation = ExpectSpeech()

    async def wait_heard(self) -> None:
        await trio.lowlevel.checkpoint()

    async def say(self, text: str | AsyncIterable[str], *, protected: bool = False) -> None:
        await trio.lowlevel.checkpoint()
        assert isinstance(text, str)
        assert not self.ending, "nothing is said after the end"
        self.said.append(text)
        if protected:
            self.protected.append(text)

    def expect(self, what: Expectation) -> None:
        self.expected = what

    def fill(self, text: str) -> None:
        raise AssertionError("a script does not wait")

    def spend(self, tokens: int) -> None:
        raise AssertionError("a script has no model")

    def tool(self, name: str, arguments: str = "") -> AbstractAsyncContextManager[None]:
        raise AssertionError("a script has no tools")

    def hang_up(self) -> None:
        assert not self.ending
        self.ending = "hang up"

    def transfer(self, to: str, briefing: str = "") -> None:
        assert not self.ending
        self.ending = f"transfer {to}"

    @property
    def text(self) -> str:
        return " ".join(self.said)


class Caller:
    """Holds one conversation with an agent, in words."""

    def __init__(self, agent: DialogueAgent) -> None:
        self.dialogue = agent.begin(CALL)
        self.reply = RecordedReply()

    async def calls(self) -> str:
        self.reply = RecordedReply()
        await self.dialogue.open(self.reply)
        return self.reply.text

    async def says(self, text: str, confidence: float = 0.9) -> str:
        self.reply = RecordedReply()
        await self.dialogue.answer(CallerTurn(text=text, confidence=confidence), self.reply)
        return self.reply.text

    async def keys(self, digits: str) -> str:
        self.reply = RecordedReply()
        turn = CallerTurn(text="", confidence=1.0, digits=digits)
        await self.dialogue.answer(turn, self.reply)
        return self.reply.text

    async def is_back(self) -> str:
        self.reply = RecordedReply()
        await self.dialogue.transfer_failed("busy", self.reply)
        return self.reply.text

    async def is_silent(self, times: int) -> str:
        self.reply = RecordedReply()
        await self.dialogue.prompt(times, self.reply)
        return self.reply.text


async def ring(**settings) -> Caller:
    async with ScriptAgent.open(ScriptSettings(**settings)) as agent:
        assert isinstance(agent, DialogueAgent)
        caller = Caller(agent)
        await caller.calls()
        return caller


SMALL = """
start = "color"
greeting = "Hello {caller}."
protected_greeting = true

[slots.color]
words = ["red", "green"]

[states.color]
say = "Which color?"
protected = true
[states.color.no_match]
say = ["Pardon? {question}"]
then = { say = "Over to us.", transfer = "+15550001111" }
[[states.color.answers]]
hear = ["[make it] {color}"]
say = "So {color}."
next = "end"
[[states.color.answers]]
hear = ["paint it all"]
confirm = "always"
heard = "that we paint everything"
say = "We paint."
next = "end"
[[states.color.answers]]
hear = ["whatever"]
confirm = "never"
say = "Then you are done."
hang_up = true

[states.end]
say = "Is that all?"
[[states.end.answers]]
hear = ["yes"]
say = "Goodbye."
hang_up = true
protected = true

[[everywhere]]
hear = ["say that again"]
repeat = true
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


async def test_an_appointment_is_made_in_words():
    caller = await ring()
    assert caller.reply.text == "Thank you for calling Riverside Clinic. How can I help you today?"
    assert "eight in the morning until five" in await caller.says("what are your opening hours")
    assert "Which day" in await caller.says("i would like to make an appointment")
    assert "morning or the afternoon" in await caller.says("on thursday please")
    assert "appointment on Thursday afternoon. Is that right?" in await caller.says("the afternoon")
    noted = await caller.says("yes that's right")
    assert "noted Thursday afternoon" in noted
    assert noted.endswith("anything else I can do for you?")
    assert "Goodbye" in await caller.says("no thank you goodbye")
    assert caller.reply.ending == "hang up"


async def test_an_appointment_with_its_day_is_not_asked_for_the_day():
    caller = await ring()
    assert "morning or the afternoon" in await caller.says("i need an appointment on monday please")


async def test_what_was_noted_wrongly_can_be_corrected_in_one_sentence():
    caller = await ring()
    await caller.says("i need an appointment on monday")
    assert "Monday morning" in await caller.says("the morning")
    assert "Friday morning" in await caller.says("no on friday")
    assert "Friday afternoon" in await caller.says("no in the afternoon")
    assert "Which day" in await caller.says("no")


async def test_weekends_are_refused_and_the_day_is_asked_again():
    caller = await ring()
    await caller.says("make an appointment")
    assert "closed at the weekend" in await caller.says("on saturday")
    assert "morning or the afternoon" in await caller.says("on tuesday then")


async def test_an_appointment_is_cancelled_only_after_a_yes():
    caller = await ring()
    assert "which day" in await caller.says("i need to cancel my appointment")
    assert "cancel your appointment on Friday?" in await caller.says("on friday")
    assert "stays as it is" in await caller.says("no")
    await caller.says("cancel my appointment")
    await caller.says("on friday")
    assert "noted that you cancel on Friday" in await caller.says("yes please")


async def test_the_operator_is_reached_when_there_is_one():
    caller = await ring(operator="+15557654321")
    assert "put you through" in await caller.says("can i speak to a person please")
    assert caller.reply.ending == "transfer +15557654321"


async def test_without_an_operator_the_caller_hears_so_and_the_talk_goes_on():
    caller = await ring()
    answer = await caller.says("can i speak to a person please")
    assert "nobody can take your call" in answer
    assert answer.endswith("How can I help you today?")
    assert not caller.reply.ending


async def test_an_emergency_is_told_to_dial_nine_one_one_whatever_was_asked():
    caller = await ring()
    await caller.says("make an appointment")
    answer = await caller.says("this is an emergency")
    assert "dial nine one one" in answer
    assert caller.reply.protected == [
        "If this is an emergency, please hang up now and dial nine one one."
    ]


async def test_goodbye_ends_the_call_in_every_state():
    for sentences in ([], ["make an appointment"], ["cancel my appointment", "on monday"]):
        caller = await ring()
        for sentence in sentences:
            await caller.says(sentence)
        await caller.says("goodbye")
        assert caller.reply.ending == "hang up"


async def test_a_silent_caller_is_asked_twice_and_then_let_go():
    caller = await ring()
    first, second = await caller.is_silent(1), await caller.is_silent(2)
    assert first.startswith("Are you still there?")
    assert first.endswith("How can I help you today?")
    assert second != first
    assert "Goodbye" in await caller.is_silent(3)
    assert caller.reply.ending == "hang up"


async def test_what_is_not_understood_is_asked_again_and_then_given_up(small):
    caller = await ring(dialogue=small)
    assert await caller.says("purple elephants") == "Pardon? Which color?"
    assert caller.reply.ending == ""
    assert await caller.says("more elephants") == "Over to us."
    ending: str = caller.reply.ending
    assert ending == "transfer +15550001111"


async def test_an_understood_answer_forgives_earlier_failures(small):
    caller = await ring(dialogue=small)
    await caller.says("purple elephants")
    await caller.says("red")
    assert (await caller.says("elephants")).startswith("Sorry, I did not catch that.")


@pytest.mark.parametrize(
    ("confidence", "answer"),
    [
        (0.8, "So red. Is that all?"),
        (0.79, "Did you say red?"),
        (0.6, "Did you say red?"),
        (0.59, "Pardon? Which color?"),
    ],
)
async def test_the_confidence_decides_between_taking_asking_back_and_not_understanding(
    small, confidence, answer
):
    caller = await ring(dialogue=small)
    assert await caller.says("red", confidence) == answer


@pytest.mark.parametrize(
    ("second", "answer"),
    [
        ("yes", "So red. Is that all?"),
        ("yes please", "So red. Is that all?"),
        ("no", "Sorry about that. Which color?"),
        ("no green", "So green. Is that all?"),
        ("green", "So green. Is that all?"),
        ("elephants", "Pardon? Did you say red?"),
        ("say that again", "Did you say red?"),
    ],
)
async def test_a_doubtful_answer_is_settled_by(small, second, answer):
    caller = await ring(dialogue=small)
    await caller.says("red", 0.7)
    assert await caller.says(second) == answer


async def test_an_unsure_correction_is_asked_back_too(small):
    caller = await ring(dialogue=small)
    await caller.says("red", 0.7)
    assert await caller.says("no green", 0.7) == "Did you say green?"
    assert await caller.says("yes") == "So green. Is that all?"


async def test_some_answers_are_always_confirmed_and_others_never(small):
    caller = await ring(dialogue=small)
    assert await caller.says("paint it all", 1.0) == "Did you say that we paint everything?"
    assert await caller.says("no") == "Sorry about that. Which color?"
    assert await caller.says("whatever", 0.61) == "Then you are done."


async def test_the_bounds_of_confidence_are_settings(small):
    caller = await ring(dialogue=small, accept_confidence=0.5, confirm_confidence=0.3)
    assert await caller.says("red", 0.5) == "So red. Is that all?"


async def test_protected_passages_are_said_apart_from_the_others(small):
    caller = await ring(dialogue=small)
    assert caller.reply.said == ["Hello 1 5 5 5 1 2 3 0 0 0 0. Which color?"]
    assert caller.reply.protected == caller.reply.said
    await caller.says("red")
    assert caller.reply.protected == []
    await caller.says("yes")
    assert caller.reply.protected == ["Goodbye."]


async def test_the_greeting_can_be_replaced(small):
    caller = await ring(dialogue=small, greeting="Good day.")
    assert caller.reply.text == "Good day. Which color?"


async def test_repeat_says_the_whole_last_turn_again_and_reprompts_do_not_count():
    caller = await ring()
    hours = await caller.says("what are your opening hours")
    assert await caller.says("can you repeat that") == hours
    await caller.says("purple elephants")
    assert await caller.says("can you repeat that") == hours


async def test_after_an_interruption_repeat_leaves_out_what_was_heard():
    caller = await ring()
    hours = await caller.says("what are your opening hours")
    caller.dialogue.interrupted(hours[:20])
    assert await caller.says("what did you say") == hours
    caller.dialogue.interrupted(hours.removesuffix("anything else I can do for you?"))
    assert await caller.says("what did you say") == "Is there anything else I can do for you?"


async def test_a_reply_cut_at_its_very_end_leaves_the_question_to_repeat():
    caller = await ring()
    caller.dialogue.interrupted(await caller.says("what are your opening hours"))
    assert await caller.says("what did you say") == "Is there anything else I can do for you?"


async def test_a_cough_that_cut_us_short_makes_us_say_the_rest_but_not_for_ever():
    caller = await ring()
    hours = await caller.says("what are your opening hours")
    caller.dialogue.interrupted("We are open")
    assert await caller.says("", 0.0) == hours
    assert (await caller.says("", 0.0)).startswith("Sorry, I did not catch that.")


async def test_cutting_in_on_the_goodbye_keeps_the_caller_on_the_line():
    caller = await ring()
    await caller.says("what are your opening hours")
    reply = RecordedReply()
    with trio.CancelScope() as scope:
        scope.cancel()
        turn = CallerTurn(text="no thank you goodbye", confidence=0.9)
        await caller.dialogue.answer(turn, reply)
    assert scope.cancelled_caught
    assert not reply.ending
    caller.dialogue.interrupted("")
    assert "Which day" in await caller.says("i would like to make an appointment")


async def test_calls_do_not_know_of_each_other():
    async with ScriptAgent.open(ScriptSettings()) as agent:
        one, other = Caller(agent), Caller(agent)
        await one.calls()
        await other.calls()
        await one.says("make an appointment")
        assert "morning or the afternoon" in await one.says("on monday")
        assert (await other.says("on monday")).startswith("Sorry")


async def test_the_vocabulary_holds_what_the_dialogue_expects():
    async with ScriptAgent.open(ScriptSettings()) as agent:
        sentences = set(agent.vocabulary.sentences)
    assert {"thursday", "yes", "no", "goodbye"} <= sentences
    assert {"what are your opening hours", "bye bye"} <= sentences


async def test_a_faulty_dialogue_does_not_open(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('start = "nowhere"', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml: start"):
        async with ScriptAgent.open(ScriptSettings(dialogue=str(path))):
            pass


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"operator": "555-1234"}, "no number to transfer to"),
        ({"operator": "operator"}, "no number to transfer to"),
        ({"accept_confidence": 1.5}, "accept_confidence"),
        ({"accept_confidence": 0.5, "confirm_confidence": 0.7}, "must not be above"),
        ({"greting": "Hi"}, "greting"),
    ],
)
def test_wrong_settings_are_refused(settings, part):
    with pytest.raises(ValidationError, match=part):
        ScriptSettings.model_validate(settings)


KEYED = """
start = "menu"

[states.menu]
say = "For sales, say sales or press one. For your account, press two."
[[states.menu.answers]]
hear = ["sales [please]"]
keys = "1"
say = "Sales it is."
transfer = "sip:sales@example.com"
unavailable = "Sales is busy."
[[states.menu.answers]]
keys = "2"
next = "account"

[states.account]
say = "Please key in your account number."
[states.account.digits]
slot = "account"
min_length = 4
max_length = 6
first_digit_timeout_s = 20
inter_digit_timeout_s = 2.5
say = "Account {account}."
next = "end"

[states.end]
say = "Is {account} right?"
[[states.end.answers]]
hear = ["yes"]
hang_up = true
[[states.end.answers]]
hear = ["help me please"]
transfer = "+15550001111"
"""


@pytest.fixture
async def keyed(tmp_path: Path) -> Caller:
    path = tmp_path / "keyed.toml"
    path.write_text(KEYED, encoding="utf-8")
    return await ring(dialogue=str(path))


async def test_an_answer_may_be_keyed_in_or_spoken(keyed: Caller):
    assert "For sales" in await keyed.calls()
    assert keyed.reply.expected == ExpectDigits(max_length=1)
    assert await keyed.keys("1") == "Sales it is."
    assert keyed.reply.ending == "transfer sip:sales@example.com"


async def test_a_number_is_collected_by_the_rules_of_its_state_and_said_digit_by_digit(
    keyed: Caller,
):
    assert "account number" in await keyed.keys("2")
    assert keyed.reply.expected == ExpectDigits(
        min_length=4, max_length=6, first_digit_timeout_s=20, inter_digit_timeout_s=2.5
    )
    assert await keyed.keys("4711") == "Account 4 7 1 1. Is 4 7 1 1 right?"
    assert type(keyed.reply.expected).__name__ == "ExpectSpeech"


@pytest.mark.parametrize("digits", ["123", "1234567", "9"])
async def test_a_number_of_the_wrong_length_is_asked_for_again(keyed: Caller, digits: str):
    await keyed.keys("2")
    assert (await keyed.keys(digits)).startswith("Sorry, I did not catch that.")
    assert isinstance(keyed.reply.expected, ExpectDigits)


async def test_keys_where_none_are_asked_for_are_not_understood(small: str):
    caller = await ring(dialogue=small)
    assert (await caller.keys("7")).startswith("Pardon?")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", ExpectSpeech()),
        ('expect = "yes_no"', ExpectYesNo()),
        ('expect = "spelling"\npatience = 1.5', ExpectSpelling(patience=1.5)),
        ("patience = 0.5", ExpectSpeech(patience=0.5)),
    ],
)
async def test_a_state_says_how_the_end_of_an_answer_is_found(
    tmp_path: Path, keys: str, expected: Expectation
):
    path = tmp_path / "patient.toml"
    answer = '[[states.a.answers]]\nhear = ["yes"]\nhang_up = true\n'
    path.write_text(f'start = "a"\n[states.a]\nsay = "Well?"\n{keys}\n{answer}', encoding="utf-8")
    caller = await ring(dialogue=str(path))
    await caller.calls()
    assert caller.reply.expected == expected


async def test_a_question_that_confirms_expects_a_yes_or_no(small: str):
    caller = await ring(dialogue=small)
    await caller.says("red", 0.7)
    assert caller.reply.expected == ExpectYesNo()


async def test_who_is_back_from_a_transfer_is_told_so_and_asked_the_open_question(keyed: Caller):
    await keyed.keys("1")
    assert (await keyed.is_back()).startswith("Sales is busy. For sales, say sales")
    await keyed.keys("2")
    await keyed.keys("4711")
    await keyed.says("help me please")
    assert keyed.reply.ending == "transfer +15550001111"
    assert await keyed.is_back() == "I am sorry, I could not put you through. Is 4 7 1 1 right?"


async def test_an_answer_that_nobody_heard_is_taken_back():
    caller = await ring()
    await caller.says("make an appointment")
    await caller.says("on thursday")
    assert isinstance(caller.dialogue, Remembering)
    caller.dialogue.withdrawn()
    assert "Thursday morning" in await caller.says("on thursday in the morning")
    assert "Thursday afternoon" in await caller.says("no in the afternoon")
    caller.dialogue.withdrawn()
    assert "noted Thursday morning" in await caller.says("yes")


async def test_a_caller_is_told_that_time_is_short_if_the_dialogue_has_words_for_it(tmp_path):
    path = tmp_path / "hasty.toml"
    path.write_text('time_is_short = "One minute left."\n' + SMALL, encoding="utf-8")
    hasty, small = await ring(dialogue=str(path)), await ring()
    for caller, said in ((hasty, "One minute left. Which color?"), (small, "")):
        caller.reply = RecordedReply()
        assert isinstance(caller.dialogue, TimeAware)
        await caller.dialogue.time_is_short(60, caller.reply)
        assert caller.reply.text == said


async def test_variables_of_the_call_are_said_and_have_a_default(tmp_path):
    file = tmp_path / "d.toml"
    file.write_text(
        """
        start = "ask"
        greeting = "Hello {name}, about {day}."
        variables = { name = "there", day = "today" }
        [states.ask]
        say = "Is {day} good?"
        [[states.ask.answers]]
        hear = ["yes"]
        hang_up = true
        """
    )
    async with ScriptAgent.open(ScriptSettings(dialogue=str(file))) as agent:
        for variables, said in (
            ({}, "Hello there, about today. Is today good?"),
            ({"name": "{day}", "x": "y"}, "Hello {day}, about today. Is today good?"),
        ):
            call = CallInfo(call_id="c", caller="", called="", variables=variables)
            reply = RecordedReply()
            await agent.begin(call).open(reply)
            assert reply.text == said
