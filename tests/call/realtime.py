"""Whole calls with the Realtime agent: who calls, and how."""

from contextlib import asynccontextmanager

import numpy as np

from voiced.agent.realtime.agent import RealtimeAgent
from voiced.agent.realtime.settings import RealtimeSettings
from voiced.testing.caller import PlayedCaller
from voiced.testing.fake_provider import FakeServer, open_memory_wire
from voiced.testing.fake_realtime import FakeRealtime

PATIENT = {"call": {"silence_timeout_s": 15}}


def speech(*times, for_s=40.0):
    """Return the caller's audio: a loud tone in each (from, to) span of seconds."""
    pcm = np.zeros(int(for_s * 8000), np.int16)
    for from_s, to_s in times:
        n = np.arange(int((to_s - from_s) * 8000))
        start = int(from_s * 8000)
        pcm[start : start + len(n)] = (6000 * np.sin(n * 2 * np.pi * 200 / 8000)).astype(np.int16)
    return pcm


@asynccontextmanager
async def open_agent(script, *faults, **settings):
    """Yield an agent, its fake, and the fake's server."""
    fake = FakeRealtime(script, key="sk")
    server = FakeServer(fake, faults)
    settings = {"api_key": "sk", "turn_detection": "server", **settings}
    async with (
        open_memory_wire(server) as wire,
        RealtimeAgent.open(RealtimeSettings(**settings), wire=wire) as agent,
    ):
        yield agent, fake, server


async def ring(
    open_world, script, *faults, caller, flights=None, directory=None, tables=None, **settings
):
    """Hold a call; returns report, record, fake and server."""
    caller = caller if hasattr(caller, "step") else PlayedCaller(caller)
    async with (
        open_agent(script, *faults, **settings) as (agent, fake, server),
        open_world(
            agent=agent,
            recognizer=None,
            synthesizer=None,
            flights=flights,
            **{**PATIENT, **(tables or {})},
        ) as world,
    ):
        world.telnyx.directory.entries.update(directory or {})
        report = await world.ring(caller)
    (record,) = world.records
    assert report.violations == ()
    assert not report.zombie
    return report, record, fake, server


def said(record, who):
    """Return what one side has said, in order."""
    return [turn["text"] for turn in record["turns"] if turn["who"] == who]
