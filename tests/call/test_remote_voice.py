"""A whole call with a voice from elsewhere: barge-in, what was heard, a connection that is lost."""

from contextlib import asynccontextmanager

from voiced.record.journal import AgentHeard, AgentSpeaking
from voiced.synthesizer.elevenlabs import ElevenLabsSettings, ElevenLabsSynthesizer
from voiced.testing.caller import silent_caller
from voiced.testing.fake_provider import Drop, FakeServer, open_memory_wire
from voiced.testing.fake_voices import FakeElevenLabs, Pace
from voiced.testing.providers import ScriptedRecognizer, Speech

SETTINGS = ElevenLabsSettings(url="ws://far", api_key="any")


@asynccontextmanager
async def elevenlabs(*faults, pace=None):
    fake = FakeElevenLabs(pace or Pace())
    server = FakeServer(fake, faults)
    async with (
        open_memory_wire(server, connect_s=0.1) as wire,
        ElevenLabsSynthesizer.open(SETTINGS, wire=wire) as voice,
    ):
        yield voice, fake, server


async def test_a_caller_who_cuts_in_stops_the_provider_and_what_he_heard_is_exact(
    open_world, autojump_clock, greeter
):
    script = [Speech(from_s=1.0, to_s=2.0, text="goodbye")]
    async with (
        elevenlabs(pace=Pace(first_s=0.15, each_s=0.09)) as (voice, fake, server),
        open_world(
            agent=greeter, recognizer=ScriptedRecognizer(script), synthesizer=voice
        ) as world,
    ):
        report = await world.ring(silent_caller())
    assert fake.stopped == ["text-1"]
    assert server.n_connections == 1  # opened while it rang, and kept
    (first, *_) = world.journal.of(AgentHeard)
    (clear_s,) = report.clears
    assert first.heard == "part"
    # The fake's words: 0.05 s a letter, 0.06 s between them, 40 ms of silence left in front.
    (begun_at,) = [e.at for e in world.journal.of(AgentSpeaking) if e.text == first.text]
    played_s = report.rang_at + clear_s - begun_at
    ends, at_s = [], 0.04
    for word in first.text.split():
        at_s += 0.05 * len(word)
        ends.append(at_s)
        at_s += 0.06
    expected = [w for w, end_s in zip(first.text.split(), ends, strict=True) if end_s < played_s]
    assert first.heard_text == " ".join(expected)


async def test_a_connection_that_is_lost_in_a_sentence_costs_the_caller_a_moment(
    open_world, autojump_clock, greeter
):
    async with (
        elevenlabs(Drop(after=8)) as (voice, fake, _),
        open_world(agent=greeter, recognizer=ScriptedRecognizer(), synthesizer=voice) as world,
    ):
        await world.ring(silent_caller(hangs_up_s=8.0))
    heard = world.journal.of(AgentHeard)
    assert [piece.heard for piece in heard] == ["all", "all"]
    first, rest, *_ = fake.said
    assert first.endswith(rest)
    assert world.records[0]["end"]["reason"] == "caller_hung_up"
