"""Whole calls by a dialogue file that uses the telephone: keys, files, recordings."""

import numpy as np
import pytest

from voiced.agent.script import ScriptAgent, ScriptSettings
from voiced.testing.caller import PlayedCaller, tone

SONG = "https://sounds.test/terms.mp3"

PAYMENT = f"""
greeting = "Welcome."
start = "menu"

[states.menu]
say = "To pay by card, press one."
[[states.menu.answers]]
keys = "1"
recording = "pause"
say = "We do not record this."
next = "card"
[[states.menu.answers]]
keys = "2"
say = "These are our terms."
play = "{SONG}"
next = "menu"
[[states.menu.answers]]
keys = "3"
say = "I will open the gate."
press = "1w9"
hang_up = true
[[states.menu.answers]]
keys = "4"
recording = "start"
next = "menu"
[[states.menu.answers]]
keys = "5"
recording = "stop"
next = "menu"

[states.card]
say = "Please key in the number."
[states.card.digits]
slot = "card"
min_length = 8
max_length = 8
recording = "resume"
say = "Thank you. Goodbye."
hang_up = true
"""


@pytest.fixture
async def agent(tmp_path):
    path = tmp_path / "payment.toml"
    path.write_text(PAYMENT)
    async with ScriptAgent.open(ScriptSettings(dialogue=str(path))) as opened:
        yield opened


def pressing(*keys):
    """Return a caller who presses each (seconds, keys)."""
    each = [(at + n * 0.3, key) for at, text in keys for n, key in enumerate(text)]
    return PlayedCaller(np.zeros(0, np.int16), keys=each, hangs_up_s=30.0)


async def play(open_world, agent, caller, **recording):
    async with open_world(agent=agent, recording=recording) as world:
        world.telnyx.media[SONG] = tone(700.0, 1.5)
        report = await world.ring(caller, background_dbfs=None)
        await world.switchboard.drain()
    assert report.violations == ()
    return report, world.records[0]


async def test_while_the_card_is_keyed_in_nothing_is_recorded(open_world, autojump_clock, agent):
    caller = pressing((1.0, "1"), (5.0, "47111234"))
    report, record = await play(open_world, agent, caller, telnyx="from_answer")
    assert report.actions == ("answer", "record_pause", "record_resume", "hangup")
    assert record["end"]["reason"] == "agent_hung_up"
    (pause,) = record["recording_pauses"]
    pressed = [key.at_s for key in report.keys_pressed[1:]]
    assert pause["from_s"] < pressed[0]
    assert pressed[-1] < pause["to_s"] + 0.02  # our clock starts with the first webhook
    texts = [turn["text"] for turn in record["turns"]]
    assert texts[-2:] == ["", "Thank you. Goodbye."]
    assert record["turns"][-2]["withheld"] is True


async def test_a_file_is_played_once_what_was_said_is_heard(open_world, autojump_clock, agent):
    report, record = await play(open_world, agent, pressing((1.0, "2"), (9.0, "3")))
    (started,) = (w.at_s for w in report.webhooks if w.event_type == "call.playback.started")
    (ended,) = (w.at_s for w in report.webhooks if w.event_type == "call.playback.ended")
    spoken = {turn["text"]: turn for turn in record["turns"]}
    assert spoken["These are our terms."]["heard"] == "all"
    assert spoken["These are our terms."]["at_s"] + 1.0 <= started
    asked_again = [t for t in record["turns"] if t["text"].startswith("To pay")][-1]
    assert asked_again["at_s"] >= ended - 0.1


async def test_keys_are_pressed_to_the_last_before_the_hangup(open_world, autojump_clock, agent):
    report, _ = await play(open_world, agent, pressing((1.0, "3")))
    assert report.digits_heard == "19"
    assert report.actions == ("answer", "send_dtmf", "hangup")


async def test_a_recording_is_made_on_demand(open_world, autojump_clock, agent):
    caller = pressing((1.0, "4"), (6.0, "5"), (11.0, "3"))
    report, _ = await play(open_world, agent, caller, telnyx="on_demand")
    assert [a for a in report.actions if a.startswith("record")] == ["record_start", "record_stop"]
    (recording,) = report.recordings
    assert recording.ended_s - recording.started_s == pytest.approx(5.0, abs=0.2)
