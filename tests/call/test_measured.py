"""What is measured inside, held against the waveforms on the line; real voices that barge in."""

import numpy as np
import pytest
import trio

from voiced.audio.frame import LINE_RATE_HZ
from voiced.recognizer.base import Vocabulary
from voiced.recognizer.embedded import EmbeddedRecognizer, EmbeddedSettings
from voiced.recognizer.silero import SileroNetwork
from voiced.recognizer.worker_wire import Loaded, Transcript
from voiced.record.journal import (
    AgentHeard,
    AgentSpeaking,
    BargeIn,
    CallerSaid,
    Cleared,
    FalseAlarm,
    Silenced,
)
from voiced.testing.caller import Line, ScriptedCaller, silent_caller
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, Speech, ToneSynthesizer
from voiced.testing.scheduling import shuffled_by
from voiced.testing.speech import speak_all

AUDIBLE = 104  # of 32768: -50 dBFS

SENT_EARLY_S = 0.020
"""The emulated caller's 20 ms are sent when they begin on the report's axis, not when they end."""


class Decoder:
    """Understands everything the same, 0.1 s after it was asked."""

    async def prepare(self, vocabulary):
        await trio.lowlevel.checkpoint()
        return Loaded(words=1)

    async def decode(self, pcm, vocabulary):
        await trio.sleep(0.1)
        return Transcript(text="what are your hours", confidence=0.9)


def talkative():
    async def greet(reply):
        await reply.say("Hello, this is the test line, and it has a great deal to say to you.")

    async def respond(turn, reply):
        await reply.say("We are open from Monday to Friday.")

    agent = FunctionAgent(greet=greet, respond=respond)
    agent.vocabulary = Vocabulary(("what are your hours",))  # none: nothing would be decoded
    return agent


class BreathingSynthesizer(ToneSynthesizer):
    """A tone behind 40 ms of silence."""

    async def synthesize(self, text, audio):
        breath = np.zeros(self.rate_hz // 25, np.int16)

        async def behind_breath(pcm):
            nonlocal breath
            breath, before = breath[:0], breath
            await audio(np.concatenate((before, pcm)))

        await super().synthesize(text, behind_breath)


def recognizer():
    return EmbeddedRecognizer(EmbeddedSettings(), Decoder(), SileroNetwork())


def sounds_s(pcm, from_s=0.0):
    """The times of the samples that can be heard."""
    loud = np.flatnonzero(np.abs(pcm[round(from_s * LINE_RATE_HZ) :].astype(int)) >= AUDIBLE)
    return from_s + loud / LINE_RATE_HZ


@pytest.mark.slow
async def test_the_latency_in_the_record_is_that_of_the_waveforms(open_world, autojump_clock):
    agent = talkative()
    (pcm,) = await speak_all(["What are your opening hours?"], voice="kal16")
    async with open_world(
        agent=agent, recognizer=recognizer(), synthesizer=BreathingSynthesizer(first_audio_s=0.05)
    ) as world:
        report = await world.ring(ScriptedCaller([Line(pcm=pcm)], goodbye_s=4.0))
    spoken_until_s = sounds_s(report.spoken)[-1] - SENT_EARLY_S
    truly_s = sounds_s(report.heard, spoken_until_s)[0] - spoken_until_s
    (answer,) = [e for e in world.journal.of(AgentSpeaking) if e.latency]
    assert answer.latency_s == pytest.approx(truly_s, abs=0.020)
    # For whom: the words were there at the pause, the voice before the turn was certain.
    latency = answer.latency
    assert latency.endpointing_s == pytest.approx(0.6, abs=0.021)
    assert (latency.recognizer_s, latency.model_s, latency.synthesizer_s) == (0, 0, 0)
    assert latency.lead_in_s == pytest.approx(0.040, abs=0.001)
    (recorded,) = [t for t in world.records[0]["turns"] if t.get("latency_s")]
    assert recorded["latency_s"] == pytest.approx(truly_s, abs=0.020)
    assert sum(recorded["latency"].values()) == pytest.approx(recorded["latency_s"], abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["No wait.", "Hello.", "Stop it.", "Seven."])
async def test_a_caller_who_barges_in_hears_silence_within_300_ms(open_world, autojump_clock, text):
    agent = talkative()
    (pcm,) = await speak_all([text], voice="kal16")
    caller = ScriptedCaller([Line(pcm=pcm, barge_in=True, after_s=1.0)], goodbye_s=3.0)
    async with open_world(
        agent=agent, recognizer=recognizer(), synthesizer=ToneSynthesizer()
    ) as world:
        report = await world.ring(caller)
    spoke_s = sounds_s(report.spoken)[0] - SENT_EARLY_S
    (clear_s, *_) = report.clears
    assert not report.heard_between(clear_s + 0.02, clear_s + 0.3).any()
    assert clear_s + 0.02 - spoke_s < 0.300
    # The record says the same.
    barge_in = world.records[0]["barge_ins"][0]
    assert barge_in["voice_at_s"] == pytest.approx(spoke_s, abs=0.065)  # frames; soft beginnings
    cleared_s = barge_in["voice_at_s"] + barge_in["cleared_after_s"]
    assert cleared_s == pytest.approx(clear_s, abs=0.020)
    # Telnyx has said so by the mark behind the clear.
    assert 0 <= barge_in["silenced_after_s"] - barge_in["cleared_after_s"] < 0.040


SCRIPT = [
    Speech(from_s=1.4, to_s=1.8, text="mhm"),
    Speech(from_s=4.5, to_s=5.2, text="on thursday"),
    Speech(from_s=5.9, to_s=6.4, text="in the morning"),
    Speech(from_s=7.8, to_s=8.4, text="no wait"),
    Speech(from_s=12.0, to_s=12.5, text="goodbye"),
]


@pytest.fixture(params=range(5))
def scheduler_seed(request):
    """Trio shuffles ready tasks: let it shuffle them one certain way."""
    with shuffled_by(request.param):
        yield request.param


async def test_a_call_goes_the_same_way_whatever_the_order_of_tasks(
    open_world, autojump_clock, greeter, scheduler_seed
):
    async with open_world(agent=greeter, recognizer=ScriptedRecognizer(SCRIPT)) as world:
        report = await world.ring(silent_caller(hangs_up_s=20.0))
    assert greeter.dialogues[0].turns == [
        "on thursday",
        "on thursday in the morning",
        "no wait",
        "goodbye",
    ]
    told = {
        (type(event).__name__, round(event.at - report.rang_at, 2))
        for kind in (BargeIn, Cleared, Silenced, FalseAlarm, CallerSaid, AgentSpeaking)
        for event in world.journal.of(kind)
    }
    assert told == {
        ("AgentSpeaking", 0.17),  # the greeting, with its second sentence behind it
        ("AgentSpeaking", 1.82),
        ("BargeIn", 1.57),
        ("Cleared", 1.57),
        ("Silenced", 1.57),
        ("CallerSaid", 2.67),  # "mhm"
        ("FalseAlarm", 2.67),
        ("AgentSpeaking", 2.77),  # it goes on
        ("AgentSpeaking", 3.23),
        ("CallerSaid", 6.07),
        ("CallerSaid", 7.27),  # the answer to the first half has not sounded
        ("AgentSpeaking", 7.37),
        ("BargeIn", 7.97),
        ("Cleared", 7.97),
        ("Silenced", 7.97),
        ("CallerSaid", 9.27),
        ("AgentSpeaking", 9.37),
        ("CallerSaid", 13.37),
        ("AgentSpeaking", 13.47),
    }
    heard = [(e.heard, e.heard_text) for e in world.journal.of(AgentHeard)]
    assert heard == [
        ("part", "Hello, this is the test"),
        ("none", ""),
        ("all", "line."),
        ("all", "How can I help you today?"),
        ("part", "You said on"),
        ("all", "You said no wait."),
        ("all", "Goodbye, and thank you for calling."),
    ]
