"""The synthesizer `elevenlabs`: voices of ElevenLabs over its socket, with the times of words.

`voiced.synthesizer.elevenlabs_wire` says where its messages are documented, and
https://elevenlabs.io/docs/capabilities/text-to-speech which models and formats there are.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from pydantic import BaseModel, Field

from voiced.net.urls import SocketUrl
from voiced.synthesizer.elevenlabs_wire import ElevenLabsSession, ElevenLabsVoice, socket_url
from voiced.synthesizer.remote_settings import Word, is_mulaw, rate_of
from voiced.synthesizer.socket_voice import Dialect, SocketSynthesizer, SocketVoiceSettings


class ElevenLabsSettings(SocketVoiceSettings):
    """Keys of `[synthesizer]` for `provider = "elevenlabs"`.

    Attributes:
        url: of the service; one of its regions, or a proxy.
        voice_id: from the voice library.
        model: eleven_flash_v2_5 answers soonest; eleven_v3 is not offered on this socket.
        language: ISO 639-1, for models that take it; "" = found from the text.
        stability, similarity, speed: of the voice; None = its own.
    """

    url: SocketUrl = "wss://api.elevenlabs.io"
    voice_id: Word = "JBFqnCBsd6RMkjVDRZzb"
    model: Word = "eleven_flash_v2_5"
    language: str = ""
    stability: float | None = Field(default=None, ge=0.0, le=1.0)
    similarity: float | None = Field(default=None, ge=0.0, le=1.0)
    speed: float | None = Field(default=None, ge=0.7, le=1.2)


class ElevenLabsSynthesizer(SocketSynthesizer[ElevenLabsSettings]):
    """`[synthesizer] provider = "elevenlabs"`."""

    Settings: ClassVar[type[BaseModel]] = ElevenLabsSettings
    provider = "elevenlabs"
    key_variable = "ELEVENLABS_API_KEY"

    @classmethod
    def dialect(cls, settings: ElevenLabsSettings, key: str) -> Dialect:
        """Return how ElevenLabs is spoken with."""
        voice = voice_of(settings)
        bytes_per_s = rate_of(settings.audio) * (1 if is_mulaw(settings.audio) else 2)
        return Dialect(
            url=socket_url(settings.url, voice),
            headers={"xi-api-key": key},
            session=partial(ElevenLabsSession, voice, bytes_per_s),
        )


def voice_of(settings: ElevenLabsSettings) -> ElevenLabsVoice:
    """Return the voice in the words of the socket."""
    chosen = {
        "stability": settings.stability,
        "similarity_boost": settings.similarity,
        "speed": settings.speed,
    }
    return ElevenLabsVoice(
        voice_id=settings.voice_id,
        model_id=settings.model,
        output_format=settings.audio.replace("mulaw", "ulaw"),
        language_code=settings.language,
        settings={name: value for name, value in chosen.items() if value is not None},
    )
