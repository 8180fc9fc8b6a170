"""A call whose synthesizer tells of its words: what the caller heard is known to the word."""

import math

import numpy as np
import trio

from voiced.flight.entries import COMPRESSED_FILE
from voiced.flight.recorder import open_flights
from voiced.flight.redaction import redact_file
from voiced.record.journal import AgentHeard
from voiced.synthesizer.base import Word
from voiced.testing.caller import silent_caller
from voiced.testing.providers import ScriptedRecognizer, Speech, ToneSynthesizer


class Drawl(ToneSynthesizer):
    """Speaks as the tones do, but is said to take two seconds for each word."""

    async def synthesize_timed(self, text, audio, words):
        words([Word(word, 2.0 * n) for n, word in enumerate(text.split(), 1)])
        phase = np.arange(2 * len(text.split()) * self.rate_hz) * (2 * math.pi * 440 / self.rate_hz)
        await audio((9000 * np.sin(phase)).astype(np.int16))


async def hold(open_world, greeter, tmp_path):
    """The caller speaks over the greeting 5 s after it has begun."""
    script = [Speech(from_s=4.9, to_s=6.0, text="goodbye")]

    async def run(function, *args):
        await trio.lowlevel.checkpoint()
        function(*args)

    async with (
        open_flights(lambda record: tmp_path / "flight", run) as flights,
        open_world(
            agent=greeter,
            recognizer=ScriptedRecognizer(script),
            synthesizer=Drawl(),
            flights=flights,
        ) as world,
    ):
        await world.ring(silent_caller())
    return world, tmp_path / "flight" / COMPRESSED_FILE


async def test_what_was_heard_of_a_passage_is_exact(open_world, autojump_clock, greeter, tmp_path):
    world, _ = await hold(open_world, greeter, tmp_path)
    first = world.journal.of(AgentHeard)[0]
    assert first.text.startswith("Hello, this is")
    assert (first.heard, first.heard_text) == ("part", "Hello, this")


async def test_a_recorded_call_is_replayed_with_its_words(
    open_world, autojump_clock, greeter, tmp_path, replay_call
):
    _, path = await hold(open_world, greeter, tmp_path)
    replayed = await trio.to_thread.run_sync(replay_call, path)
    assert replayed.record["turns"][0]["heard_text"] == "Hello, this"
    redacted = redact_file(path, None)
    assert b"Hello" not in redacted.read_bytes()
    replayed = await trio.to_thread.run_sync(replay_call, redacted)
    assert replayed.record["turns"][0]["heard_text"] == "Xxxxx, xxxx"
