"""The synthesizer `telnyx`: Telnyx's own voices, and those it resells, over its socket.

`voiced.synthesizer.telnyx_wire` says where its messages are documented, and
https://developers.telnyx.com/docs/voice/tts/overview which voices there are. Ultra is not among
those of the socket.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from voiced.net.secrets import provider_key
from voiced.net.urls import SocketUrl
from voiced.net.wire import INTERNET
from voiced.synthesizer.remote_settings import (
    AudioFormat,
    Level,
    Seconds,
    Word,
    encoding_of,
    open_socket_voice,
    rate_of,
)
from voiced.synthesizer.telnyx_wire import TelnyxSession, TelnyxVoice, socket_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.net.wire import Wire
    from voiced.synthesizer.remote import RemoteVoice

KEY_VARIABLE = "TELNYX_API_KEY"


class TelnyxSettings(BaseModel):
    """Keys of `[synthesizer]` for `provider = "telnyx"`.

    Attributes:
        api_key: "" = from TELNYX_API_KEY or the credential of that name.
        url: of the API, or a proxy.
        voice: `Provider.Model.VoiceId`.
        language: BCP 47, for providers that take it; "" = none.
        voice_settings: as Telnyx documents them for the voice's provider.
        audio: what is asked for, as far as the voice has it: NaturalHD and KokoroTTS have
            pcm_24000, Natural pcm_8000 and pcm_16000 as well.
        level_dbfs: RMS level of speech, dBFS.
        connect_s, first_audio_s, stall_s: how long we wait: for a connection, for the first sound
            of a sentence, and between two pieces of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = SecretStr("")
    url: SocketUrl = "wss://api.telnyx.com/v2"
    voice: Word = "Telnyx.NaturalHD.astra"
    language: str = ""
    voice_settings: dict[str, str | float | bool] = Field(default_factory=dict)
    audio: AudioFormat = "pcm_24000"
    level_dbfs: Level = -20.0
    connect_s: Seconds = 3.0
    first_audio_s: Seconds = 4.0
    stall_s: Seconds = 3.0


class TelnyxSynthesizer:
    """Opens a `voiced.synthesizer.remote.RemoteVoice`."""

    Settings: ClassVar[type[BaseModel]] = TelnyxSettings

    @classmethod
    def check(cls, settings: TelnyxSettings) -> None:
        """Raise ConfigError where there is no key."""
        provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: TelnyxSettings, *, wire: Wire = INTERNET
    ) -> AsyncIterator[RemoteVoice]:
        """Give the voice; it connects when it is first needed or warmed. Raises StartupError."""
        key = provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")
        voice = TelnyxVoice(
            voice=settings.voice,
            audio_format="mulaw" if encoding_of(settings.audio) == "PCMU" else "linear16",
            rate_hz=rate_of(settings.audio),
            language=settings.language,
            settings=settings.voice_settings,
        )
        async with open_socket_voice(
            cls,
            "telnyx",
            socket_url(settings.url, voice),
            {"Authorization": f"Bearer {key.get_secret_value()}"},
            lambda: TelnyxSession(voice),
            audio=settings.audio,
            limits=settings,
            wire=wire,
        ) as opened:
            yield opened
