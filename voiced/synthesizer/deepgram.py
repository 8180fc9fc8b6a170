"""The synthesizer `deepgram`: Aura voices of Deepgram over its socket.

`voiced.synthesizer.deepgram_wire` says where its messages are documented, and
https://developers.deepgram.com/docs/tts-models which voices there are.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from voiced.net.urls import SocketUrl
from voiced.synthesizer.deepgram_wire import DeepgramSession, DeepgramVoice, socket_url
from voiced.synthesizer.remote_settings import Word, is_mulaw, rate_of
from voiced.synthesizer.socket_voice import Dialect, SocketSynthesizer, SocketVoiceSettings


class DeepgramSettings(SocketVoiceSettings):
    """Keys of `[synthesizer]` for `provider = "deepgram"`.

    Attributes:
        url: of the service; one of its regions, or a proxy.
        model: the voice.
        speed: 0.7 to 1.5; voices of Aura 2 only.
    """

    url: SocketUrl = "wss://api.deepgram.com"
    model: Word = "aura-2-thalia-en"
    speed: float = Field(default=1.0, ge=0.7, le=1.5)


class DeepgramSynthesizer(SocketSynthesizer[DeepgramSettings]):
    """`[synthesizer] provider = "deepgram"`."""

    Settings: ClassVar[type[BaseModel]] = DeepgramSettings
    provider = "deepgram"
    key_variable = "DEEPGRAM_API_KEY"

    @classmethod
    def dialect(cls, settings: DeepgramSettings, key: str) -> Dialect:
        """Return how Deepgram is spoken with."""
        voice = DeepgramVoice(
            model=settings.model,
            encoding="mulaw" if is_mulaw(settings.audio) else "linear16",
            rate_hz=rate_of(settings.audio),
            speed=settings.speed,
        )
        return Dialect(
            url=socket_url(settings.url, voice),
            headers={"Authorization": f"Token {key}"},
            session=DeepgramSession,
        )
