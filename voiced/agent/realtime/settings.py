"""Keys of `[agent]` for `provider = "openai-realtime"`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr

from voiced.agent.model.settings import PromptSettings
from voiced.net.urls import SocketUrl  # noqa: TC001 - pydantic reads it

_MOST_PATIENCE_S = {"low": 8.0, "medium": 4.0, "auto": 4.0, "high": 2.0}
"""The API's own limits of the silence that ends a turn, by `eagerness`."""


class RealtimeSettings(PromptSettings):
    """Beside the prompt and the tools, which all models have."""

    api_key: SecretStr = Field(default=SecretStr(""), description='"" = from OPENAI_API_KEY')
    url: SocketUrl = Field(
        default="wss://api.openai.com/v1/realtime", description="of the API, without query"
    )
    model: str = Field(default="gpt-realtime-2.1", min_length=1, description="name of the model")
    voice: str = Field(
        default="marin", min_length=1, description="a voice of the API, or the id of one's own"
    )
    speed: float = Field(default=1.0, ge=0.25, le=1.5, description="times the usual pace")
    reasoning_effort: Literal["", "minimal", "low", "medium", "high", "xhigh"] = Field(
        default="", description='of models from gpt-realtime-2 on; "" = their own'
    )
    turn_detection: Literal["semantic", "server"] = Field(
        default="semantic", description="by what is said, or by silence alone"
    )
    eagerness: Literal["low", "medium", "high", "auto"] = Field(
        default="auto", description="semantic: how soon the model answers"
    )
    silence_ms: int = Field(
        default=500, ge=100, le=5000, description="server: silence that ends a turn"
    )
    threshold: float = Field(default=0.5, ge=0, le=1, description="server: how loud a voice is")
    noise_reduction: Literal["near_field", "far_field", "off"] = Field(
        default="off", description="of the caller's audio, before the model hears it"
    )
    transcription: str = Field(
        default="gpt-4o-mini-transcribe",
        description='model that writes down what the caller says, for the record; "" = none does',
    )
    language: str = Field(
        default="", pattern=r"^([a-z]{2})?$", description='of the caller, as "en"; "" = any'
    )
    speaks_first: bool = Field(default=True, description="greet the caller, or wait for words")
    max_tokens: int = Field(default=0, ge=0, le=4096, description="of one answer; 0 = no limit")
    answer_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="from the end of a turn to a sign of the answer, and from one to the next",
    )
    connect_s: float = Field(default=4.0, gt=0, le=30, description="for connection and session")
    reconnect_s: float = Field(
        default=6.0, ge=0, le=30, description="a lost connection is tried anew for so long"
    )

    @property
    def end_of_speech_s(self) -> float:
        """Silence in which the API must have told that the caller's turn is over."""
        if self.turn_detection == "server":
            return self.silence_s + self.answer_s
        return _MOST_PATIENCE_S[self.eagerness] + self.answer_s

    @property
    def silence_s(self) -> float:
        """Silence in front of the end of a turn, as far as it is known."""
        return self.silence_ms / 1000 if self.turn_detection == "server" else 0.0

    def turns(self) -> dict[str, Any]:
        """Return the turn detection as the API has it."""
        if self.turn_detection == "semantic":
            return {"type": "semantic_vad", "eagerness": self.eagerness}
        return {
            "type": "server_vad",
            "threshold": self.threshold,
            "silence_duration_ms": self.silence_ms,
        }
