"""The synthesizer `deepgram`: Aura voices of Deepgram over its socket.

`voiced.synthesizer.deepgram_wire` says where its messages are documented, and
https://developers.deepgram.com/docs/tts-models which voices there are.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from voiced.net.secrets import provider_key
from voiced.net.urls import SocketUrl
from voiced.net.wire import INTERNET
from voiced.synthesizer.deepgram_wire import DeepgramSession, DeepgramVoice, socket_url
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

KEY_VARIABLE = "DEEPGRAM_API_KEY"


class DeepgramSettings(BaseModel):
    """Keys of `[synthesizer]` for `provider = "deepgram"`.

    Attributes:
        api_key: "" = from DEEPGRAM_API_KEY or the credential of that name.
        url: of the service; one of its regions, or a proxy.
        model: the voice.
        speed: 0.7 to 1.5; voices of Aura 2 only.
        audio: what is asked for: mulaw_8000 for PCMU lines, pcm_16000 or pcm_24000 for wide ones.
        level_dbfs: RMS level of speech, dBFS.
        connect_s, first_audio_s, stall_s: how long we wait: for a connection, for the first sound
            of a sentence, and between two pieces of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = SecretStr("")
    url: SocketUrl = "wss://api.deepgram.com"
    model: Word = "aura-2-thalia-en"
    speed: float = Field(default=1.0, ge=0.7, le=1.5)
    audio: AudioFormat = "mulaw_8000"
    level_dbfs: Level = -20.0
    connect_s: Seconds = 3.0
    first_audio_s: Seconds = 4.0
    stall_s: Seconds = 3.0


class DeepgramSynthesizer:
    """Opens a `voiced.synthesizer.remote.RemoteVoice`."""

    Settings: ClassVar[type[BaseModel]] = DeepgramSettings

    @classmethod
    def check(cls, settings: DeepgramSettings) -> None:
        """Raise ConfigError where there is no key."""
        provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: DeepgramSettings, *, wire: Wire = INTERNET
    ) -> AsyncIterator[RemoteVoice]:
        """Give the voice; it connects when it is first needed or warmed. Raises StartupError."""
        key = provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")
        voice = DeepgramVoice(
            model=settings.model,
            encoding="mulaw" if encoding_of(settings.audio) == "PCMU" else "linear16",
            rate_hz=rate_of(settings.audio),
            speed=settings.speed,
        )
        async with open_socket_voice(
            cls,
            "deepgram",
            socket_url(settings.url, voice),
            {"Authorization": f"Token {key.get_secret_value()}"},
            DeepgramSession,
            audio=settings.audio,
            limits=settings,
            wire=wire,
        ) as opened:
            yield opened
