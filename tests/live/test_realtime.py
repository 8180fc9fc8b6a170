"""The Realtime API itself: a session of ours is taken, and it speaks."""

import os
from typing import Any

import pytest
import trio

from voiced.agent.base import CallInfo
from voiced.agent.realtime.agent import RealtimeAgent
from voiced.agent.realtime.settings import RealtimeSettings
from voiced.audio.frame import Frame
from voiced.journal import AgentSpeaking


class Line:
    """Takes what is played, and is heard at once."""

    phone = None
    failed_transfer = ""
    unplayed_s = 0.0

    def __init__(self):
        self.past = []
        self.told = []
        self.has_spoken = trio.Event()
        self.position_s = 0.0

    async def play(self, pcm, rate_hz):
        await trio.lowlevel.checkpoint()
        self.position_s += len(pcm) / rate_hz

    def mark(self, when_played):
        when_played("mark")

    def note(self, event):
        self.told.append(event)
        self.has_spoken.set()

    def clear(self):
        return self.position_s

    def transfer(self, to, briefing=""):
        raise AssertionError("nobody is to be transferred to")


@pytest.mark.live("OPENAI_API_KEY")
async def test_a_session_greets_in_its_own_voice():
    settings = RealtimeSettings(
        model=os.environ.get("VOICED_LIVE_REALTIME_MODEL", "gpt-realtime-mini"),
        greeting="The purple elephant is in.",
    )
    line: Any = Line()
    call = CallInfo(call_id="c", caller="+13125550100", called="+13125550199")
    frames_in, frames = trio.open_memory_channel[Frame](25)
    with trio.move_on_after(30):
        async with RealtimeAgent.open(settings) as agent, trio.open_nursery() as nursery:
            nursery.start_soon(agent.converse, call, frames, line)
            await line.has_spoken.wait()
            frames_in.close()
    (spoken,) = [event for event in line.told if isinstance(event, AgentSpeaking)]
    assert "elephant" in spoken.text.lower()
    assert line.position_s > 0.5
