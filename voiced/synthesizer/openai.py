"""The synthesizer `openai`: speech over HTTP, of OpenAI or of a server that is made like it.

Kokoro-FastAPI, LocalAI, Speaches and others answer the same request at their `base_url`. OpenAI
itself ends the models that answer it, gpt-4o-mini-tts among them, on 2027-01-06, and has named none
that follows them here.
`voiced.synthesizer.openai_wire` says where it is documented.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import trio
from pydantic import BaseModel, Field

from voiced.errors import SynthesizerFailed
from voiced.net.helpers import open_helpers
from voiced.net.http import open_provider_http
from voiced.net.peer import Peer
from voiced.net.secrets import provider_key
from voiced.net.urls import HttpBase
from voiced.net.wire import INTERNET
from voiced.synthesizer.openai_wire import PATH, OpenAIVoice, request_of
from voiced.synthesizer.remote import RemoteVoice
from voiced.synthesizer.remote_settings import PcmFormat, RemoteVoiceSettings, format_of
from voiced.synthesizer.speech_session import SpeechAudio, SpeechDone, SpeechEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voiced.net.http import HttpAnswer, ProviderHttp
    from voiced.net.wire import Wire
    from voiced.synthesizer.remote import Speak

KEY_VARIABLE = "OPENAI_API_KEY"
OPENAI = "https://api.openai.com/v1"


class OpenAISettings(RemoteVoiceSettings):
    """Keys of `[synthesizer]` for `provider = "openai"`.

    Other servers than OpenAI's are sent no key but what stands in `api_key`.

    Attributes:
        base_url: of the API.
        model: that speaks.
        voice: by its name.
        instructions: how it is spoken; gpt-4o-mini-tts takes them.
        speed: 0.25 to 4.0; gpt-4o-mini-tts goes by `instructions` instead.
        audio: what the server answers as "pcm": OpenAI's is pcm_24000.
    """

    base_url: HttpBase = OPENAI
    model: str = Field(default="gpt-4o-mini-tts", min_length=1)
    voice: str = Field(default="alloy", min_length=1)
    instructions: str = Field(default="", max_length=4096)
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    audio: PcmFormat = "pcm_24000"
    first_audio_s: float = Field(
        default=5.0, gt=0, le=60, description="until a sentence begins to sound, seconds"
    )


class OpenAISynthesizer:
    """Opens a `voiced.synthesizer.remote.RemoteVoice`."""

    Settings: ClassVar[type[BaseModel]] = OpenAISettings

    @classmethod
    def check(cls, settings: OpenAISettings) -> None:
        """Raise ConfigError where there is no key, and OpenAI would want one."""
        if settings.base_url == OPENAI:
            provider_key(settings.api_key, variable=KEY_VARIABLE, role="synthesizer")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: OpenAISettings, *, wire: Wire = INTERNET
    ) -> AsyncIterator[RemoteVoice]:
        """Give the voice. Raises StartupError."""
        peer = Peer("openai", SynthesizerFailed)
        voice = OpenAIVoice(
            model=settings.model,
            voice=settings.voice,
            instructions=settings.instructions,
            speed=settings.speed,
        )
        async with (
            open_provider_http(
                settings.base_url,
                peer=peer,
                headers=_headers(settings),
                connect_s=settings.connect_s,
                stall_s=settings.first_audio_s + settings.stall_s,  # ours come first
                wire=wire,
            ) as http,
            open_helpers() as helpers,
        ):

            def anticipate() -> None:
                helpers.start_soon(_warm, http, settings.connect_s, name="warm openai")

            form = format_of(settings.audio, settings)
            yield RemoteVoice(cls, peer, form, _speak(http, voice), anticipate)


def _headers(settings: OpenAISettings) -> dict[str, str]:
    """OpenAI's own key, from the environment, is for OpenAI only."""
    key = settings.api_key
    if settings.base_url == OPENAI:
        key = provider_key(key, variable=KEY_VARIABLE, role="synthesizer")
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key.get_secret_value() else {}


async def _warm(http: ProviderHttp, within_s: float) -> None:
    with trio.move_on_after(within_s):
        await http.warm()


def _speak(http: ProviderHttp, voice: OpenAIVoice) -> Speak:
    @asynccontextmanager
    async def speak(text: str) -> AsyncIterator[_Answer]:
        async with http.stream("POST", PATH, json=request_of(voice, text)) as answer:
            yield _Answer(answer)

    return speak


class _Answer:
    """Fits `voiced.synthesizer.remote.Speaking`."""

    def __init__(self, answer: HttpAnswer) -> None:
        self._answer = answer

    async def next_event(self) -> SpeechEvent:
        """Return the next piece of the body."""
        data = await self._answer.read_some()
        return SpeechAudio(data) if data else SpeechDone()
