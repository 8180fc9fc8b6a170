"""Every synthesizer keeps every promise, the remote ones over real sockets."""

from contextlib import asynccontextmanager

import pytest
import trio

from voiced.synthesizer.cartesia import CartesiaSettings, CartesiaSynthesizer
from voiced.synthesizer.deepgram import DeepgramSettings, DeepgramSynthesizer
from voiced.synthesizer.elevenlabs import ElevenLabsSettings, ElevenLabsSynthesizer
from voiced.synthesizer.flite import FliteSettings, FliteSynthesizer
from voiced.synthesizer.openai import OpenAISettings, OpenAISynthesizer
from voiced.synthesizer.telnyx import TelnyxSettings, TelnyxSynthesizer
from voiced.testing.fake_provider import (
    Answer,
    CloseWith,
    Drop,
    FakeServer,
    HalfOpen,
    Refuse,
    Stall,
    serve_fake,
)
from voiced.testing.fake_voices import (
    FakeAura,
    FakeCartesia,
    FakeElevenLabs,
    FakeOpenAISpeech,
    FakeTelnyxVoice,
    Pace,
)
from voiced.testing.synthesizer_kit import SHORT, SYNTHESIZER_PROMISES, hear

PACE = Pace(first_s=0.01, each_s=0.001)
KEY = {"api_key": "any"}


async def in_place(work):
    await trio.lowlevel.checkpoint()
    return work()


@asynccontextmanager
async def embedded():
    async with FliteSynthesizer.open(FliteSettings(voice="kal16"), run_sync=in_place) as voice:
        yield voice


def over_sockets(synthesizer, fake, settings):
    @asynccontextmanager
    async def opened(*faults):
        async with (
            serve_fake(FakeServer(fake(PACE), faults)) as host,
            synthesizer.open(settings(host)) as voice,
        ):
            yield voice

    return opened


REMOTE = {
    "elevenlabs": over_sockets(
        ElevenLabsSynthesizer,
        FakeElevenLabs,
        lambda host: ElevenLabsSettings(url=f"ws://{host}", **KEY),
    ),
    "elevenlabs, wide": over_sockets(
        ElevenLabsSynthesizer,
        FakeElevenLabs,
        lambda host: ElevenLabsSettings(url=f"ws://{host}", audio="pcm_24000", **KEY),
    ),
    "cartesia": over_sockets(
        CartesiaSynthesizer,
        FakeCartesia,
        lambda host: CartesiaSettings(url=f"ws://{host}", **KEY),
    ),
    "deepgram": over_sockets(
        DeepgramSynthesizer, FakeAura, lambda host: DeepgramSettings(url=f"ws://{host}", **KEY)
    ),
    "telnyx": over_sockets(
        TelnyxSynthesizer,
        FakeTelnyxVoice,
        lambda host: TelnyxSettings(url=f"ws://{host}/v2", **KEY),
    ),
    "openai": over_sockets(
        OpenAISynthesizer,
        FakeOpenAISpeech,
        lambda host: OpenAISettings(base_url=f"http://{host}/v1", **KEY),
    ),
}


@pytest.mark.parametrize("promise", SYNTHESIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_the_embedded_voice(promise):
    async with embedded() as voice:
        await promise(voice)


@pytest.mark.socket
@pytest.mark.slow
@pytest.mark.parametrize("promise", SYNTHESIZER_PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", REMOTE)
async def test_a_remote_voice(name, promise):
    with trio.fail_after(20):
        async with REMOTE[name]() as voice:
            await promise(voice)


TROUBLE = [Refuse(), Answer(status=503), Drop(), CloseWith(code=1011), HalfOpen(), Stall()]


@pytest.mark.socket
@pytest.mark.slow
@pytest.mark.parametrize("name", REMOTE)
async def test_over_real_sockets_trouble_before_the_first_sound_costs_no_word(name):
    lengths = []

    async def speak(*faults):
        async with REMOTE[name](*faults) as voice:
            lengths.append(len((await hear(voice, SHORT)).pcm))

    with trio.fail_after(90):
        await speak()
        async with trio.open_nursery() as nursery:
            for fault in TROUBLE:
                nursery.start_soon(speak, fault)
    assert lengths == [lengths[0]] * (1 + len(TROUBLE))
