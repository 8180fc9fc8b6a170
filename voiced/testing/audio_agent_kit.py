"""Whether an audio agent keeps its promises: the conformance kit of `AudioAgent`.

    @pytest.mark.parametrize("promise", AUDIO_AGENT_PROMISES, ids=lambda promise: promise.__name__)
    async def test_my_agent(promise):
        async with MyAgent.open(MySettings()) as agent:
            await promise(agent)

Each promise raises AssertionError with what was not kept. A conversation of some seconds is held,
in real time or on Trio's virtual clock: a loud tone for a second, then silence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import trio
from pydantic import BaseModel

from voiced.agent.base import AudioAgent, CallInfo, Standing
from voiced.audio.frame import PTIME_S, Frame, frame_samples
from voiced.record.journal import AgentHeard, AgentSpeaking
from voiced.turns.budgets import Budgets, Spending
from voiced.turns.rules import TurnRules

if TYPE_CHECKING:
    from voiced.agent.base import AudioLine
    from voiced.agent.memory import Entry
    from voiced.audio.frame import Pcm
    from voiced.record.journal import JournalEvent

CALL = CallInfo(call_id="v3:kit", caller="+13125550100", called="+13125550199")

TALK_S = 4.0
"""How long a conversation of the kit is: a second of voice in it, from the first second on."""

FRAMES_AHEAD = 25
"""As many frames as may wait in a call."""

GONE_S = 0.5
"""After the last frame, or a cancellation, an agent is gone within this time."""

RATES_HZ = range(8000, 48_001)

Promise: TypeAlias = Callable[[AudioAgent], Awaitable[None]]


class KitLine:
    """Fits `AudioLine`: what is played is heard at once, in a caller's time."""

    def __init__(self) -> None:
        self.phone: Any = None
        self.past: list[Entry] = []
        self.failed_transfer = ""
        self.ends_at = float("inf")
        self.standing = Standing()
        self.rules = TurnRules()
        self.spending = Spending(Budgets())
        self.told: list[JournalEvent] = []
        self.played_s = 0.0
        self.is_over = False
        self.has_spoken = trio.Event()
        """Set once the agent has told what it says."""

    async def play(self, pcm: Pcm, rate_hz: int) -> None:
        """Take audio."""
        assert not self.is_over, "audio was played after the conversation"
        assert pcm.dtype == np.int16, f"audio is {pcm.dtype}, not int16"
        assert pcm.ndim == 1, "audio is not mono"
        assert rate_hz in RATES_HZ, f"{rate_hz} Hz"
        await trio.lowlevel.checkpoint()
        self.played_s += len(pcm) / rate_hz

    def clear(self) -> float:
        """Drop nothing: all was heard."""
        assert not self.is_over, "the line was cleared after the conversation"
        return self.played_s

    def mark(self, when_played: Callable[[str], None]) -> object:
        """Say at once that it was heard."""
        when_played("kit")
        return None

    def note(self, event: JournalEvent, /) -> None:
        """Keep what is told."""
        self.told.append(event)
        if isinstance(event, AgentSpeaking):
            self.has_spoken.set()

    def transfer(self, to: str, briefing: str = "") -> None:
        """Take a wish."""
        assert to
        assert isinstance(briefing, str)

    def nobody_speaks(self) -> None:
        """Take the reason of an end."""

    def take_keys(self, take: Callable[[str], None], /) -> None:
        """Take who wants keys: nobody presses any."""
        assert callable(take)

    @property
    def position_s(self) -> float:
        """All is played at once."""
        return self.played_s

    @property
    def unplayed_s(self) -> float:
        """Nothing waits."""
        return 0.0


async def it_fits_the_protocol(agent: AudioAgent) -> None:
    """It has what a call asks of it."""
    await trio.lowlevel.checkpoint()
    found: object = agent
    assert isinstance(found, AudioAgent), "lacks Settings, rate_hz, open or converse"
    assert issubclass(agent.Settings, BaseModel), "Settings is no pydantic model"
    assert agent.rate_hz in RATES_HZ, f"rate_hz is {agent.rate_hz}"


async def it_ends_with_the_frames(agent: AudioAgent) -> None:
    """When the caller has gone, `converse` returns, and has closed its frames."""
    line = KitLine()
    frames, _ = await _talk(agent, line)
    assert not frames.statistics().open_receive_channels, "its end of the frames is still open"


async def it_never_lets_frames_pile_up(agent: AudioAgent) -> None:
    """It takes frames as they come, whatever else it does."""
    _, most_waiting = await _talk(agent, KitLine())
    assert most_waiting < FRAMES_AHEAD, "half a second of frames has waited"


async def it_plays_nothing_once_it_is_cancelled(agent: AudioAgent) -> None:
    """A cancelled conversation is gone, and nothing comes of it afterwards."""
    line = KitLine()
    frames_in, frames = trio.open_memory_channel["Frame"](FRAMES_AHEAD)
    with frames_in, trio.move_on_after(TALK_S + 2 * GONE_S) as limit:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(agent.converse, CALL, frames, cast("AudioLine", line))
            await _feed(agent.rate_hz, frames_in, TALK_S / 2)
            nursery.cancel_scope.cancel()
        line.is_over = True
        await trio.sleep(GONE_S)
    assert not limit.cancelled_caught, "it took too long to be cancelled"


async def what_it_tells_adds_up(agent: AudioAgent) -> None:
    """Of every passage whose hearing is told, it was told before that it is spoken."""
    line = KitLine()
    await _talk(agent, line)
    spoken = [event.text for event in line.told if isinstance(event, AgentSpeaking)]
    for event in line.told:
        if isinstance(event, AgentHeard):
            assert event.text in spoken, "something was heard that was not said"
            assert event.text.startswith(event.heard_text), "other words were heard than said"
            spoken.remove(event.text)
    assert not spoken, "what became of what was said is not told"


async def _talk(agent: AudioAgent, line: KitLine) -> tuple[trio.MemorySendChannel[Frame], int]:
    """Hold a conversation; return the frames' sending end and how many have waited at most."""
    frames_in, frames = trio.open_memory_channel["Frame"](FRAMES_AHEAD)
    most_waiting = 0
    has_ended = False
    async with trio.open_nursery() as nursery:

        async def converse() -> None:
            nonlocal has_ended
            await agent.converse(CALL, frames, cast("AudioLine", line))
            has_ended = True

        nursery.start_soon(converse)
        with frames_in:
            most_waiting = await _feed(agent.rate_hz, frames_in, TALK_S)
        await trio.sleep(GONE_S)
        nursery.cancel_scope.cancel()
    assert has_ended, f"it goes on {GONE_S:g} s after the last frame"
    line.is_over = True
    return frames_in, most_waiting


async def _feed(rate_hz: int, frames: trio.MemorySendChannel[Frame], for_s: float) -> int:
    """Give frames in real time; return how many have waited at most."""
    begun_at, most_waiting = trio.current_time(), 0
    n_samples = frame_samples(rate_hz)
    for number in range(round(for_s / PTIME_S)):
        at = begun_at + number * PTIME_S
        await trio.sleep_until(at)
        is_loud = 1.0 <= number * PTIME_S < 2.0
        phase = np.arange(number * n_samples, (number + 1) * n_samples) * (2 * np.pi * 200)
        pcm = (6000 * np.sin(phase / rate_hz) * is_loud).astype(np.int16)
        try:
            frames.send_nowait(Frame(pcm=pcm, at=at))
        except trio.WouldBlock:
            return FRAMES_AHEAD
        except trio.BrokenResourceError:
            break  # it has ended the conversation
        most_waiting = max(most_waiting, frames.statistics().current_buffer_used)
    return most_waiting


AUDIO_AGENT_PROMISES: tuple[Promise, ...] = (
    it_fits_the_protocol,
    it_ends_with_the_frames,
    it_never_lets_frames_pile_up,
    it_plays_nothing_once_it_is_cancelled,
    what_it_tells_adds_up,
)
