"""OpenAI's speech endpoint, and those that are made like it: what is asked. Pure.

https://developers.openai.com/api/reference/resources/audio/subresources/speech/methods/create. The
answer to `response_format` "pcm" is 24 kHz, 16 bits, little-endian, without a header, as it is
made.
"""

from __future__ import annotations

from dataclasses import dataclass

PATH = "/audio/speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIVoice:
    """What texts are spoken with; `instructions` are for models that take them."""

    model: str
    voice: str
    instructions: str = ""
    speed: float = 1.0


def request_of(voice: OpenAIVoice, text: str) -> dict[str, str | float]:
    """Return the body of the request that has `text` spoken."""
    request: dict[str, str | float] = {
        "model": voice.model,
        "voice": voice.voice,
        "input": text,
        "response_format": "pcm",
    }
    if voice.instructions:
        request["instructions"] = voice.instructions
    if voice.speed != 1.0:
        request["speed"] = voice.speed
    return request
