"""A list of audio agents, on the virtual clock."""

from typing import Any

import numpy as np
import pytest
import trio

from voiced.agent.base import AudioAgent, CallInfo
from voiced.agent.echo import EchoAgent
from voiced.audio.frame import Frame
from voiced.errors import AgentFailed, CommandFailed
from voiced.resilience.audio_agent import AudioAgentList
from voiced.testing.providers import NoSettings

CALL = CallInfo(call_id="c", caller="+1", called="+2")
SORRY = "I am sorry, one moment please."


class Speaking:
    """Converses by a function."""

    Settings = NoSettings

    def __init__(self, what, rate_hz=16_000):
        self.what = what
        self.rate_hz = rate_hz
        self.heard = []

    @classmethod
    def open(cls, settings):
        raise NotImplementedError

    async def converse(self, call, frames, line):
        with frames:
            await self.what(self, frames, line)


class Line:
    """A line whose phone speaks."""

    unplayed_s = 0.0

    def __init__(self, refuses=False):
        self.phone = self
        self.spoken = []
        self.played = []
        self.refuses = refuses

    async def speak(self, text):
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise CommandFailed("speak", "no", status=422)
        self.spoken.append(text)

    async def play(self, pcm, rate_hz):
        await trio.lowlevel.checkpoint()
        self.played.append((len(pcm), rate_hz))


async def fail(self, frames, line):
    await frames.receive()
    raise AgentFailed("x", "gone", kind="closed")


async def listen(self, frames, line):
    async for frame in frames:
        self.heard.append(len(frame.pcm))


@pytest.fixture
def talk(members, notes):
    """Let a list converse for some seconds of frames."""

    async def run(*agents, line=None, for_s=3.0):
        list_ = AudioAgentList(members(*agents), SORRY).for_call(notes)
        frames_in, frames = trio.open_memory_channel(25)

        async def feed():
            samples = list_.rate_hz // 50
            with frames_in:
                for number in range(int(for_s * 50)):
                    await trio.sleep_until(number * 0.02)
                    pcm = np.zeros(samples, np.int16)
                    frames_in.send_nowait(Frame(pcm=pcm, at=number * 0.02, concealed=False))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed)
            held: Any = line or Line()
            await list_.converse(CALL, frames, held)
            nursery.cancel_scope.cancel()

    return run


async def test_the_next_one_goes_on_and_telnyx_apologizes(talk, notes, autojump_clock):
    line, second = Line(), Speaking(listen)
    await talk(Speaking(fail), second, line=line)
    assert len(second.heard) > 140
    assert line.spoken == [SORRY]
    assert notes.failures == [("one", "closed")]
    assert notes.switches == [("one", "two")]


async def test_one_apology_is_all(talk, notes, autojump_clock):
    line = Line()
    await talk(Speaking(fail), Speaking(fail), Speaking(listen), line=line)
    assert line.spoken == [SORRY]
    assert [name for name, _ in notes.failures] == ["one", "two"]


async def test_an_apology_that_is_refused_does_no_harm(talk, autojump_clock):
    second = Speaking(listen)
    await talk(Speaking(fail), second, line=Line(refuses=True))
    assert second.heard


async def test_audio_comes_at_the_rate_that_each_wants(talk, autojump_clock):
    second = Speaking(listen, rate_hz=24_000)
    await talk(Speaking(fail), second)
    assert set(second.heard) == {480}


async def test_who_hears_nothing_any_more_is_given_up(talk, notes, autojump_clock):
    async def deaf(self, frames, line):
        await trio.sleep_forever()

    second = Speaking(listen)
    await talk(Speaking(deaf), second, for_s=5.0)
    assert notes.failures == [("one", "too_slow")]
    assert second.heard


async def test_who_ends_the_conversation_has_not_failed(talk, notes, autojump_clock):
    async def leave(self, frames, line):
        await frames.receive()

    second = Speaking(listen)
    await talk(Speaking(leave), second)
    assert notes.events == []
    assert second.heard == []


async def test_when_all_fail_the_last_error_is_the_calls(talk, autojump_clock):
    with pytest.RaisesGroup(pytest.RaisesExc(AgentFailed, match="gone")):
        await talk(Speaking(fail), Speaking(fail))


def test_a_list_of_audio_agents_is_one(members):
    assert isinstance(AudioAgentList(members(EchoAgent(), EchoAgent()), ""), AudioAgent)
