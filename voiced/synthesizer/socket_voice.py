"""What the voices that speak over sockets have in common: keys, and how one is opened."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, Field

from voiced.errors import SynthesizerFailed
from voiced.net.peer import Peer
from voiced.net.secrets import provider_key
from voiced.net.wire import INTERNET
from voiced.synthesizer.remote import RemoteVoice
from voiced.synthesizer.remote_settings import AudioFormat, RemoteVoiceSettings, format_of
from voiced.synthesizer.speech_sockets import open_speech_sockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from voiced.net.wire import Wire
    from voiced.synthesizer.speech_session import SpeechSession


class SocketVoiceSettings(RemoteVoiceSettings):
    """What the settings of all voices over sockets have besides their own keys."""

    audio: AudioFormat = Field(
        default="mulaw_8000",
        description="what is asked for: mulaw_8000 for PCMU lines, pcm_16000 or pcm_24000 for "
        "wide ones",
    )


@dataclass(frozen=True)
class Dialect:
    """How one provider's socket is reached, and spoken with."""

    url: str
    headers: Mapping[str, str]
    session: Callable[[], SpeechSession]


S = TypeVar("S", bound=SocketVoiceSettings)


class SocketSynthesizer(Generic[S]):
    """A synthesizer over a socket, given its names and `dialect`; opens a `RemoteVoice`."""

    Settings: ClassVar[type[BaseModel]]
    provider: ClassVar[str]
    key_variable: ClassVar[str]

    @classmethod
    def dialect(cls, settings: S, key: str) -> Dialect:
        """Return how the provider is spoken with. No I/O."""
        raise NotImplementedError

    @classmethod
    def check(cls, settings: S) -> None:
        """Raise ConfigError where there is no key."""
        cls._key(settings)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: S, *, wire: Wire = INTERNET) -> AsyncIterator[RemoteVoice]:
        """Give the voice; it connects when it is first needed or warmed. Raises StartupError."""
        dialect = cls.dialect(settings, cls._key(settings))
        peer = Peer(cls.provider, SynthesizerFailed)
        maker: Any = cls
        async with open_speech_sockets(
            dialect.url,
            peer=peer,
            headers=dialect.headers,
            session=dialect.session,
            connect_s=settings.connect_s,
            wire=wire,
        ) as sockets:
            form = format_of(settings.audio, settings)
            yield RemoteVoice(maker, peer, form, sockets.speak, sockets.anticipate)

    @classmethod
    def _key(cls, settings: S) -> str:
        key = provider_key(settings.api_key, variable=cls.key_variable, role="synthesizer")
        return key.get_secret_value()
