"""The synthesizer `cartesia`: Sonic voices of Cartesia over its socket, with the times of words.

`voiced.synthesizer.cartesia_wire` says where its messages are documented, and
https://docs.cartesia.ai/build-with-cartesia/tts-models/latest which models there are.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from voiced.net.secrets import provider_key
from voiced.net.urls import SocketUrl
from voiced.net.wire import INTERNET
from voiced.synthesizer.cartesia_wire import CartesiaSession, CartesiaVoice, socket_url
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

KEY_VARIABLE = "CARTESIA_API_KEY"


class CartesiaSettings(BaseModel):
    """Keys of `[synthesizer]` for `provider = "cartesia"`.

    Attributes:
        api_key: "" = from CARTESIA_API_KEY or the credential of that name.
        url: of the service, or a proxy.
        voice_id: from the voice library.
        model: of Sonic.
        language: ISO 639-1.
        speed: 0.6 to 1.5; None = the voice's own.
        audio: what is asked for: mulaw_8000 for PCMU lines, pcm_16000 or pcm_24000 for wide ones.
        level_dbfs: RMS level of speech, dBFS.
        connect_s, first_audio_s, stall_s: how long we wait: for a connection, for the first sound
            of a sentence, and between two pieces of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = SecretStr("")
    url: SocketUrl = "wss://api.cartesia.ai"
    voice_id: Word = "a0e99841-438c-4a64-b679-ae501e7d6091"
    model: Word = "sonic-3"
    language: str = "en"
    speed: float | None = Field(default=None, ge=0.6, le=1.5)
    audio: AudioFormat = "mulaw_8000"
    level_dbfs: Level = -20.0
    connect_s: Seconds = 3.0
    first_audio_s: Seconds = 4.0
    stall_s: Seconds = 3.0


class CartesiaSynthesizer:
    """Opens a `voiced.synthesizer.remote.RemoteVoice`."""

    Settings: ClassVar[type[BaseModel]] = CartesiaSettings

    @classmethod
    def check(cls, settings: CartesiaSettings) -> None:
        """Raise ConfigError where there is no key."""
        provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: CartesiaSettings, *, wire: Wire = INTERNET
    ) -> AsyncIterator[RemoteVoice]:
        """Give the voice; it connects when it is first needed or warmed. Raises StartupError."""
        key = provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")
        voice = CartesiaVoice(
            voice_id=settings.voice_id,
            model_id=settings.model,
            encoding="pcm_mulaw" if encoding_of(settings.audio) == "PCMU" else "pcm_s16le",
            rate_hz=rate_of(settings.audio),
            language=settings.language,
            generation={} if settings.speed is None else {"speed": settings.speed},
        )
        async with open_socket_voice(
            cls,
            "cartesia",
            socket_url(settings.url),
            {"X-API-Key": key.get_secret_value()},
            lambda: CartesiaSession(voice),
            audio=settings.audio,
            limits=settings,
            wire=wire,
        ) as opened:
            yield opened
