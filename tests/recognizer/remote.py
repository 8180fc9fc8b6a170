"""What the tests of recognizers far away share: a caller, an ear, and their fakes."""

from contextlib import asynccontextmanager

import numpy as np
from pydantic import SecretStr

from voiced.audio.frame import LINE_RATE_HZ
from voiced.recognizer.assemblyai import AssemblyAiRecognizer
from voiced.recognizer.assemblyai_wire import AssemblyAiSettings
from voiced.recognizer.deepgram import DeepgramRecognizer
from voiced.recognizer.deepgram_wire import DeepgramSettings
from voiced.recognizer.telnyx import TelnyxRecognizer
from voiced.recognizer.telnyx_wire import TelnyxSettings
from voiced.testing.fake_ears.assemblyai import FakeAssemblyAi
from voiced.testing.fake_ears.deepgram import FakeDeepgram
from voiced.testing.fake_ears.telnyx import FakeTelnyxEars
from voiced.testing.fake_provider import FakeServer, open_memory_wire
from voiced.testing.recognizer_kit import Sample

KEY = SecretStr("the-key")
LINES = ("hello there", "goodbye now")


def level_network(samples, state):
    """Takes loud for voice, so that times are exact on every machine."""
    return (1.0 if np.abs(samples[0, 32:]).mean() > 0.1 else 0.2), state


def spoken(*pieces):
    """Return 8 kHz audio: loud for each number, silent for each negative one, in seconds."""
    parts = []
    for piece in pieces:
        n = round(abs(piece) * LINE_RATE_HZ)
        loud = np.tile(np.array([8000, -8000], np.int16), n // 2 + 1)[:n]
        parts.append(loud if piece > 0 else np.zeros(n, np.int16))
    return np.concatenate(parts)


def only(group):
    """Return the one error of a group."""
    (failed,) = group.exceptions
    return failed


def sample(lines=LINES):
    return Sample(pcm=spoken(-0.5, 0.6, -1.2, 0.6, -1.2), texts=lines)


class Deepgram:
    name, variable = "deepgram", "DEEPGRAM_API_KEY"
    provider, settings = DeepgramRecognizer, DeepgramSettings

    @staticmethod
    def fake(lines=LINES):
        return FakeDeepgram(lines, key=KEY.get_secret_value())

    @staticmethod
    def url(host):
        return f"ws://{host}/v1/listen"


class AssemblyAi:
    name, variable = "assemblyai", "ASSEMBLYAI_API_KEY"
    provider, settings = AssemblyAiRecognizer, AssemblyAiSettings

    @staticmethod
    def fake(lines=LINES):
        return FakeAssemblyAi(lines, key=KEY.get_secret_value())

    @staticmethod
    def url(host):
        return f"ws://{host}/v3/ws"


class Telnyx:
    name, variable = "telnyx", "TELNYX_API_KEY"
    provider, settings = TelnyxRecognizer, TelnyxSettings

    @staticmethod
    def fake(lines=LINES):
        return FakeTelnyxEars(lines, key=KEY.get_secret_value())

    @staticmethod
    def url(host):
        return f"ws://{host}/v2/speech-to-text/transcription"


STREAMING = [Deepgram, AssemblyAi, Telnyx]


@asynccontextmanager
async def open_remote(kind, *faults, lines=LINES, **settings):
    """Open a recognizer with its fake, in memory."""
    fake = kind.fake(lines)
    server = FakeServer(fake, faults)
    async with (
        open_memory_wire(server) as wire,
        kind.provider.open(
            kind.settings(api_key=KEY, **settings), wire=wire, network=level_network
        ) as recognizer,
    ):
        yield recognizer, server, fake
