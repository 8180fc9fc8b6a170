"""A list of audio agents, on the virtual clock."""

from typing import Any

import numpy as np
import pytest
import trio

from voiced.agent.base import AudioAgent, CallInfo, Standing
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
        self.past = []
        self.standing = Standing()
        self.spoken = []
        self.played = []
        self.refuses = refuses

    async def speak(self, text):
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise CommandFailed("speak", "no", status=422)
        self.spoken.append(text)

    @property
    def position_s(self):
        return sum(n / rate_hz for n, rate_hz in self.played)

    async def play(self, pcm, rate_hz):
        await trio.lowlevel.checkpoint()
        self.played.append((len(pcm), rate_hz))


async def fail(self, frames, line):
    await frames.receive()
    raise AgentFailed("x", "gone", kind="closed")


async def speak_and_fail(self, frames, line):
    await line.play(np.zeros(160, np.int16), 8000)
    await fail(self, frames, line)


async def listen(self, frames, line):
    async for frame in frames:
        self.heard.append(len(frame.pcm))


@pytest.fixture
def talk(members, notes):
    """Let a list converse for some seconds of frames."""

    async def run(*agents, line=None, for_s=3.0, stand_in="", failures=3):
        who = members(*agents, failures=failures)
        list_ = AudioAgentList(who, SORRY, stand_in=stand_in).for_call(notes)
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
    await talk(Speaking(speak_and_fail), second, line=line)
    assert len(second.heard) > 140
    assert line.spoken == [SORRY]
    assert notes.failures == [("one", "closed")]
    assert notes.switches == [("one", "two")]


async def test_the_next_one_gets_ready_during_the_apology_and_does_not_speak_over_it(
    talk, autojump_clock
):
    told = []

    class Slow(Line):
        async def speak(self, text):
            told.append("apology")
            await trio.sleep(2.0)
            told.append("over")

    async def begin(self, frames, line):
        told.append("begins")
        await listen(self, frames, line)

    second: Any = Speaking(begin)
    second.anticipate = lambda: told.append("connects")
    await talk(Speaking(speak_and_fail), second, line=Slow(), for_s=5.0)
    assert told == ["connects", "apology", "over", "begins"]
    assert len(second.heard) > 240  # what the caller said meanwhile, too


async def test_the_next_one_gets_ready_for_no_other_call_where_nothing_is_said(
    talk, autojump_clock
):
    second: Any = Speaking(listen)
    second.anticipate = lambda: pytest.fail("has connected twice")
    await talk(Speaking(fail), second)
    assert second.heard


async def test_one_apology_is_all(talk, notes, autojump_clock):
    line = Line()
    await talk(Speaking(speak_and_fail), Speaking(fail), Speaking(listen), line=line)
    assert line.spoken == [SORRY]
    assert [name for name, _ in notes.failures] == ["one", "two"]


async def test_an_apology_that_is_refused_does_no_harm(talk, autojump_clock):
    second = Speaking(listen)
    await talk(Speaking(speak_and_fail), second, line=Line(refuses=True))
    assert second.heard


async def test_who_fails_before_anything_was_heard_is_not_apologized_for(talk, autojump_clock):
    line, second = Line(), Speaking(listen)
    await talk(Speaking(fail), second, line=line)
    assert second.heard
    assert line.spoken == []
    assert not line.standing.has_apologized


@pytest.mark.parametrize(("settled_at", "n_again"), [(float("inf"), 0), (0.5, 25), (0.99, 1)])
async def test_the_next_one_hears_again_what_is_not_settled(
    talk, autojump_clock, settled_at, n_again
):
    async def last_a_second(self, frames, line):
        line.standing.settled_at = settled_at
        for _ in range(51):
            await frames.receive()
        raise AgentFailed("x", "gone", kind="closed")

    second = Speaking(listen)
    await talk(Speaking(last_a_second), second)
    assert len(second.heard) == pytest.approx(150 - 51 + n_again, abs=1)


async def test_where_somebody_in_words_stands_by_it_is_left_to_them(talk, notes, autojump_clock):
    with pytest.RaisesGroup(pytest.RaisesExc(AgentFailed, match="gone")):
        await talk(Speaking(fail), Speaking(fail), stand_in="three")
    assert notes.switches == [("one", "two"), ("two", "three")]


async def test_open_circuits_are_not_tried_where_somebody_in_words_stands_by(
    members, notes, autojump_clock
):
    tried = []

    async def try_it(self, frames, line):
        tried.append(trio.current_time())
        await fail(self, frames, line)

    list_ = AudioAgentList(members(Speaking(try_it), failures=1), SORRY, stand_in="two")
    for _ in range(2):
        frames_in, frames = trio.open_memory_channel(25)
        with frames_in:
            frames_in.send_nowait(Frame(pcm=np.zeros(320, np.int16), at=0.0))
            held: Any = Line()
            with pytest.raises(AgentFailed):
                await list_.for_call(notes).converse(CALL, frames, held)
    assert len(tried) == 1
    assert notes.switches == [("one", "two")] * 2


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
