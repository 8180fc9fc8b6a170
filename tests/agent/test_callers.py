"""The shipped caller and the shipped front desk belong together."""

import tomllib
from pathlib import Path

import voiced.testing
from voiced.agent.base import CallerTurn, CallInfo
from voiced.agent.dialogue_file import SHIPPED, load_dialogue
from voiced.agent.script_machine import Policy, ScriptMachine, compile_script
from voiced.agent.script_turn import HangUp

BOOKING = Path(voiced.testing.__file__).parent / "callers" / "booking.toml"


def test_the_booking_caller_books_and_is_let_go_after_the_last_line_only():
    lines = [line["say"] for line in tomllib.loads(BOOKING.read_text(encoding="utf-8"))["line"]]
    script = compile_script(load_dialogue(SHIPPED))
    call = CallInfo(call_id="c1", caller="+15551230000", called="+15559990000")
    conversation = ScriptMachine(script, Policy(), call)
    conversation.open()
    turns = [conversation.answer(CallerTurn(text=line, confidence=0.9)) for line in lines]
    assert [turn.ending for turn in turns] == [None] * (len(turns) - 1) + [HangUp()]
    said = [passage.text for turn in turns for passage in turn.passages]
    assert not any(text.startswith("Sorry") for text in said)
    assert any("noted Thursday afternoon" in text for text in said)
