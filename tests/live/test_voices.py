"""The real services behind the voices, of which the fakes are likenesses. They cost some cents."""

import pytest
import trio

from voiced.synthesizer.cartesia import CartesiaSettings, CartesiaSynthesizer
from voiced.synthesizer.deepgram import DeepgramSettings, DeepgramSynthesizer
from voiced.synthesizer.elevenlabs import ElevenLabsSettings, ElevenLabsSynthesizer
from voiced.synthesizer.openai import OpenAISettings, OpenAISynthesizer
from voiced.synthesizer.telnyx import TelnyxSettings, TelnyxSynthesizer
from voiced.testing.synthesizer_kit import SYNTHESIZER_PROMISES

VOICES = [
    pytest.param(
        CartesiaSynthesizer,
        CartesiaSettings(),
        id="cartesia",
        marks=pytest.mark.live("CARTESIA_API_KEY"),
    ),
    pytest.param(
        DeepgramSynthesizer,
        DeepgramSettings(),
        id="deepgram",
        marks=pytest.mark.live("DEEPGRAM_API_KEY"),
    ),
    pytest.param(
        ElevenLabsSynthesizer,
        ElevenLabsSettings(),
        id="elevenlabs",
        marks=pytest.mark.live("ELEVENLABS_API_KEY"),
    ),
    pytest.param(
        OpenAISynthesizer,
        OpenAISettings(),
        id="openai",
        marks=pytest.mark.live("OPENAI_API_KEY"),
    ),
    pytest.param(
        TelnyxSynthesizer,
        TelnyxSettings(),
        id="telnyx",
        marks=pytest.mark.live("TELNYX_API_KEY"),
    ),
]


@pytest.mark.parametrize(("synthesizer", "settings"), VOICES)
@pytest.mark.parametrize("promise", SYNTHESIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_a_service_keeps_the_promises_of_a_synthesizer(synthesizer, settings, promise):
    with trio.fail_after(120):
        async with synthesizer.open(settings) as voice:
            await promise(voice)
