"""Fakes of the synthesizers' services, each true to its documented protocol; they speak in tones.

    fake = FakeElevenLabs()
    server = FakeServer(fake, faults=[None, Drop(after=3)])
    async with serve_fake(server) as host:            # or open_memory_wire, on the virtual clock
        settings = ElevenLabsSettings(api_key="any", url=f"ws://{host}")

`Pace` says how soon and how fast they speak, `said` and `stopped` what they were asked. Server and
faults: `voiced.testing.fake_provider`.
"""

from voiced.testing.fake_voices.cartesia import FakeCartesia
from voiced.testing.fake_voices.deepgram import FakeAura
from voiced.testing.fake_voices.elevenlabs import FakeElevenLabs
from voiced.testing.fake_voices.openai import FakeOpenAISpeech
from voiced.testing.fake_voices.telnyx import FakeTelnyxVoice
from voiced.testing.fake_voices.tones import Pace, SpokenTones, speak_in_tones

__all__ = [
    "FakeAura",
    "FakeCartesia",
    "FakeElevenLabs",
    "FakeOpenAISpeech",
    "FakeTelnyxVoice",
    "Pace",
    "SpokenTones",
    "speak_in_tones",
]
