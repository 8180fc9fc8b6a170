"""The Realtime API itself: it keeps the promises, hears, uses a tool, and is interrupted.

VOICED_LIVE_REALTIME_MODEL is another model, VOICED_LIVE_REALTIME_URL another address.
"""

import os
from typing import Annotated, Any

import numpy as np
import pytest
import structlog
import trio

from voiced.agent.realtime.agent import RealtimeAgent
from voiced.agent.realtime.settings import RealtimeSettings
from voiced.audio.frame import PTIME_S, Frame, frame_samples
from voiced.audio.resample import Resampler
from voiced.record.journal import AgentHeard, AgentSpeaking, BargeIn, CallerSaid
from voiced.synthesizer.libflite import RATE_HZ, Voice
from voiced.testing.audio_agent_kit import AUDIO_AGENT_PROMISES, CALL, KitLine

pytestmark = pytest.mark.live("OPENAI_API_KEY")

MODEL = os.environ.get("VOICED_LIVE_REALTIME_MODEL", "gpt-realtime-2.1-mini")
URL = os.environ.get("VOICED_LIVE_REALTIME_URL", "wss://api.openai.com/v1/realtime")
PROMPT = "You are a clerk. Before you tell of an order, look it up with the tool."


async def order_status(number: Annotated[int, "On the receipt"]) -> str:
    """Look up where an order is."""
    return f"order {number} is in the purple van"


def settings(**keys):
    return RealtimeSettings(model=MODEL, url=URL, **keys)


def told(line, kind):
    return [event for event in line.told if isinstance(event, kind)]


class TimedLine(KitLine):
    """A line on which audio takes its time, and what is cleared was not heard."""

    def __init__(self):
        super().__init__()
        self.position = self.dry_at = 0.0

    async def play(self, pcm, rate_hz):
        await super().play(pcm, rate_hz)
        self.position += len(pcm) / rate_hz
        self.dry_at = max(self.dry_at, trio.current_time()) + len(pcm) / rate_hz

    def clear(self):
        played_s = self.position - self.unplayed_s
        self.position, self.dry_at = played_s, 0.0
        return played_s

    def mark(self, when_played):
        """Never tell that anything was played to its end: it is cut before."""

    @property
    def position_s(self):
        return self.position

    @property
    def unplayed_s(self):
        return max(0.0, self.dry_at - trio.current_time())


@pytest.fixture
def converse():
    """Converse while the caller says texts, one after another, until something is so."""

    async def run(line, *texts, until, **keys):
        frames_in, frames = trio.open_memory_channel[Frame](25)
        pieces = [np.zeros(8000, np.int16)]
        for text in texts:
            spoken = Resampler(RATE_HZ, 8000).process(Voice("rms").speak(text))
            pieces += [spoken, np.zeros(12_000, np.int16)]
        pcm, size = np.concatenate(pieces), frame_samples(8000)

        async def feed():
            begun_at = trio.current_time()
            number = 0
            while not until(line):
                await trio.sleep_until(begun_at + number * PTIME_S)
                piece = pcm[number * size : (number + 1) * size]
                piece = np.pad(piece, (0, size - len(piece)))
                frames_in.send_nowait(Frame(pcm=piece, at=trio.current_time()))
                number += 1
            frames_in.close()

        with trio.fail_after(60), structlog.testing.capture_logs() as logs:
            async with (
                RealtimeAgent.open(settings(**keys)) as agent,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(feed)
                await agent.converse(CALL, frames, line)
                nursery.cancel_scope.cancel()
        assert [entry for entry in logs if entry["event"].startswith("realtime")] == []

    return run


@pytest.mark.parametrize("promise", AUDIO_AGENT_PROMISES, ids=lambda promise: promise.__name__)
async def test_it_keeps_the_promises_of_an_audio_agent(promise):
    with trio.fail_after(60):
        async with RealtimeAgent.open(settings(speaks_first=False)) as agent:
            await promise(agent)


async def test_a_session_greets_in_its_own_voice(converse):
    line: Any = KitLine()
    await converse(
        line, until=lambda line: line.has_spoken.is_set(), greeting="The purple elephant is in."
    )
    (spoken,) = told(line, AgentSpeaking)
    assert "elephant" in spoken.text.lower()
    assert line.played_s > 0.5


async def test_a_question_is_heard_and_answered_by_a_tool(converse):
    line: Any = KitLine()
    await converse(
        line,
        "Where is my order number seven?",
        until=lambda line: any("purple" in event.text for event in told(line, AgentSpeaking)),
        prompt=PROMPT,
        speaks_first=False,
        tools=("hang_up", f"{__name__}:order_status"),
    )
    assert any("order" in event.text.lower() for event in told(line, CallerSaid))


async def test_what_was_heard_of_an_answer_that_is_cut_short_is_taken(converse):
    line: Any = TimedLine()
    await converse(
        line,
        "Please count from one to one hundred.",
        "Thank you, that is enough.",
        until=lambda line: bool(told(line, BargeIn)) and len(told(line, AgentSpeaking)) > 1,
        speaks_first=False,
    )
    heard = next(event for event in told(line, AgentHeard) if event.heard == "part")
    assert len(heard.heard_text) < len(heard.text)
