"""Cartesia's text-to-speech socket: its messages. Pure.

https://docs.cartesia.ai/api-reference/tts/websocket, version 2026-03-01, and
https://docs.cartesia.ai/api-reference/tts/working-with-web-sockets/contexts.

* One context for each sentence: its end is told (`done`), and its times count from its start. A
  context is gone a second after its last audio, which comes faster than it is spoken: the next
  sentence of a reply, begun when this one has been queued for the caller, would mostly be too late
  for it.
* `cancel` stops what has not begun to sound; what has goes on to its end, and is dropped by its
  context.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voiced.net.json import parsed
from voiced.net.peer import kind_of_status
from voiced.net.urls import with_query
from voiced.record.word_times import Word
from voiced.synthesizer.speech_session import (
    SpeechAudio,
    SpeechDone,
    SpeechEvent,
    SpeechTrouble,
    SpeechWords,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voiced.errors import TroubleKind

API_VERSION = "2026-03-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class CartesiaVoice:
    """What a connection speaks with; `generation` holds the `generation_config` that was set."""

    voice_id: str
    model_id: str
    encoding: str
    rate_hz: int
    language: str = ""
    generation: Mapping[str, float | str] = field(default_factory=dict)


def socket_url(base: str) -> str:
    """Return the address to connect to; `base` is that of the service, `wss://host`."""
    return with_query(f"{base}/tts/websocket", [("cartesia_version", API_VERSION)])


class CartesiaSession:
    """See `SpeechSession`."""

    is_spoilt = False

    def __init__(self, voice: CartesiaVoice) -> None:
        self._request: dict[str, Any] = {
            "model_id": voice.model_id,
            "voice": {"mode": "id", "id": voice.voice_id},
            "output_format": {
                "container": "raw",
                "encoding": voice.encoding,
                "sample_rate": voice.rate_hz,
            },
            "add_timestamps": True,
            "use_normalized_timestamps": False,  # words as we wrote them
            "continue": False,
        }
        if voice.language:
            self._request["language"] = voice.language
        if voice.generation:
            self._request["generation_config"] = dict(voice.generation)
        self._n_texts = 0
        self._present = ""

    def opening(self) -> Sequence[str]:
        """Nothing."""
        return ()

    def may_begin(self, now: float) -> bool:
        """Whether another text may be begun: always."""
        del now
        return True

    def begin(self, text: str, now: float) -> Sequence[str]:
        """Ask for the whole text in one context."""
        del now
        self._n_texts += 1
        self._present = f"text-{self._n_texts}"
        request = {**self._request, "transcript": text, "context_id": self._present}
        return (json.dumps(request),)

    def cancel(self) -> Sequence[str]:
        """Cancel the context."""
        context, self._present = self._present, ""
        return (json.dumps({"context_id": context, "cancel": True}),) if context else ()

    def receive(self, message: str | bytes) -> Sequence[SpeechEvent]:
        """See `SpeechSession`."""
        data = parsed(message)
        if data.get("context_id", self._present) != self._present or not self._present:
            return ()
        match data.get("type"):
            case "chunk":
                return (SpeechAudio(a2b_base64(data["data"])),)
            case "timestamps":
                return _words(data["word_timestamps"])
            case "done":
                self._present = ""
                return (SpeechDone(),)
            case "error":
                self._present = ""
                return (_trouble(data),)
            case _:
                return ()


def _words(timestamps: Mapping[str, Any]) -> Sequence[SpeechEvent]:
    pairs = zip(timestamps["words"], timestamps["end"], strict=True)
    words = tuple(Word(str(word), float(end_s)) for word, end_s in pairs)
    return (SpeechWords(words),) if words else ()


def _trouble(data: Mapping[str, Any]) -> SpeechTrouble:
    said = [data.get(name) for name in ("error_code", "title", "message", "error")]
    status = data.get("status_code")
    kind: TroubleKind = kind_of_status(status) if isinstance(status, int) else "failed"
    return SpeechTrouble(kind, ": ".join(str(part) for part in said if part) or "error")
