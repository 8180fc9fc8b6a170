"""Keys that remote voices have in common, and how a voice is put together from them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import Field

from voiced.errors import SynthesizerFailed
from voiced.net.peer import Peer
from voiced.net.wire import INTERNET
from voiced.synthesizer.remote import RemoteFormat, RemoteVoice
from voiced.synthesizer.speech_sockets import open_speech_sockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from voiced.net.wire import Wire
    from voiced.synthesizer.speech_session import SpeechSession

AudioFormat: TypeAlias = Literal["mulaw_8000", "pcm_8000", "pcm_16000", "pcm_24000"]
"""What a provider is asked for: its rate stands in the name."""

PcmFormat: TypeAlias = Literal["pcm_8000", "pcm_16000", "pcm_24000"]

Level = Annotated[float, Field(ge=-40.0, le=-10.0, description="RMS level of speech, dBFS")]
Seconds = Annotated[float, Field(gt=0.0, le=60.0, description="seconds, above 0 to 60")]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S+$")]


class RemoteLimits(Protocol):
    """What the settings of each remote voice have."""

    @property
    def level_dbfs(self) -> float: ...  # noqa: D102 - see Level

    @property
    def connect_s(self) -> float: ...  # noqa: D102 - until a connection is open

    @property
    def first_audio_s(self) -> float: ...  # noqa: D102 - until the first sound, connecting included

    @property
    def stall_s(self) -> float: ...  # noqa: D102 - between two pieces of audio


def encoding_of(audio: AudioFormat) -> str:
    """Return our name of the encoding: a key of `voiced.audio.codec.SUPPORTED`."""
    return "PCMU" if audio.startswith("mulaw") else "L16"


def rate_of(audio: AudioFormat) -> int:
    """Return the sample rate, in Hz."""
    return int(audio.rpartition("_")[2])


def format_of(audio: AudioFormat, limits: RemoteLimits) -> RemoteFormat:
    """Return how a voice's audio comes and what it becomes."""
    return RemoteFormat(
        encoding=encoding_of(audio),
        rate_hz=rate_of(audio),
        level_dbfs=limits.level_dbfs,
        first_audio_s=limits.first_audio_s,
        stall_s=limits.stall_s,
    )


@asynccontextmanager
async def open_socket_voice(
    maker: Any,
    provider: str,
    url: str,
    headers: Mapping[str, str],
    session: Callable[[], SpeechSession],
    *,
    audio: AudioFormat,
    limits: RemoteLimits,
    wire: Wire = INTERNET,
) -> AsyncIterator[RemoteVoice]:
    """Give a voice of `maker` that speaks through sockets to `url`; see `open_speech_sockets`."""
    peer = Peer(provider, SynthesizerFailed)
    async with open_speech_sockets(
        url, peer=peer, headers=headers, session=session, connect_s=limits.connect_s, wire=wire
    ) as sockets:
        yield RemoteVoice(maker, peer, format_of(audio, limits), sockets.speak, sockets.anticipate)
