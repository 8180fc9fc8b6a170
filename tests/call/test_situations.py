"""The main situations of two who talk, as whole calls, under several orders of ready tasks."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.call.test_conversation import EchoingCaller
from voiced.testing.caller import PlayedCaller, silent_caller
from voiced.testing.providers import ScriptedRecognizer, Speech
from voiced.testing.scheduling import shuffled_by

SEEDS = range(3)


@dataclass
class Situation:
    """What the caller does, as the recognizer tells it, and what the record must say of it."""

    script: list[Speech]
    story: list[str]
    end: str = "caller_hung_up"
    hangs_up_s: float | None = 12.0
    keys: list[tuple[float, str]] = field(default_factory=list)
    echoes: bool = False
    tables: dict[str, Any] = field(default_factory=dict)

    def caller(self):
        if self.echoes:
            return EchoingCaller(hangs_up_s=self.hangs_up_s)
        if self.keys:
            quiet = np.zeros(0, np.int16)
            return PlayedCaller(quiet, keys=self.keys, hangs_up_s=self.hangs_up_s)
        return silent_caller(hangs_up_s=self.hangs_up_s)


def speech(from_s, to_s, text, **more):
    return Speech(from_s=from_s, to_s=to_s, text=text, **more)


SITUATIONS = {
    "double talk: both begin at once": Situation(
        [speech(0.05, 0.9, "hello there", onset_s=0.12)],
        [
            "agent: Hello, this is the test line. [none: ]",
            "barge-in",
            "caller: hello there",
            "agent: You said hello there.",
        ],
    ),
    "a cough over the agent": Situation(
        [speech(0.8, 1.0, "")],
        [
            "agent: Hello, this is the test line. [part: Hello, this is]",
            "false alarm",
            "agent: How can I help you today? [none: ]",
            "caller: ",
            "agent: the test line.",
            "agent: How can I help you today?",
        ],
    ),
    "a long pause inside a sentence": Situation(
        [speech(4.0, 5.0, "i would like to"), speech(6.2, 7.0, "make an appointment")],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "caller: i would like to",
            "caller: make an appointment",
            "agent: You said i would like to make an appointment.",
        ],
    ),
    "the answer during the greeting": Situation(
        [speech(1.0, 2.2, "your opening hours")],
        [
            "agent: Hello, this is the test line. [part: Hello, this is the]",
            "barge-in",
            "agent: How can I help you today? [none: ]",
            "caller: your opening hours",
            "agent: You said your opening hours.",
        ],
    ),
    "talk over the goodbye": Situation(
        [speech(4.0, 4.6, "goodbye"), speech(6.2, 6.8, "one more thing")],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "caller: goodbye",
            "agent: Goodbye, and thank you for calling. [part: Goodbye, and]",
            "barge-in",
            "caller: one more thing",
            "agent: You said one more thing.",
        ],
    ),
    "thanks over the goodbye": Situation(
        [speech(4.0, 4.6, "goodbye"), speech(6.2, 6.8, "thank you")],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "caller: goodbye",
            "agent: Goodbye, and thank you for calling. [part: Goodbye, and]",
            "false alarm",
            "caller: thank you",
            "agent: thank you for calling.",
        ],
        end="agent_hung_up",
        hangs_up_s=None,
    ),
    "silence from the start": Situation(
        [],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "agent: Are you still there?",
            "agent: Are you still there?",
            "agent: I will hang up now.",
            "agent: Goodbye.",
        ],
        end="silence",
        hangs_up_s=None,
        tables={"call": {"silence_timeout_s": 5}},
    ),
    "music": Situation(
        [speech(3.5, 30.0, "")],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "agent: Are you still there?",
            "agent: Are you still there?",
        ],
        hangs_up_s=24.0,
        tables={"turns": {"no_words_timeout_s": 8}},
    ),
    "keys while speaking": Situation(
        [speech(4.0, 4.8, "my number is", decode_s=0.1)],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "caller: my number is",
            "agent: You said my number is.",
        ],
        keys=[(4.2, "4"), (4.5, "2"), (4.8, "#")],
    ),
    "our own voice comes back": Situation(
        [speech(0.4, 2.0, "thank you for calling")],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "caller: thank you for calling",
        ],
        echoes=True,
    ),
    "a slow caller": Situation(
        [speech(4.0, 4.4, "um"), speech(5.8, 6.4, "on the"), speech(7.9, 8.4, "monday")],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "caller: um",
            "caller: on the",
            "caller: monday",
            "agent: You said um on the monday.",
        ],
        hangs_up_s=16.0,
    ),
    "a caller faster than the recognizer": Situation(
        [
            speech(4.0, 4.5, "no", silence_s=0.2, decode_s=2.0),
            speech(4.8, 5.2, "not that", silence_s=0.2, decode_s=2.0),
            speech(5.5, 5.9, "the other", silence_s=0.2, decode_s=2.0),
        ],
        [
            "agent: Hello, this is the test line.",
            "agent: How can I help you today?",
            "caller: no",
            "caller: not that",
            "caller: the other",
            "agent: You said no not that the other.",
        ],
    ),
}


def story_of(record):
    """Return the record as one line for each thing that happened, in order."""
    told = []
    for turn in record["turns"]:
        if turn["who"] == "caller":
            told.append((turn["at_s"], f"caller: {turn['text']}"))
        else:
            whole = turn["heard"] == "all"
            heard = "" if whole else f" [{turn['heard']}: {turn['heard_text']}]"
            told.append((turn["at_s"], f"agent: {turn['text']}{heard}"))
    told += [
        (barge_in["at_s"], "false alarm" if barge_in["false_alarm"] else "barge-in")
        for barge_in in record["barge_ins"]
    ]
    return [line for _, line in sorted(told, key=lambda pair: pair[0])]


@pytest.fixture(params=SEEDS)
def scheduler_seed(request):
    with shuffled_by(request.param):
        yield request.param


@pytest.mark.parametrize("name", SITUATIONS)
async def test_a_situation_ends_as_it_should_whatever_the_order_of_tasks(
    open_world, autojump_clock, greeter, scheduler_seed, name
):
    situation = SITUATIONS[name]
    async with open_world(
        agent=greeter, recognizer=ScriptedRecognizer(situation.script), **situation.tables
    ) as world:
        report = await world.ring(situation.caller())
    (record,) = world.records
    assert story_of(record) == situation.story
    assert record["end"]["reason"] == situation.end
    assert report.violations == ()
    assert not report.zombie
