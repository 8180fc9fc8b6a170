"""The Realtime API itself: a session of ours is taken, and it speaks."""

import os
from typing import Any

import pytest
import trio

from voiced.agent.realtime.agent import RealtimeAgent
from voiced.agent.realtime.settings import RealtimeSettings
from voiced.audio.frame import Frame
from voiced.record.journal import AgentSpeaking
from voiced.testing.audio_agent_kit import CALL, KitLine


@pytest.mark.live("OPENAI_API_KEY")
async def test_a_session_greets_in_its_own_voice():
    settings = RealtimeSettings(
        model=os.environ.get("VOICED_LIVE_REALTIME_MODEL", "gpt-realtime-2.1-mini"),
        greeting="The purple elephant is in.",
    )
    line: Any = KitLine()
    frames_in, frames = trio.open_memory_channel[Frame](25)
    with trio.move_on_after(30):
        async with RealtimeAgent.open(settings) as agent, trio.open_nursery() as nursery:
            nursery.start_soon(agent.converse, CALL, frames, line)
            await line.has_spoken.wait()
            frames_in.close()
    (spoken,) = [event for event in line.told if isinstance(event, AgentSpeaking)]
    assert "elephant" in spoken.text.lower()
    assert line.played_s > 0.5
