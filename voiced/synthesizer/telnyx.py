"""The synthesizer `telnyx`: Telnyx's own voices, and those it resells, over its socket.

`voiced.synthesizer.telnyx_wire` says where its messages are documented, and
https://developers.telnyx.com/docs/voice/tts/overview which voices there are. Ultra is not among
those of the socket.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from pydantic import BaseModel, Field

from voiced.net.urls import SocketUrl
from voiced.synthesizer.remote_settings import AudioFormat, Word, is_mulaw, rate_of
from voiced.synthesizer.socket_voice import Dialect, SocketSynthesizer, SocketVoiceSettings
from voiced.synthesizer.telnyx_wire import TelnyxSession, TelnyxVoice, socket_url


class TelnyxSettings(SocketVoiceSettings):
    """Keys of `[synthesizer]` for `provider = "telnyx"`.

    Attributes:
        url: of the API, or a proxy.
        voice: `Provider.Model.VoiceId`.
        language: BCP 47, for providers that take it; "" = none.
        voice_settings: as Telnyx documents them for the voice's provider.
        audio: what is asked for, as far as the voice has it: NaturalHD and KokoroTTS have
            pcm_24000, Natural pcm_8000 and pcm_16000 as well.
    """

    url: SocketUrl = "wss://api.telnyx.com/v2"
    voice: Word = "Telnyx.NaturalHD.astra"
    language: str = ""
    voice_settings: dict[str, str | float | bool] = Field(default_factory=dict)
    audio: AudioFormat = "pcm_24000"


class TelnyxSynthesizer(SocketSynthesizer[TelnyxSettings]):
    """`[synthesizer] provider = "telnyx"`."""

    Settings: ClassVar[type[BaseModel]] = TelnyxSettings
    provider = "telnyx"
    key_variable = "TELNYX_API_KEY"

    @classmethod
    def dialect(cls, settings: TelnyxSettings, key: str) -> Dialect:
        """Return how Telnyx is spoken with."""
        voice = TelnyxVoice(
            voice=settings.voice,
            audio_format="mulaw" if is_mulaw(settings.audio) else "linear16",
            rate_hz=rate_of(settings.audio),
            language=settings.language,
            settings=settings.voice_settings,
        )
        return Dialect(
            url=socket_url(settings.url, voice),
            headers={"Authorization": f"Bearer {key}"},
            session=partial(TelnyxSession, voice),
        )
