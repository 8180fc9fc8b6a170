"""Keys of `[recognizer]` that several recognizers share. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from voiced.recognizer.dialect import Encoding
from voiced.recognizer.endpoint import EndpointSettings
from voiced.recognizer.hints import Room, hints

if TYPE_CHECKING:
    from voiced.recognizer.base import Vocabulary


class DetectorSettings(BaseModel):
    """How the voice detector in the box cuts utterances."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    silence_ms: int = Field(
        default=600, ge=200, le=5000, description="silence that ends an utterance, milliseconds"
    )
    pause_ms: int = Field(
        default=320,
        ge=0,
        le=5000,
        description="pause after which the words so far are told, milliseconds; 0: never",
    )
    min_speech_ms: int = Field(
        default=64, ge=32, le=1000, description="unbroken voice that starts one, milliseconds"
    )
    max_utterance_s: float = Field(
        default=20.0, ge=1, le=60, description="longer utterances are cut there, seconds"
    )
    threshold: float = Field(
        default=0.5, gt=0, lt=1, description="probability of voice from which it begins"
    )
    release: float = Field(
        default=0.35, gt=0, lt=1, description="probability below which it stops; under threshold"
    )

    @model_validator(mode="after")
    def _check_hysteresis(self) -> DetectorSettings:
        if self.release > self.threshold:
            raise ValueError(
                f"release ({self.release:g}) must not be above threshold ({self.threshold:g})"
            )
        return self

    def endpoint_settings(self) -> EndpointSettings:
        """Return what concerns the endpointer, in its units."""
        return EndpointSettings(
            threshold=self.threshold,
            release=self.release,
            min_speech_s=self.min_speech_ms / 1000,
            silence_s=self.silence_ms / 1000,
            max_utterance_s=self.max_utterance_s,
            pause_s=self.pause_ms / 1000 if self.pause_ms else math.inf,
        )


class BatchSettings(DetectorSettings):
    """What all recognizers of whole utterances have besides."""

    decode_timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="from the end of an utterance to its words, seconds"
    )


class HintSettings(BaseModel):
    """What all recognizers have that take words to expect; `room` is what their provider takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room: ClassVar[Room] = Room()

    keyterms: tuple[str, ...] = Field(default=(), description="words and names to expect")
    hints: bool = Field(
        default=True, description="tell those that the agent expects, too: of its vocabulary"
    )

    @field_validator("keyterms")
    @classmethod
    def _check_room(cls, terms: tuple[str, ...]) -> tuple[str, ...]:
        return cls.room.checked(terms)

    def terms(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Return what the provider is told of `vocabulary`, and of `keyterms` before."""
        return hints(self.keyterms, vocabulary.terms if self.hints else (), self.room)


class StreamingSettings(DetectorSettings, HintSettings):
    """What all recognizers over a socket have besides."""

    api_key: SecretStr = Field(
        default=SecretStr(""), description='key; "" = environment variable or credential'
    )
    encoding: Encoding = Field(
        default="mulaw", description="of the audio sent: mulaw is what the telephone brings"
    )
    sample_rate: Literal[8000, 16000] = Field(
        default=8000, description="Hz; 16000 for wide-band calls, with encoding = linear16"
    )
    connect_timeout_s: float = Field(
        default=3.0, gt=0, le=30, description="for TCP, TLS and handshake together, seconds"
    )
    final_timeout_s: float = Field(
        default=3.0, gt=0, le=30, description="from the end of an utterance to its words, seconds"
    )
    reconnect_s: float = Field(
        default=4.0,
        ge=0,
        le=60,
        description="a lost connection is opened anew for so long, seconds; 0: never",
    )
    replay_s: float = Field(
        default=30.0,
        ge=1,
        le=120,
        description="audio that a new connection is given at most, seconds",
    )
