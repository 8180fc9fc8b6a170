"""The synthesizer `cartesia`: Sonic voices of Cartesia over its socket, with the times of words.

`voiced.synthesizer.cartesia_wire` says where its messages are documented, and
https://docs.cartesia.ai/build-with-cartesia/tts-models/latest which models there are.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from pydantic import BaseModel, Field

from voiced.net.urls import SocketUrl
from voiced.synthesizer.cartesia_wire import CartesiaSession, CartesiaVoice, socket_url
from voiced.synthesizer.remote_settings import Word, is_mulaw, rate_of
from voiced.synthesizer.socket_voice import Dialect, SocketSynthesizer, SocketVoiceSettings


class CartesiaSettings(SocketVoiceSettings):
    """Keys of `[synthesizer]` for `provider = "cartesia"`.

    Attributes:
        url: of the service, or a proxy.
        voice_id: from the voice library.
        model: of Sonic.
        language: ISO 639-1.
        speed: 0.6 to 1.5; None = the voice's own.
    """

    url: SocketUrl = "wss://api.cartesia.ai"
    voice_id: Word = "a0e99841-438c-4a64-b679-ae501e7d6091"
    model: Word = "sonic-3"
    language: str = "en"
    speed: float | None = Field(default=None, ge=0.6, le=1.5)


class CartesiaSynthesizer(SocketSynthesizer[CartesiaSettings]):
    """`[synthesizer] provider = "cartesia"`."""

    Settings: ClassVar[type[BaseModel]] = CartesiaSettings
    provider = "cartesia"
    key_variable = "CARTESIA_API_KEY"

    @classmethod
    def dialect(cls, settings: CartesiaSettings, key: str) -> Dialect:
        """Return how Cartesia is spoken with."""
        voice = CartesiaVoice(
            voice_id=settings.voice_id,
            model_id=settings.model,
            encoding="pcm_mulaw" if is_mulaw(settings.audio) else "pcm_s16le",
            rate_hz=rate_of(settings.audio),
            language=settings.language,
            generation={} if settings.speed is None else {"speed": settings.speed},
        )
        return Dialect(
            url=socket_url(settings.url),
            headers={"X-API-Key": key},
            session=partial(CartesiaSession, voice),
        )
