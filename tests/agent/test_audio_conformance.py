"""Every audio agent behaves; and the kit notices those that do not."""

from contextlib import asynccontextmanager

import numpy as np
import pytest
import trio

from voiced.agent.echo import EchoAgent, EchoSettings
from voiced.agent.realtime.agent import RealtimeAgent
from voiced.agent.realtime.settings import RealtimeSettings
from voiced.record.journal import AgentSpeaking
from voiced.testing.audio_agent_kit import (
    AUDIO_AGENT_PROMISES,
    it_ends_with_the_frames,
    it_never_lets_frames_pile_up,
    it_plays_nothing_once_it_is_cancelled,
    what_it_tells_adds_up,
)
from voiced.testing.fake_provider import (
    Answer,
    CloseWith,
    Drop,
    FakeServer,
    Garbage,
    Refuse,
    open_memory_wire,
    serve_fake,
)
from voiced.testing.fake_realtime import FakeRealtime, RealtimeTurn

SETTINGS = {"api_key": "k", "turn_detection": "server"}


def fake(*faults):
    turns = [RealtimeTurn("Hello there."), RealtimeTurn("Yes, yes.")]
    return FakeServer(FakeRealtime(turns), faults)


@asynccontextmanager
async def echo():
    async with EchoAgent.open(EchoSettings()) as agent:
        yield agent


@asynccontextmanager
async def realtime():
    async with (
        open_memory_wire(fake()) as wire,
        RealtimeAgent.open(RealtimeSettings(**SETTINGS), wire=wire) as agent,
    ):
        yield agent


@pytest.mark.parametrize("promise", AUDIO_AGENT_PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("opened", [echo, realtime])
async def test_an_audio_agent_keeps_its_promises(opened, promise, autojump_clock):
    async with opened() as agent:
        await promise(agent)


TROUBLE = [
    Refuse(),
    Answer(status=503),
    Drop(at_s=0.8),
    CloseWith(code=1011, at_s=0.8),
    Garbage(at_s=0.8),
]


@pytest.mark.socket
@pytest.mark.slow
async def test_over_real_sockets_too_whatever_becomes_of_the_first_session():
    async def hold(promise, *faults):
        server = fake(*faults)
        async with serve_fake(server) as host:
            settings = RealtimeSettings(url=f"ws://{host}/v1/realtime", **SETTINGS)
            async with RealtimeAgent.open(settings) as agent:
                await promise(agent)
        return len(server.requests)

    async def hold_on(fault):
        assert await hold(what_it_tells_adds_up, fault) > 1, "no second session"

    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            for promise in AUDIO_AGENT_PROMISES:
                nursery.start_soon(hold, promise)
            for fault in TROUBLE:
                nursery.start_soon(hold_on, fault)


class Careless(EchoAgent):
    """Breaks a promise by what it does."""

    def __init__(self, what):
        self.what = what

    async def converse(self, call, frames, line):
        await self.what(frames, line)


async def leave_open(frames, line):
    async for _ in frames:
        pass


async def go_on(frames, line):
    with frames:
        async for _ in frames:
            pass
        await trio.sleep(5)


async def be_deaf(frames, line):
    with frames:
        await trio.sleep(0.8)


async def play_from_the_grave(frames, line):
    with frames:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(0.1, shield=True):
                await trio.sleep(0.05)
                await line.play(np.zeros(160, np.float64), 8000)


async def forget_what_was_heard(frames, line):
    with frames:
        line.note(AgentSpeaking(text="Hello.", at=0.0, latency_s=None))
        async for _ in frames:
            pass


BROKEN = [
    (leave_open, it_ends_with_the_frames, "still open"),
    (go_on, it_ends_with_the_frames, "it goes on"),
    (be_deaf, it_never_lets_frames_pile_up, "half a second"),
    (play_from_the_grave, it_plays_nothing_once_it_is_cancelled, "not int16"),
    (forget_what_was_heard, what_it_tells_adds_up, "not told"),
]


@pytest.mark.parametrize(("what", "promise", "found"), BROKEN)
async def test_a_broken_promise_is_noticed(what, promise, found, autojump_clock):
    group_or_not = (AssertionError, ExceptionGroup)
    with pytest.raises(group_or_not) as raised:
        await promise(Careless(what))
    error = raised.value
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, AssertionError)
    assert found in str(error)
