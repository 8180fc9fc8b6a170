"""The synthesizer `elevenlabs`: voices of ElevenLabs over its socket, with the times of words.

`voiced.synthesizer.elevenlabs_wire` says where its messages are documented, and
https://elevenlabs.io/docs/capabilities/text-to-speech which models and formats there are.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from voiced.net.secrets import provider_key
from voiced.net.urls import SocketUrl
from voiced.net.wire import INTERNET
from voiced.synthesizer.elevenlabs_wire import ElevenLabsSession, ElevenLabsVoice, socket_url
from voiced.synthesizer.remote_settings import (
    AudioFormat,
    Level,
    Seconds,
    Word,
    encoding_of,
    open_socket_voice,
    rate_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.net.wire import Wire
    from voiced.synthesizer.remote import RemoteVoice

KEY_VARIABLE = "ELEVENLABS_API_KEY"


class ElevenLabsSettings(BaseModel):
    """Keys of `[synthesizer]` for `provider = "elevenlabs"`.

    Attributes:
        api_key: "" = from ELEVENLABS_API_KEY or the credential of that name.
        url: of the service; one of its regions, or a proxy.
        voice_id: from the voice library.
        model: eleven_flash_v2_5 answers soonest; eleven_v3 is not offered on this socket.
        language: ISO 639-1, for models that take it; "" = found from the text.
        stability, similarity, speed: of the voice; None = its own.
        audio: what is asked for: mulaw_8000 for PCMU lines, pcm_16000 or pcm_24000 for wide ones.
        level_dbfs: RMS level of speech, dBFS.
        connect_s, first_audio_s, stall_s: how long we wait: for a connection, for the first sound
            of a sentence, and between two pieces of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = SecretStr("")
    url: SocketUrl = "wss://api.elevenlabs.io"
    voice_id: Word = "JBFqnCBsd6RMkjVDRZzb"
    model: Word = "eleven_flash_v2_5"
    language: str = ""
    stability: float | None = Field(default=None, ge=0.0, le=1.0)
    similarity: float | None = Field(default=None, ge=0.0, le=1.0)
    speed: float | None = Field(default=None, ge=0.7, le=1.2)
    audio: AudioFormat = "mulaw_8000"
    level_dbfs: Level = -20.0
    connect_s: Seconds = 3.0
    first_audio_s: Seconds = 4.0
    stall_s: Seconds = 3.0


class ElevenLabsSynthesizer:
    """Opens a `voiced.synthesizer.remote.RemoteVoice`."""

    Settings: ClassVar[type[BaseModel]] = ElevenLabsSettings

    @classmethod
    def check(cls, settings: ElevenLabsSettings) -> None:
        """Raise ConfigError where there is no key."""
        provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: ElevenLabsSettings, *, wire: Wire = INTERNET
    ) -> AsyncIterator[RemoteVoice]:
        """Give the voice; it connects when it is first needed or warmed. Raises StartupError."""
        key = provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")
        voice = voice_of(settings)
        bytes_per_s = rate_of(settings.audio) * (1 if encoding_of(settings.audio) == "PCMU" else 2)
        async with open_socket_voice(
            cls,
            "elevenlabs",
            socket_url(settings.url, voice),
            {"xi-api-key": key.get_secret_value()},
            lambda: ElevenLabsSession(voice, bytes_per_s),
            audio=settings.audio,
            limits=settings,
            wire=wire,
        ) as opened:
            yield opened


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
