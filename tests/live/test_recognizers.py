"""The promises of recognizers, kept by the real ones; about two minutes of speech for each."""

import numpy as np
import pytest

from voiced.audio.resample import Resampler
from voiced.recognizer.assemblyai import AssemblyAiRecognizer
from voiced.recognizer.deepgram import DeepgramRecognizer
from voiced.recognizer.openai import OpenAiRecognizer
from voiced.recognizer.telnyx import TelnyxRecognizer
from voiced.synthesizer.libflite import RATE_HZ, Voice
from voiced.testing.recognizer_kit import RECOGNIZER_PROMISES, Sample

TEXTS = ("I would like to book an appointment.", "No, thank you.")


def speech():
    voice, silence = Voice("rms"), np.zeros(12_000, np.int16)
    spoken = [Resampler(RATE_HZ, 8000).process(voice.speak(text)) for text in TEXTS]
    return Sample(
        pcm=np.concatenate([silence, spoken[0], silence, spoken[1], silence]), texts=TEXTS
    )


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param(DeepgramRecognizer, marks=pytest.mark.live("DEEPGRAM_API_KEY")),
        pytest.param(AssemblyAiRecognizer, marks=pytest.mark.live("ASSEMBLYAI_API_KEY")),
        pytest.param(TelnyxRecognizer, marks=pytest.mark.live("TELNYX_API_KEY")),
        pytest.param(OpenAiRecognizer, marks=pytest.mark.live("OPENAI_API_KEY")),
    ],
)
@pytest.mark.parametrize("promise", RECOGNIZER_PROMISES, ids=lambda promise: promise.__name__)
async def test_real_recognizers_keep_their_promises(provider, promise):
    async with provider.open(provider.Settings()) as recognizer:
        await promise(recognizer, speech())
