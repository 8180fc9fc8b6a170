"""The demo on the virtual clock: real speech both ways, real detector, real decoder, real voice.

What `make demo` does in a minute, minus the sockets and the second process: the shipped dialogue, a
caller who speaks aloud through mu-law, and the emulated Telnyx that listens to what was played.
"""

import pytest

from voiced.agent.script import ScriptAgent, ScriptSettings
from voiced.audio.level import rms_dbfs
from voiced.recognizer.embedded import EmbeddedRecognizer, EmbeddedSettings
from voiced.recognizer.inline import InlineDecoder
from voiced.recognizer.silero import SileroNetwork
from voiced.record.journal import AgentHeard, CallerSaid
from voiced.synthesizer.flite import FliteSettings, FliteSynthesizer
from voiced.testing.caller import Line, ScriptedCaller
from voiced.testing.script import load_script
from voiced.testing.speech import speak_all
from voiced.testing.story import find_faults


async def in_place(work):
    """Run blocking work where it is: a thread would let the virtual clock jump."""
    return work()


@pytest.mark.slow
async def test_a_spoken_caller_books_an_appointment_and_hears_every_word(
    open_world, autojump_clock
):
    script = load_script("booking")
    said = [line.say for line in script.lines]
    spoken = await speak_all(said, voice="kal16")
    lines = [Line(pcm=pcm, text=text) for pcm, text in zip(spoken, said, strict=True)]
    recognizer = EmbeddedRecognizer(EmbeddedSettings(), InlineDecoder(), SileroNetwork())
    async with (
        ScriptAgent.open(ScriptSettings()) as agent,
        FliteSynthesizer.open(FliteSettings(voice="kal16"), run_sync=in_place) as voice,
        open_world(agent=agent, recognizer=recognizer, synthesizer=voice) as world,
    ):
        report = await world.ring(ScriptedCaller(lines))

    # The caller's side: all was said, and understood to the word but for an article or two.
    understood = [event.text for event in world.journal.of(CallerSaid)]
    assert len(understood) == len(said) == 6
    for text, heard in zip(said, understood, strict=True):
        wanted = set(text.lower().replace(",", "").replace(".", "").replace("?", "").split())
        assert len(wanted & set(heard.split())) >= len(wanted) - 2, (text, heard)
    # The agent's side: it spoke, at speech level, without a hole of our making, to the end.
    assert find_faults(report) == []
    assert len(report.turns) == 6
    assert report.playback.underruns == 0
    assert {event.heard for event in world.journal.of(AgentHeard)} == {"all"}
    first = report.agent_utterances[0]
    assert -30 < rms_dbfs(report.heard_between(first.start_s, first.end_s)) < -15
    # It noted the day and the half of the day, said goodbye, and hung up only then.
    words = " ".join(turn["text"] for turn in world.records[0]["turns"] if turn["who"] == "agent")
    assert "Thursday afternoon" in words
    assert words.endswith("Goodbye.")
    assert world.records[0]["end"]["reason"] == "agent_hung_up"
    # Nothing is heard after the hangup: the track ends there, a mark's way after the last sound.
    last = report.agent_utterances[-1]
    assert 0 <= report.ended_s - last.end_s < 0.3
    assert len(report.heard) <= (report.ended_s + 0.02) * 8000
