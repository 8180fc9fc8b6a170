"""ElevenLabs' text-to-speech socket with contexts: its messages. Pure.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
and https://elevenlabs.io/docs/eleven-api/guides/how-to/websockets/multi-context-web-socket. The
plain `stream-input` ends its connection with each text; here a text is a context, and the
connection stays.

* One context for each sentence. A flush is not answered; only the end of a context is (`isFinal`),
  so that is what tells the end of a sentence.
* A context that was flushed cannot be stopped, only left alone: what comes of it later is dropped
  by its id. At most five may be open at a time (more close the socket, code 1008), so that a
  connection with four open ones gets no text before one of them has ended.
* Times of characters count from the beginning of the audio in the same message.
* eleven_v3 is not offered on this socket.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from voiced.net.json import parsed
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

MOST_OPEN = 4
INACTIVITY_S = 180
"""Longest that a connection may be asked to stay without text."""

_KINDS: Mapping[str, TroubleKind] = {
    "max_active_conversations": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "too_many_concurrent_requests": "rate_limited",
    "concurrent_limit_exceeded": "rate_limited",
    "system_busy": "overloaded",
    "internal_server_error": "overloaded",
    "input_timeout_exceeded": "closed",
    "quota_exceeded": "unauthorized",
    "invalid_api_key": "unauthorized",
    "missing_permissions": "unauthorized",
    "authentication_error": "unauthorized",
    "payment_required": "unauthorized",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ElevenLabsVoice:
    """What a connection speaks with; `settings` are `voice_settings` other than the default."""

    voice_id: str
    model_id: str
    output_format: str
    language_code: str = ""
    settings: Mapping[str, float | bool] = field(default_factory=dict)


def socket_url(base: str, voice: ElevenLabsVoice) -> str:
    """Return the address to connect to; `base` is that of the service, `wss://host`."""
    query: list[tuple[str, str | int | bool]] = [
        ("model_id", voice.model_id),
        ("output_format", voice.output_format),
        ("auto_mode", True),  # generate at once: we send whole sentences
        ("sync_alignment", True),
        ("inactivity_timeout", INACTIVITY_S),
    ]
    if voice.language_code:
        query.append(("language_code", voice.language_code))
    path = f"/v1/text-to-speech/{quote(voice.voice_id, safe='')}/multi-stream-input"
    return with_query(base + path, query)


class ElevenLabsSession:
    """See `SpeechSession`."""

    is_spoilt = False

    def __init__(self, voice: ElevenLabsVoice, bytes_per_s: int) -> None:
        """Begin a connection whose audio takes `bytes_per_s`."""
        self._settings = dict(voice.settings)
        self._bytes_per_s = bytes_per_s
        self._n_texts = 0
        self._open: set[str] = set()
        self._present = ""
        self._audio_s = 0.0
        self._spelling = _Spelling()

    def opening(self) -> Sequence[str]:
        """Nothing: the first context opens the connection."""
        return ()

    def may_begin(self, now: float) -> bool:
        """Whether another context may be opened."""
        del now
        return len(self._open) < MOST_OPEN

    def begin(self, text: str, now: float) -> Sequence[str]:
        """Open a context with the text, flush it and close it: it ends once it is spoken."""
        del now
        self._n_texts += 1
        self._present = context = f"text-{self._n_texts}"
        self._open.add(context)
        self._audio_s, self._spelling = 0.0, _Spelling()
        first: dict[str, Any] = {"text": f"{text} ", "context_id": context}
        if self._settings:
            first["voice_settings"] = self._settings
        return (
            json.dumps(first),
            json.dumps({"context_id": context, "flush": True}),
            json.dumps({"context_id": context, "close_context": True}),
        )

    def cancel(self) -> Sequence[str]:
        """Close the context once more; it was closed for texts already."""
        context, self._present = self._present, ""
        return (json.dumps({"context_id": context, "close_context": True}),) if context else ()

    def receive(self, message: str | bytes) -> Sequence[SpeechEvent]:
        """See `SpeechSession`."""
        data = parsed(message)
        if data.get("error"):
            self._present = ""
            return (_trouble(data),)
        context = data.get("contextId", data.get("context_id"))
        is_final = bool(data.get("isFinal") or data.get("is_final"))
        if is_final:
            self._open.discard(str(context))
        if context != self._present:
            return ()
        events = self._audio(data)
        if is_final:
            self._present = ""
            events += [*_words(self._spelling.finish()), SpeechDone()]
        return events

    def _audio(self, data: Mapping[str, Any]) -> list[SpeechEvent]:
        events: list[SpeechEvent] = []
        alignment = data.get("alignment") or data.get("normalizedAlignment")
        if alignment:
            events += _words(self._spelling.feed(alignment, self._audio_s))
        if data.get("audio"):
            audio = a2b_base64(data["audio"])
            self._audio_s += len(audio) / self._bytes_per_s
            events.append(SpeechAudio(audio))
        return events


class _Spelling:
    """Makes words of characters with times."""

    def __init__(self) -> None:
        self._word = ""
        self._end_s = 0.0

    def feed(self, alignment: Mapping[str, Any], from_s: float) -> list[Word]:
        words = []
        starts, durations = alignment["charStartTimesMs"], alignment["charDurationsMs"]
        for character, start, duration in zip(alignment["chars"], starts, durations, strict=True):
            if character.isspace():
                words += self.finish()
            else:
                self._word += character
                self._end_s = from_s + (start + duration) / 1000
        return words

    def finish(self) -> list[Word]:
        """Return the word that is open, if one is."""
        word, self._word = self._word, ""
        return [Word(word, self._end_s)] if word else []


def _words(words: list[Word]) -> list[SpeechEvent]:
    return [SpeechWords(tuple(words))] if words else []


def _trouble(data: Mapping[str, Any]) -> SpeechTrouble:
    error = str(data["error"])
    reason = f"{error}: {data['message']}" if data.get("message") else error
    default: TroubleKind = "bad_request" if data.get("code") == 1008 else "failed"
    return SpeechTrouble(_KINDS.get(error, default), reason)
