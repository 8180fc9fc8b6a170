"""Keys that remote voices have in common, and what they say of their audio."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from voiced.synthesizer.remote import RemoteFormat

AudioFormat: TypeAlias = Literal["mulaw_8000", "pcm_8000", "pcm_16000", "pcm_24000"]
"""What a provider is asked for: its rate stands in the name."""

PcmFormat: TypeAlias = Literal["pcm_8000", "pcm_16000", "pcm_24000"]

Level = Annotated[float, Field(ge=-40.0, le=-10.0, description="RMS level of speech, dBFS")]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S+$")]


class RemoteVoiceSettings(BaseModel):
    """What the settings of all remote voices have besides their own keys and `audio`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = Field(
        default=SecretStr(""), description='key; "" = environment variable or credential'
    )
    level_dbfs: Level = -20.0
    connect_s: float = Field(
        default=3.0, gt=0, le=60, description="until a connection is open, seconds"
    )
    first_audio_s: float = Field(
        default=4.0,
        gt=0,
        le=60,
        description="until a sentence begins to sound, connecting included, seconds",
    )
    stall_s: float = Field(
        default=3.0, gt=0, le=60, description="between two pieces of its sound, seconds"
    )


def is_mulaw(audio: AudioFormat) -> bool:
    """Tell mu-law from 16-bit PCM."""
    return audio.startswith("mulaw")


def rate_of(audio: AudioFormat) -> int:
    """Return the sample rate, in Hz."""
    return int(audio.rpartition("_")[2])


def format_of(audio: AudioFormat, settings: RemoteVoiceSettings) -> RemoteFormat:
    """Return how a voice's audio comes and what it becomes."""
    return RemoteFormat(
        encoding="PCMU" if is_mulaw(audio) else "L16",
        rate_hz=rate_of(audio),
        level_dbfs=settings.level_dbfs,
        first_audio_s=settings.first_audio_s,
        stall_s=settings.stall_s,
    )
